"""The tables of a report as texts, the same for HTML, Markdown and the terminal."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...footnotes import Footnotes
from .cells import NOT_MEASURED, Cell, count, duration, mebibytes, memory, millions, percent, ranged, spread
from .markdown import escape_markdown

NAMES = dict(last='last epoch', best='best epoch', inner='chosen epoch', tested='tested alone')


@dataclass(frozen=True)
class Table:
    """Column names, and rows of texts with figures as :class:`Cell`.

    ``strong`` numbers the rows to be set off, ``words`` the columns that are text; ``foot`` holds rows that stay last
    however the others are sorted, ``notes`` what raised numbers in cells refer to.
    """
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[int] = frozenset()
    words: frozenset[int] = frozenset({0})
    foot: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """A Markdown table, columns of figures to the right."""
        lines = [list(map(escape_markdown, self.head)),
                 ['---' if index in self.words else '---:' for index in range(len(self.head))]]
        for number, row in enumerate(self.rows):
            lines.append([_strong(cell) if number in self.strong else escape_markdown(cell) for cell in row])
        lines += [list(map(_strong, row)) for row in self.foot]
        notes = [f'{number}. {escape_markdown(note)}' for number, note in enumerate(self.notes, 1)]
        return '\n'.join([f'| {" | ".join(line)} |' for line in lines] + ([''] + notes if notes else []))



def _strong(cell: str) -> str:
    return f'**{escape_markdown(cell)}**' if cell else ''


def bootstrap_told(found: Mapping[str, Any]) -> str:
    """What the intervals of a table are, in words."""
    return (f'{100 * found["level"]:.0f} % intervals: {found["method"]}, {found["resamples"]:,} resamples, '
            f'seed {found["seed"]}')


def fold_name(fold: int | None) -> str:
    """What a run of several is called."""
    return 'one split' if fold is None else f'fold {fold}'


def titles(report: Mapping[str, Any]) -> dict[str, str]:
    """A title for each kind of epoch that has figures of its own: the best epoch has none where it is the last."""
    last, best = (report.get(kind) and [row['epoch'] for row in report[kind]['folds']] for kind in ('last', 'best'))
    if last is not None and last == best:
        return dict(last='last epoch, which is the best')
    return {kind: NAMES[kind] for kind in report['kinds']}


def result_table(report: Mapping[str, Any]) -> Table:
    """UAR and WAR of each kind of epoch: mean of the folds, and pooled; the paper's row below."""
    folds, rows, notes = report['folds'], [], Footnotes()
    named = titles(report)
    for kind, name in named.items():
        part = report[kind]
        inside = part['intervals'] or dict(uar=None, war=None, pooled=dict(uar=None, war=None))
        epochs = sorted({row['epoch'] for row in part['folds'] if row['epoch'] is not None})
        told = '' if not epochs else f', {epochs[0]}' if len(epochs) == 1 else f', {epochs[0]} to {epochs[-1]}'
        what = name + told + (f', mean of {len(folds)} folds' if len(folds) > 1 else '')
        rows.append([what, spread(part['uar']), ranged(inside['uar']), spread(part['war']), ranged(inside['war'])])
        if len(folds) > 1:
            pooled, inside = part['pooled'] or dict(uar=None, war=None), inside['pooled']
            rows.append([f'{name}, folds pooled', percent(pooled['uar']), ranged(inside['uar']),
                         percent(pooled['war']), ranged(inside['war'])])
    if report['paper'] is not None:
        paper = report['paper']
        rows.append([f'the paper: {label(paper)}' + notes.mark(paper['remarks']),
                     percent(paper['uar'], 'not given'), '', percent(paper['war'], 'not given'), ''])
    strong = {index for index, row in enumerate(rows) if report['select'] and row[0].startswith(named[report['select']])
              and 'pooled' not in row[0]}
    return Table(('figures', 'UAR', '95 %', 'WAR', '95 %'), rows, frozenset(strong), notes=notes)


def label(paper: Mapping[str, Any]) -> str:
    """Model, variant and paper of a published row."""
    inner = ', '.join(filter(None, (paper['note'], paper['paper'])))
    return paper['model'] + (f' ({inner})' if inner else '')


def published_table(published: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]] = ()) -> Table:
    """What papers print for a set, highest WAR first, with our own figures among them.

    Args:
        published: of :func:`mmdfer.runs.published.published`.
        ours: rows with ``name``, ``folds``, ``select``, ``tunable``, and UAR and WAR as ``uar`` and ``war`` with their
            deviations as ``uar_std`` and ``war_std``, of :func:`mmdfer.runs.summary.summary_rows`.
    """
    notes = Footnotes()
    rows = [(row['war'], [label(row) + notes.mark(row['remarks']), ', '.join(row['printed']), row['protocol'],
                          millions(row['tunable']), percent(row['uar'], 'not given'),
                          percent(row['war'], 'not given')]) for row in published]
    rows += [(row['war'], [f'{row["name"]} (measured here, {folds_told(row["folds"])})', '',
                           NAMES.get(row['select'], ''), millions(row['tunable']),
                           *(_figure(row, key) for key in ('uar', 'war'))]) for row in ours if row['war'] is not None]
    rows.sort(key=lambda row: -(row[0] or 0))
    strong = frozenset(index for index, (_, row) in enumerate(rows) if 'measured here' in row[0])
    return Table(('method', 'printed in', 'figures are of', 'tunable', 'UAR', 'WAR'), [row for _, row in rows], strong,
                 frozenset({0, 1, 2}), notes=notes)


def own_rows(report: Mapping[str, Any]) -> list[dict]:
    """A report's own figures as a row of :func:`published_table`; none where it has none."""
    if not report['select']:
        return []
    part = report[report['select']]
    return [dict({key: report[key] for key in ('name', 'folds', 'select', 'tunable')},
                 **{key: part[key]['mean'] for key in ('uar', 'war')},
                 **{f'{key}_std': part[key]['std'] for key in ('uar', 'war')})]


def summary_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A row a run or group of folds, of :func:`mmdfer.runs.summary.summary_rows`."""
    head = ('model', 'set', 'folds', 'UAR', 'WAR', 'best epoch UAR', 'best epoch WAR', 'paper UAR', 'paper WAR',
            'tunable', 'total', 'time', 'memory')
    cells = []
    for row in rows:
        best, paper = row['best'] or {}, row['paper']
        cells.append([
            row['name'], row.get('title') or row['dataset'] or '',
            ', '.join(map(str, row['folds'])) if row['folds'] != [None] else '',
            *(_figure(row, key) for key in ('uar', 'war')), *(_figure(best, key, '') for key in ('uar', 'war')),
            *(percent(paper[key], 'not given') if paper else '' for key in ('uar', 'war')),
            count(row['tunable']), count(row['total']), duration(row['seconds']),
            memory(row['cuda_mib'], row['rss_mib'])])
    told = [index for index in range(len(head)) if any(row[index] for row in cells)]        # no column for nothing
    words = frozenset(place for place, index in enumerate(told) if head[index] in ('model', 'set', 'folds'))
    return Table([head[index] for index in told], [[row[index] for index in told] for row in cells], words=words)


def _figure(row: Mapping[str, Any], key: str, missing: str = NOT_MEASURED) -> Cell:
    return Cell(missing, None) if row.get(key) is None else spread(dict(mean=row[key], std=row[f'{key}_std']))


def folds_told(folds: Sequence[int | None]) -> str:
    """``fold 1``, ``5 folds`` or ``one split``."""
    return f'{len(folds)} folds' if len(folds) > 1 else fold_name(folds[0])


def fold_table(report: Mapping[str, Any]) -> Table:
    """A row a fold: epoch, clips, UAR, WAR of each kind, time and memory."""
    head, rows, kinds = ['fold'], [], list(titles(report))
    for kind in kinds:
        head += [f'{NAMES[kind]}', 'UAR', 'WAR']
    head += ['clips', 'time', 'memory']
    for index, run in enumerate(report['runs']):
        cells, clips = [fold_name(run['fold'])], None
        for kind in kinds:
            row = report[kind]['folds'][index]
            epoch = row['epoch']
            cells += [Cell('' if epoch is None else str(epoch), epoch or 0), percent(row['uar']), percent(row['war'])]
            clips = row['clips']
        rows.append([*cells, count(clips), duration(run['seconds']), memory(run['cuda_mib'], run['rss_mib'])])
    return Table(head, rows)


def class_table(report: Mapping[str, Any]) -> Table:
    """Recall of each class with its interval, its precision, and what it is taken for most."""
    classes, kinds = report['classes'] or (), list(titles(report))
    part = report[report['select']] if report['select'] else dict(pooled=None, intervals=None)
    inside = part['intervals']
    head = ['class', *(f'recall, {NAMES[kind]}' for kind in kinds), 'precision', 'most often taken for']
    if inside:
        head.insert(2, '95 %')
    matrix = np.array(part['pooled']['confusion']) if part['pooled'] else None
    rows = []
    for index, name in enumerate(classes):
        recalls = [report[kind]['recall'] for kind in kinds]
        row = [name, *(percent(recall[index] if recall else None) for recall in recalls)]
        if inside:
            row.insert(2, ranged(inside['recall'][index], 'no clip'))
        rows.append(row + (_column(matrix, index, classes) if matrix is not None else [percent(None), NOT_MEASURED]))
    return Table(head, rows, words=frozenset({0, len(head) - 1}))


def _column(matrix: np.ndarray, index: int, classes: Sequence[str]) -> list[str]:
    """Precision of a class, and the class that most of its clips go to by mistake."""
    predicted, wrong = matrix[:, index].sum(), matrix[index].copy()
    wrong[index] = 0
    told = f'{classes[wrong.argmax()]} ({100 * wrong.max() / matrix[index].sum():.1f} %)' if wrong.any() else ''
    return [percent(matrix[index, index] / predicted if predicted else None, 'never predicted'), told]


def data_table(report: Mapping[str, Any]) -> Table | None:
    """Clips of each class in the training and the test set of each fold, and of all."""
    if not report['data'] or not report['classes']:
        return None
    many = len(report['data']) > 1
    head, columns = ['class'], []
    for part in report['data']:
        for split in ('train', 'test'):
            head.append(f'{split}, {fold_name(part["fold"])}' if many else split)
            columns.append(part[split])
    rows = [[name, *(count(column[index]) for column in columns)] for index, name in enumerate(report['classes'])]
    return Table(head, rows, foot=[['all', *(count(sum(column)) for column in columns)]])


def cost_table(report: Mapping[str, Any]) -> Table:
    """Parameters, time and memory."""
    cost, several = report['cost'], len(report['folds']) > 1
    whole = ', all folds' if several else ''
    share = report['tunable'] / report['total'] if report['tunable'] is not None and report['total'] else None
    rows = [
        ['tunable parameters', count(report['tunable']) + ('' if share is None else f' ({100 * share:.2f} %)')],
        ['parameters', count(report['total'])],
        [f'training iterations{whole}, without validation', duration(cost['training_seconds'])],
        [f'wall clock of the last start{whole}', duration(cost['seconds'])],
        ['an iteration', duration(cost['iteration_seconds'])],
        ['peak memory, CUDA', mebibytes(cost['cuda_mib'])],
        ['peak memory, main process', mebibytes(cost['rss_mib'])],
    ]
    return Table(('', ''), rows, words=frozenset({0}))


def mistake_rows(report: Mapping[str, Any]) -> list[str]:
    """A line a mistake."""
    return [(f'{mistake["id"]}' + (f', {fold_name(mistake["fold"])}' if len(report['folds']) > 1 else '')
             + f': {mistake["label"]} ({100 * mistake["probability_label"]:.1f} %) taken for {mistake["predicted"]} '
             f'({100 * mistake["probability"]:.1f} %)') for mistake in report['mistakes'] or ()]
