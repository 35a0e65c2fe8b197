"""The papers' tables as they are printed: papers, tables, rows, columns, notes."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ...names import nearest

FOLDER = Path(__file__).parent
PAPERS = ('fe_adapter', 'pe_clip', 'finecliper')
SETS = {'dfew': 'DFEW', 'ferv39k': 'FERV39k', 'mafw': 'MAFW'}
"""The sets that the papers print, in their order."""


@dataclass(frozen=True)
class Column:
    """A column of figures: ``uar``, ``war`` or the recall of a class, on a set."""
    dataset: str
    what: str
    of_class: str | None = None

    @property
    def name(self) -> str:
        """``dfew.uar``, or ``dfew.recall.happy``."""
        return '.'.join(filter(None, (self.dataset, self.what, self.of_class)))


@dataclass(frozen=True)
class Note:
    """What contradicts or limits figures, and which: rows, ``row.set`` or ``row.set.uar``; none for a whole table."""
    says: str
    at: tuple[str, ...] = ()

    def touches(self, row: str, column: Column) -> bool:
        """Whether it is about a cell, or about its set or its recalls."""
        place = f'{row}.{column.name}'
        return any(place == at or place.startswith(f'{at}.') for at in self.at)


@dataclass(frozen=True)
class PublishedRow:
    """A row; the entries of :mod:`mmdfer.runs.published`.

    Args:
        figures: UAR and WAR in per cent by set; one of them may be ``None``.
        recall: per cent by class.
        tunable: in millions, as printed.
        own: whether it is the paper's own model, a setting of it or a piece of it, and not another system.
    """
    row: str
    name: str | None
    figures: Mapping[str, tuple[float | None, float | None]]
    recall: Mapping[str, float] = field(default_factory=dict)
    about: str | None = None
    venue: str | None = None
    backbone: str | None = None
    trained_on: str | None = None
    tunable: float | None = None
    chosen: bool = False
    own: bool = True
    label_lost: bool = False
    config: str | Mapping[str, str] | None = None
    also: Sequence[str] = ()
    completed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    told: str | None = None
    leaks: str | None = None
    partly: str | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)
    folds: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name; that of a row without one says so."""
        return self.name or '(name lost)'

    def leak(self) -> str | None:
        """What its release does that a test should not see, in a sentence."""
        return self.leaks and f'In the release: {self.leaks}'

    def value(self, column: Column) -> float | None:
        """The figure in a column, per cent; ``None`` where the paper has none."""
        if column.of_class is not None:
            return self.recall.get(column.of_class)
        return self.figures.get(column.dataset, (None, None))[column.what == 'war']

    def config_of(self, dataset: str) -> str | None:
        """The config, or row, that is this one here on a set; ``None`` where there is none, or no figure."""
        return next(iter(self.configs_of(dataset)), None)

    def configs_of(self, dataset: str) -> list[str]:
        """The same, and then the others that are this one, too."""
        first = self.config if isinstance(self.config, str) else (self.config or {}).get(dataset)
        names = [name for name in (first, *self.also) if name and dataset in self.figures]
        return [name.format(set=dataset) if '{set}' in name else name if isinstance(self.config, Mapping) else
                f'{name}@{dataset}' for name in names]


@dataclass(frozen=True)
class PublishedTable:
    """A table; the entries of :mod:`mmdfer.runs.published`."""
    paper: Paper
    key: str
    number: str
    title: str
    protocol: str
    sets: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    notes: tuple[Note, ...] = ()
    recalls: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    folds: str = 'all'
    compares: bool = False

    @property
    def name(self) -> str:
        """As it is cited: ``FE-Adapter III``."""
        return f'{self.paper.name} {self.number}'

    @property
    def columns(self) -> tuple[Column, ...]:
        """In the paper's order."""
        return tuple(column for dataset in self.sets for column in (
            *(Column(dataset, 'recall', name) for name in self.recalls), Column(dataset, 'uar'),
            Column(dataset, 'war')))

    def cells(self) -> Iterator[tuple[PublishedRow, Column, float]]:
        """Every figure that is printed."""
        for row in self.rows:
            for column in self.columns:
                value = row.value(column)
                if value is not None:
                    yield row, column, value

    def remarks_on(self, row: PublishedRow, dataset: str, what: str | None = None) -> list[str]:
        """What the notes say of a row's figures on a set, or of the row as a whole; ``what`` for figures of a kind."""
        places = [column for column in self.columns if column.dataset == dataset and what in (None, column.what)]
        return [note.says for note in (*self.notes, *self.lost_digits())
                if any(note.touches(row.row, place) for place in places)]

    def lost_digits(self) -> list[Note]:
        """A note for each figure whose last digit is from elsewhere."""
        found: dict[str, list[str]] = {}
        for row in self.rows:
            for column, how in row.completed.items():
                figure = next(row.value(one) for one in self.columns if one.name == column)
                told = (f'{how["read"]} in the text that was read, which lost the last digit; '
                        + (f'{figure:.2f} is from {how["from"]}.' if how['from'] else
                           'that digit stands in no text that was read: look into the paper before quoting it.'))
                found.setdefault(told, []).append(f'{row.row}.{column}')
        return [Note(f'Read as {told}', tuple(at)) for told, at in found.items()]


@dataclass(frozen=True)
class Paper:
    """A paper.

    Args:
        stem: what commands call it.
        name, venue: as it is cited.
        tables: by key.
    """
    stem: str
    name: str
    venue: str
    tables: dict[str, PublishedTable] = field(default_factory=dict, compare=False, repr=False)


@lru_cache
def read_papers() -> dict[str, Paper]:
    """The papers by their stems, with every table."""
    return {stem: _paper(stem) for stem in PAPERS}


def find_paper(name: str) -> Paper:
    """A paper by its stem or its name, in any case.

    Raises:
        ValueError: for another one, naming the nearest.
    """
    known = read_papers()
    wanted = name.lower().replace('-', '_')
    for paper in known.values():
        if wanted in (paper.stem, paper.name.lower().replace('-', '_'), paper.stem.replace('_', '')):
            return paper
    raise ValueError(f'{name}: there is no such paper; {nearest(name, known)}')


def find_table(paper: str, table: str) -> PublishedTable:
    """A table by its key, or its number as the paper has it.

    Raises:
        ValueError: for another one, naming the nearest.
    """
    tables = find_paper(paper).tables
    wanted = table.lower().removeprefix('table').strip(' _')
    for one in tables.values():
        if wanted in (one.number.lower(), one.key.removeprefix('table')):
            return one
    raise ValueError(f'{paper} {table}: the paper has no such table of results; {nearest(table, tables)}')


@lru_cache
def read_neighbours() -> tuple[PublishedRow, ...]:
    """The neighbours' own figures."""
    return tuple(_row(entry, ()) for entry in _read('neighbours')['neighbours'])


@lru_cache
def read_test_clips() -> dict[str, list[int]]:
    """Published test clips of each fold, by set."""
    return _read('sets')['test_clips']


def _read(stem: str) -> dict:
    return yaml.load((FOLDER / f'{stem}.yaml').read_text(encoding='utf-8'),
                     getattr(yaml, 'CSafeLoader', yaml.SafeLoader))


def _paper(stem: str) -> Paper:
    content = _read(stem)
    paper = Paper(stem, content['paper'], content['venue'])
    for key, entry in content['tables'].items():
        recalls = tuple(entry.get('recalls', ()))
        rows = tuple(_row(row, recalls, entry.get('compares', False)) for row in entry['rows'])
        notes = tuple(Note(note['says'], tuple(note['at'])) for note in entry['notes'])
        paper.tables[key] = PublishedTable(
            paper, key, entry['number'], entry['title'], entry['protocol'], tuple(entry['sets']), rows, notes, recalls,
            tuple(entry.get('needs', ())), entry.get('folds', 'all'), entry.get('compares', False))
    return paper


def _row(entry: Mapping[str, Any], recalls: Sequence[str], compares: bool = False) -> PublishedRow:
    rest = dict(entry)
    figures = {dataset: tuple(rest.pop(dataset)) for dataset in SETS if dataset in rest}
    recall = dict(zip(recalls, rest.pop('recall', ()), strict=True))
    return PublishedRow(figures=figures, recall=recall, own=rest.pop('own', rest.get('chosen', False) or not compares),
                        **rest)
