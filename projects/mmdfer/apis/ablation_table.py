"""What is written of the runs of a paper's rows: a table with the paper's figures beside ours."""
from __future__ import annotations

import os
from collections.abc import Sequence
from statistics import mean, stdev

from ..files import write_json, write_text
from ..runs.marks import marked


def spread(values: Sequence[float]) -> str:
    """Mean in per cent, with the sample standard deviation where there are several."""
    text = f'{100 * mean(values):.2f}'
    return text if len(values) == 1 else f'{text} ± {100 * stdev(values):.2f}'


def write_table(rows: Sequence[dict], out: str, demo: bool = False) -> str:
    """Write ``table.md`` and ``table.json`` into ``out``: measured figures of the last epoch, the paper's beside.

    Args:
        rows: of :func:`mmdfer.apis.ablation.run_trials`.
        out: the folder.
        demo: say that ours are of the synthetic set.
    """
    sets = list(dict.fromkeys(name for row in rows for name in row.get('paper') or {}))
    lines = ['| group | row | tunable | UAR | WAR | runs |' + ''.join(f' paper, {name} |' for name in sets),
             '|---|---|---:|---:|---:|---:|' + '---:|' * len(sets)]
    for row in rows:
        results, published = row['results'], row.get('paper') or {}
        paper = [' / '.join(f'{value:.2f}' for value in published[name]) if name in published else '' for name in sets]
        name = marked(row['name'], sum(one.get('seen_clips') or 0 for one in results))
        cells = [row['group'], name, f'{results[0]["tunable"]:,}', spread([one['uar'] for one in results]),
                 spread([one['war'] for one in results]), str(len(results)), *paper]
        lines.append(f'| {" | ".join(cells)} |')
    shared: dict[str, list[str]] = {}
    for row in rows:
        shared.setdefault(row.get('runs', row['row']), []).append(row['row'])
    lines += [
        f'\nOne run, since their settings are the same: {", ".join(names)}.' for names in shared.values()
        if len(names) > 1
    ]
    if demo:
        lines.append('\nUAR and WAR are of the synthetic demo set, in per cent; the papers\' are of their own sets.')
    text = '\n'.join(lines) + '\n'
    write_text(text, os.path.join(out, 'table.md'))
    write_json(list(rows), os.path.join(out, 'table.json'))
    return text
