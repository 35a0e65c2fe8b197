"""Finished runs side by side."""
from __future__ import annotations

import json
import os
from collections.abc import Sequence

from ..visualization import plot_curves
from .running import write_json

COLUMNS = ('name', 'uar', 'war', 'tunable', 'total', 'seconds')


def read_results(paths: Sequence[str]) -> list[dict]:
    """The ``result.json`` of each work directory.

    Raises:
        ValueError: for a directory without one.
    """
    results = []
    for path in paths:
        file = path if path.endswith('.json') else os.path.join(path, 'result.json')
        if not os.path.isfile(file):
            raise ValueError(f'{file}: no such result; it is written when a training ends')
        with open(file, encoding='utf-8') as stream:
            results.append(json.load(stream))
    return results


def table(rows: Sequence[dict]) -> str:
    """Rows as a Markdown table; UAR and WAR of the last epoch in per cent, the best epoch beside them."""
    lines = ['| model | UAR | WAR | best epoch UAR / WAR | tunable | total | seconds |',
             '|---|---:|---:|---:|---:|---:|---:|']
    for row in rows:
        best = row['best']
        lines.append(f'| {row["name"]} | {100 * row["uar"]:.2f} | {100 * row["war"]:.2f} | {100 * best["uar"]:.2f} / '
                     f'{100 * best["war"]:.2f} (epoch {best["epoch"]}) | {row["tunable"]:,} | {row["total"]:,} | '
                     f'{row["seconds"]:.0f} |')
    return '\n'.join(lines)


def summarize(paths: Sequence[str], out: str | None = None, curves: str | None = None) -> list[dict]:
    """Print the table of some runs, and write it as JSON and Markdown beside each other.

    Args:
        paths: work directories.
        out: a ``.json`` file; the Markdown gets the same stem.
        curves: a picture of the runs' curves, compared.
    """
    rows = read_results(paths)
    text = table(rows)
    print(text)
    if out is not None:
        os.makedirs(os.path.dirname(out) or '.', exist_ok=True)
        write_json([dict((key, row[key]) for key in COLUMNS) | dict(best=row['best']) for row in rows], out)
        with open(f'{os.path.splitext(out)[0]}.md', 'w', encoding='utf-8') as file:
            file.write(text + '\n')
    if curves is not None:
        plot_curves({row['name']: row['work_dir'] for row in rows}, curves)
    return rows
