"""The summary of a cross-validation as Markdown."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...evaluation.fold_summary import MEANINGS
from .cells import count, percent, ranged, spread
from .markdown import escape_markdown
from .tables import Table, bootstrap_told


def render_folds(summary: Mapping[str, Any]) -> str:
    """The content of ``folds.json`` (:mod:`mmdfer.runs.fold_results`): the figure to quote, a table a kind of epoch."""
    kind = summary['select']
    quoted, folds = summary[kind], ', '.join(map(str, summary['folds']))
    title = [f'Set: {escape_markdown(summary["title"])}', ''] if summary.get('title') else []
    lines = [f'# {escape_markdown(summary["name"])}', '', *title,
             f'UAR {spread(quoted["uar"])}, WAR {spread(quoted["war"])} (per cent): mean'
             f'{"" if quoted["uar"]["std"] is None else " ± standard deviation"} of '
             f'fold{"s"[:len(summary["folds"]) > 1]} {folds}, {MEANINGS[kind]}.']
    inside = quoted.get('intervals')        # files from before have none
    if inside:
        lines += [f'UAR {ranged(inside["uar"])}, WAR {ranged(inside["war"])}: {bootstrap_told(inside)}.']
    lines += [f'**{escape_markdown(note)}**' for note in summary['notes']]
    for name in (name for name in MEANINGS if name in summary):
        lines += ['', f'## {MEANINGS[name].capitalize()}', '', _table(summary[name], summary['classes']).markdown()]
    return '\n'.join(lines) + '\n'


def _table(part: Mapping[str, Any], classes: Sequence[str]) -> Table:
    """A row a fold, blank for a class without clips; mean and pooled figures below."""
    rows = [[str(row['fold']), '' if row['epoch'] is None else str(row['epoch']), count(row['clips']),
             percent(row['uar']), percent(row['war']),
             *('' if name in row['absent'] else percent(recall) for name, recall in zip(classes, row['recall']))]
            for row in part['folds']]
    pooled = part['pooled']
    foot = [['mean', '', '', spread(part['uar']), spread(part['war']), *map(percent, part['recall'])],
            ['pooled', '', count(pooled['clips']), percent(pooled['uar']), percent(pooled['war']),
             *map(percent, pooled['recall'])]]
    return Table(['fold', 'epoch', 'clips', 'UAR', 'WAR', *classes], rows, foot=foot)
