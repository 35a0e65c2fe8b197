"""Finished runs side by side: one table for the terminal, Markdown, JSON, HTML and LaTeX."""
from __future__ import annotations

import os
from collections.abc import Sequence

from ..files import write_json, write_text
from ..visualization.curves import plot_curves
from ..visualization.report import Table, draw_curves, latex_rows, published_table, render_summary, summary_table
from .folder import RunFolder
from .groups import find_runs, summarize_runs, total_cost
from .marks import marked, picture_title, set_told
from .published import comparable, paper_row, published
from .result import read_result

SORTS = ('uar', 'war', 'name', 'tunable', 'seconds')


def read_results(paths: Sequence[str]) -> list[dict]:
    """The ``result.json`` of each work directory.

    Raises:
        ValueError: for a directory without one.
    """
    return list(map(read_result, paths))


def summary_rows(groups: Sequence[Sequence[RunFolder]]) -> list[dict]:
    """A row for each run or group of folds.

    Returns:
        Dicts with ``name``, ``dataset``, ``folds``, ``select`` (of which epoch the figures are), ``uar``, ``war`` and
        their standard deviations over the folds, ``intervals`` with those of the chosen epoch, ``best`` with the best
        epoch's, ``pooled`` (or ``None``), ``tunable``, ``total``, ``seen_clips`` (test clips that were trained on),
        ``seconds`` (added up), ``cuda_mib`` and ``rss_mib`` (the largest), ``paper`` (its row or ``None``) and
        ``work_dirs``. What was not measured is ``None``.
    """
    return [_row(runs) for runs in groups]


def _row(runs: Sequence[RunFolder]) -> dict:
    first = runs[0]
    summary = summarize_runs(runs)
    select = summary['select']
    chosen, best = summary.get(select), summary.get('best')
    cost = total_cost([run.cost() for run in runs])
    clips = [row['clips'] for row in chosen['folds']] if chosen else [None]
    same_set, seen = comparable(first.dataset, clips), sum(run.result.get('seen_clips') or 0 for run in runs)
    return dict(
        name=marked(first.result['name'], seen), dataset=first.dataset,
        title=set_told(first.title, first.dataset, clips), folds=summary['folds'],
        select=select, seen_clips=seen,
        **{key: chosen and chosen[key]['mean'] for key in ('uar', 'war')},
        **{f'{key}_std': chosen and chosen[key]['std'] for key in ('uar', 'war')},
        intervals=chosen and chosen['intervals'] and {key: chosen['intervals'][key] for key in ('uar', 'war')},
        best=best and dict({key: best[key]['mean'] for key in ('uar', 'war')},
                           **{f'{key}_std': best[key]['std'] for key in ('uar', 'war')},
                           epoch=best['folds'][0]['epoch'] if len(runs) == 1 else None),
        pooled=chosen['pooled'] and {key: chosen['pooled'][key] for key in ('uar', 'war', 'clips')} if chosen else None,
        tunable=first.result.get('tunable'), total=first.result.get('total'),
        seconds=cost['seconds'], cuda_mib=cost['cuda_mib'], rss_mib=cost['rss_mib'],
        paper=paper_row(first.config_name, first.dataset) if same_set else None, comparable=same_set,
        work_dirs=[str(run.path) for run in runs])


def summarize(paths: Sequence[str], out: str | None = None, curves: str | None = None, latex: str | None = None,
              sort: str | None = None, with_published: bool = False) -> list[dict]:
    """Print the table of some runs, and write it.

    Args:
        paths: work directories, or folders of them; the folds below one folder are one row.
        out: a ``.json`` file; Markdown and an HTML page get the same stem.
        curves: a picture of the runs' curves, compared.
        latex: a file for the rows of a LaTeX table.
        sort: a column of ``SORTS``; figures from the highest. The order of the paths by default.
        with_published: print all that is published on each set of the runs below, with the runs among it.

    Raises:
        ValueError: for a folder without a finished run, or an unknown column.
    """
    if sort is not None and sort not in SORTS:
        raise ValueError(f'sort={sort!r}: choose one of {", ".join(SORTS)}')
    groups = list({str(group[0].path): group for path in paths for group in find_runs(path)}.values())
    pairs = list(zip(summary_rows(groups), groups))
    if sort == 'name':
        pairs.sort(key=lambda pair: pair[0]['name'])
    elif sort is not None:
        pairs.sort(key=lambda pair: -(pair[0][sort] if pair[0][sort] is not None else -1))
    rows, groups = [row for row, _ in pairs], [group for _, group in pairs]
    table = summary_table(rows)
    print(table.markdown())
    tables = _published_tables(rows) if with_published or out is not None else {}
    if with_published:
        for title, one in tables.items():
            print(f'\n{title}, published and measured here, in per cent:\n\n{one.markdown()}')
    records = {name: run.records for name, run in zip(_names(rows), (group[0] for group in groups)) if run.records}
    if curves is not None and records:
        plot_curves(records, curves)
    if out is not None:
        _write(out, rows, table, tables, draw_curves(records) if 0 < len(records) <= 12 else None)
    if latex is not None:
        write_text(latex_rows(rows), latex)
    return rows


def _names(rows: Sequence[dict]) -> list[str]:
    """A name for each row's first run, told apart by its folder where two rows are called the same."""
    names = [picture_title(row['name'], row['title']) for row in rows]
    return [name if names.count(name) == 1 else f'{name} ({row["work_dirs"][0]})' for name, row in zip(names, rows)]


def _published_tables(rows: Sequence[dict]) -> dict[str, Table]:
    """All that is published on each set that the runs may be compared on, the runs among it, by the set's title."""
    sets = {row['dataset']: row['title'] for row in rows if row['dataset'] and row['comparable']}
    ours = {name: [row for row in rows if row['dataset'] == name and row['comparable']] for name in sets}
    return {title: published_table(published(name), ours[name]) for name, title in sorted(sets.items())
            if published(name)}


def _write(out: str, rows: Sequence[dict], table: Table, tables: dict[str, Table],
           curves: dict[str, str] | None) -> None:
    """``out`` as JSON, and Markdown and HTML beside it."""
    write_json(list(rows), out)
    stem = os.path.splitext(out)[0]
    write_text(table.markdown() + '\n', f'{stem}.md')
    write_text(render_summary(table, tables, curves), f'{stem}.html')
