"""A paper's table with ours beside: what is printed, what was measured here, and what a reader must know of either."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import mean, stdev
from typing import Any

from ..footnotes import Footnotes
from ..visualization.report.cells import NOT_MEASURED
from ..visualization.report.sheet import TUNABLE, Figure, Line, Sheet
from .published import SETS, PublishedRow, PublishedTable
from .published.reading import Column

DEMO = 'demo (synthetic)'
LEADING = ('venue', 'backbone', 'trained_on', 'tunable')


@dataclass(frozen=True)
class Measured:
    """The runs of a row on a set: figures in [0, 1], a run each.

    Args:
        uar, war: of each run.
        recall: of each run, by class.
        planned: how many runs the table wants.
        folds, seeds: of the finished runs; no folds for a set with one split.
        tunable: parameters that trained.
        notes: what a reader must know, a sentence each.
    """
    uar: Sequence[float] = ()
    war: Sequence[float] = ()
    recall: Sequence[Mapping[str, float]] = ()
    planned: int = 0
    folds: Sequence[int] = ()
    seeds: Sequence[int] = ()
    tunable: int | None = None
    notes: Sequence[str] = field(default=())

    def figure(self, column: Column) -> tuple[float | None, float | None]:
        """Mean and sample standard deviation over the runs in per cent; ``None`` for what was not measured."""
        if column.of_class is not None:
            values = [run[column.of_class] for run in self.recall if column.of_class in run]
        else:
            values = list(self.uar if column.what == 'uar' else self.war)
        if not values:
            return None, None
        return 100 * mean(values), 100 * stdev(values) if len(values) > 1 else None

    def told(self) -> str:
        """Of which runs the mean is: ``5 folds × 3 seeds``."""
        folds = f'{len(self.folds)} folds' if len(self.folds) > 1 else ''.join(f'fold {fold}' for fold in self.folds)
        seeds = f'{len(self.seeds)} seeds' if len(self.seeds) > 1 else ''
        return ' × '.join(filter(None, (folds, seeds)))


Results = Mapping[tuple[str, str], Measured]
"""What was measured, by row and set; on the demo's set by row and ``DEMO``."""


def quote(table: PublishedTable) -> Sheet:
    """What the paper prints, alone."""
    return _sheet(table, None)


def compare(table: PublishedTable, results: Results, remarks: Sequence[str] = (), demo: bool = False) -> Sheet:
    """What the paper prints, and below each row of its own what was measured here.

    Args:
        table: the paper's.
        results: of :data:`Results`. A row without stays "not measured".
        remarks: sentences to put below.
        demo: the results are of the drawn set, and stand beside the paper's columns.
    """
    sheet = _sheet(table, results, demo)
    return replace(sheet, remarks=(*sheet.remarks, *remarks))


def _sheet(table: PublishedTable, results: Results | None, demo: bool = False) -> Sheet:
    notes, columns = Footnotes(), table.columns
    names = [name for name in LEADING if any(getattr(row, name) for row in table.rows)]
    every = (*table.notes, *table.lost_digits())
    best = {column.name: max(value for _, one, value in table.cells() if one == column) for column in columns}
    shown = {column.name: column for column in columns}
    drawn = [Column(DEMO, *name) for name in dict.fromkeys((one.what, one.of_class) for one in columns)] if demo else []
    leads = _leads(results or {}, drawn or columns)
    lines = []
    for row in table.rows:
        of_row = [note.says for note in every if row.row in note.at]
        figures = []
        for column in shown.values():
            told = [note.says for note in every if note.touches(row.row, column) and row.row not in note.at]
            value, marks = row.value(column), tuple(notes.numbers(told))
            figures.append(Figure(value, None, value == best[column.name], marks, '–'))
        if demo:
            found = (results or {}).get((row.row, DEMO))
            figures += _ours(row, found, drawn, leads, notes) if row.own else [Figure(None)] * len(drawn)
        words = (_name(row), *(_word(row, name) for name in names))
        lines.append(Line(words, tuple(figures), notes=tuple(notes.numbers(of_row))))
        if results is not None and not demo and (row.own or any((row.row, one) in results for one in table.sets)):
            lines.append(_line(table, row, results, names, leads, notes))
    notes.numbers(note.says for note in every if not note.at)
    groups = [(SETS[one], tuple(_head(column) for column in columns if column.dataset == one)) for one in table.sets]
    if demo:
        groups.append((DEMO, tuple(_head(column) for column in drawn)))
    words = ('method', *(TUNABLE if name == 'tunable' else name.replace('_', ' ') for name in names))
    return Sheet(f'{table.paper.name} ({table.paper.venue}), table {table.number}: {table.title}', words, tuple(groups),
                 tuple(lines), notes, _remarks(table, results, demo))


def _line(table: PublishedTable, row: PublishedRow, results: Results, names: Sequence[str], leads: Mapping[str, float],
          notes: Footnotes) -> Line:
    """What was measured of a row, over its sets."""
    of_sets = {one: results.get((row.row, one)) for one in table.sets}
    counts = [found.tunable for found in of_sets.values() if found is not None and found.tunable is not None]
    tunable = counts[0] if counts else None
    words = tuple(f'{tunable / 1e6:.3g}' if name == 'tunable' and tunable is not None else '' for name in names)
    told = list(dict.fromkeys(found.told() for found in of_sets.values() if found is not None and found.told()))
    figures = [figure for one in table.sets for figure in _ours(
        row, of_sets[one], [column for column in table.columns if column.dataset == one], leads, notes)]
    return Line(('; '.join([f'measured here, {told[0]}' if told else 'measured here', *told[1:]]), *words),
                tuple(figures), ours=True)


def _ours(row: PublishedRow, found: Measured | None, columns: Sequence[Column], leads: Mapping[str, float],
          notes: Footnotes) -> list[Figure]:
    figures = []
    for column in columns:
        wanted = column.dataset == DEMO or row.value(column) is not None
        value, std = found.figure(column) if found is not None else (None, None)
        marks = notes.numbers(found.notes) if found is not None and value is not None else []
        figures.append(Figure(value, std, value is not None and value == leads.get(column.name), tuple(marks),
                              NOT_MEASURED if wanted else '–'))
    return figures


def _leads(results: Results, columns: Sequence[Column]) -> dict[str, float]:
    """The highest of our figures in each column in which there are different ones."""
    found: dict[str, list[float]] = {}
    for (_, dataset), measured in results.items():
        for column in columns:
            value = measured.figure(column)[0] if column.dataset == dataset else None
            if value is not None:
                found.setdefault(column.name, []).append(value)
    return {name: max(values) for name, values in found.items() if len(set(values)) > 1}


def _remarks(table: PublishedTable, results: Results | None, demo: bool) -> list[str]:
    remarks = [f'The paper\'s protocol: {table.protocol}. UAR and WAR in per cent.']
    if results:
        remarks.append('Ours are of the last epoch unless a note says otherwise; ± is the sample standard deviation '
                       'over the runs.')
    if demo:
        remarks.append(f'The columns of {DEMO} are of drawn faces and small towers: they show that the rows run and '
                       'differ, and are no measurement of what the paper measures.')
    return remarks


def _name(row: PublishedRow) -> str:
    return f'{row.title} ({row.about})' if row.about else row.title


def _word(row: PublishedRow, name: str) -> str:
    value = getattr(row, name)
    return '' if value is None else f'{value:g}' if name == 'tunable' else str(value)


def _head(column: Column) -> str:
    return column.of_class or column.what.upper()


def table_json(table: PublishedTable, results: Results, demo: bool = False) -> dict[str, Any]:
    """All of a table as JSON: the paper's cells and ours, by row and set, with the notes on each."""
    rows = []
    for row in table.rows:
        measured = {one: dict(asdict(found), **_means(table, one, found))
                    for one in ((DEMO, ) if demo else table.sets)
                    for found in [results.get((row.row, one))] if found is not None}
        rows.append(dict(
            row=row.row, name=row.name, about=row.about, venue=row.venue, backbone=row.backbone, own=row.own,
            trained_on=row.trained_on, tunable=row.tunable, config={one: row.config_of(one) for one in row.figures},
            paper={column.name: row.value(column) for column in table.columns}, measured=measured))
    return dict(paper=table.paper.name, venue=table.paper.venue, table=table.number, key=table.key, title=table.title,
                protocol=table.protocol, columns=[column.name for column in table.columns], synthetic=demo, rows=rows,
                notes=[dict(at=list(note.at), says=note.says) for note in (*table.notes, *table.lost_digits())])


def _means(table: PublishedTable, dataset: str, found: Measured) -> dict[str, Any]:
    figures = {}
    for what, of_class in dict.fromkeys((column.what, column.of_class) for column in table.columns):
        column = Column(dataset, what, of_class)
        value, std = found.figure(column)
        figures[column.name.removeprefix(f'{dataset}.')] = dict(mean=value, std=std)
    return dict(figures=figures)
