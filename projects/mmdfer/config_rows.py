"""Rows of the papers' tables as data: a base config for each data set, and what a row changes in it by dotted key.

A file of ``configs/ablations`` is a paper. What a file holds:

``title``
    the table's name in lists.
``base``
    the config that rows change, for each data set: a name, or a file seen from this one. The first set is a row's own
    where none is named.
``demo``
    the config of the same model on the demo's set, for files whose rows can run there.
``groups``
    in order, each with ``name``, ``rows``, and perhaps ``table`` and ``protocol`` (the paper's), ``change`` (of every
    row of the group), ``sets`` (those that the group is of, all by default) and ``base`` (in the place of the file's).

A row has ``row`` (its name in commands), ``name`` (in tables), and perhaps ``about``; ``change``, the entries that
take the place of the base's, ``null`` leaving an adapter or part out; ``sets``; ``tunable``, its parameters on its
first set; ``of``, the row whose training it tests; ``demo: false`` where the demo's set cannot tell it. What the three
papers print of a row stands in :mod:`mmdfer.runs.published` and links to it; a user's own row may have ``paper``, UAR
and WAR in per cent by data set.
"""
from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from .config_names import config_root
from .names import nearest

KEYS = {
    'file': {'title', 'base', 'demo', 'groups'},
    'group': {'name', 'rows', 'table', 'protocol', 'change', 'sets', 'base'},
    'row': {'row', 'name', 'about', 'change', 'sets', 'tunable', 'paper', 'of', 'demo'},
}


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        paper: the stem of its file.
        row: its name below that.
        group: the group that it is in.
        title: its name in tables.
        bases: its base config for each of its data sets.
        changes: what it changes there, by dotted key.
        about: a sentence, if the name does not tell.
        published: ``paper`` of a user's own row.
        tunable: parameters that train, on its first set.
        of: the row whose training it tests, where it trains nothing itself.
        demo: the config of its model on the demo's set, where that can tell it.
    """
    paper: str
    row: str
    group: str
    title: str
    bases: Mapping[str, str]
    changes: Mapping[str, Any] = field(default_factory=dict)
    about: str | None = None
    published: Mapping[str, Sequence[float]] = field(default_factory=dict)
    tunable: int | None = None
    of: str | None = None
    demo: str | None = None

    @property
    def sets(self) -> tuple[str, ...]:
        return tuple(self.bases)

    @property
    def only_tested(self) -> bool:
        """Whether it trains nothing: it tests another row's model, or one that is ready."""
        return self.of is not None or self.tunable == 0

    def base(self, dataset: str | None = None) -> str:
        """Its base config's name, on its first set by default."""
        return self.bases[dataset or self.sets[0]]

    def name(self, dataset: str | None = None) -> str:
        """``paper/row``, with ``@set`` for a data set that is not its first."""
        end = '' if dataset in (None, self.sets[0]) else f'@{dataset}'
        return f'{self.paper}/{self.row}{end}'

    def stem(self, dataset: str | None = None) -> str:
        """Its name for files and folders: ``paper_row_set``, without the set for a row that has but one."""
        parts = [self.paper, self.row, dataset or self.sets[0]]
        return '_'.join(parts[:3 if len(self.sets) > 1 else 2])


@dataclass(frozen=True)
class RowFile:
    """A file of rows: a paper's, or a user's own; ``demo`` is the config of their model on the demo's set."""
    path: Path
    title: str
    rows: tuple[Row, ...]
    demo: str | None = None


def row_files() -> dict[str, Path]:
    """The toolbox's files of rows by their stems."""
    return {path.stem: path for path in sorted((config_root() / 'ablations').glob('*.yaml'))}


def read_rows(path: str | Path) -> RowFile:
    """Read a file of rows.

    Raises:
        ValueError: for a file that is none, naming the entry.
    """
    path = Path(path)
    try:
        return _read_text(path, path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise ValueError(f'{path}: no such file of rows') from None


@lru_cache(32)
def _read_text(path: Path, text: str) -> RowFile:
    try:
        content = yaml.load(text, getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(f'{path}: not YAML: {error}') from None
    _check(content, 'file', ('base', 'groups'), str(path))
    for part in (content, *content['groups']):
        if isinstance(part, dict) and part.get('base'):
            part['base'] = {dataset: str(path.parent / base) if base.endswith('.py') else base
                            for dataset, base in part['base'].items()}
    rows = [_row(path, content, group, row) for group in _groups(path, content) for row in group['rows']]
    names = [row.row for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'{path}: several rows are called {", ".join(twice)}; each needs a name of its own')
    return RowFile(path, content.get('title', path.stem), tuple(rows), content.get('demo'))


def _groups(path: Path, content: Mapping) -> list[Mapping]:
    for number, group in enumerate(content['groups'], 1):
        _check(group, 'group', ('name', 'rows'), f'{path}: group {number}')
    return content['groups']


def _row(path: Path, content: Mapping, group: Mapping, row: Mapping) -> Row:
    where = f'{path}: a row of {group["name"]!r}'
    _check(row, 'row', ('row', 'name'), where)
    base = group.get('base') or content['base']
    sets = row.get('sets') or group.get('sets') or list(base)
    for dataset in [*sets, *(row.get('paper') or {})]:
        if dataset not in base:
            raise ValueError(
                f'{where}, {row["row"]}: has no base config for the set {dataset!r}; {nearest(dataset, base)}')
    return Row(paper=path.stem, row=str(row['row']), group=group['name'], title=str(row['name']),
               bases={dataset: base[dataset] for dataset in sets},
               changes=dict(group.get('change') or {}, **(row.get('change') or {})), about=row.get('about'),
               published=row.get('paper') or {}, tunable=row.get('tunable'), of=row.get('of'),
               demo=content.get('demo') if row.get('demo', True) else None)


def _check(entry: Any, kind: str, needed: Sequence[str], where: str) -> None:
    if not isinstance(entry, Mapping):
        raise ValueError(f'{where}: expected a mapping with {", ".join(needed)}, found {type(entry).__name__}')
    for key in entry:
        if key not in KEYS[kind]:
            raise ValueError(f'{where}: unknown entry {key!r}; {nearest(str(key), sorted(KEYS[kind]))}')
    missing = [key for key in needed if not entry.get(key)]
    if missing:
        raise ValueError(f'{where}: {", ".join(missing)} is missing')


def row_names(datasets: bool = False) -> list[str]:
    """Names of the toolbox's rows; with ``datasets`` one for each of a row's sets."""
    rows = [row for path in row_files().values() for row in read_rows(path).rows]
    return [row.name(dataset) for row in rows for dataset in (row.sets if datasets else row.sets[:1])]


def find_row(name: str) -> tuple[Row, str] | None:
    """The row and data set of a name ``paper/row[@set]``; ``None`` for a name of another form.

    Raises:
        ValueError: for a row or a set that the paper's file does not have.
    """
    name, _, dataset = name.partition('@')
    paper, _, row_name = name.partition('/')
    path = row_files().get(paper)
    if not row_name or path is None:
        return None
    rows = {row.row: row for row in read_rows(path).rows}
    if row_name not in rows:
        raise ValueError(f'{name}: no such row; {nearest(name, [row.name() for row in rows.values()])}')
    row = rows[row_name]
    if dataset and dataset not in row.sets:
        raise ValueError(f'{name}@{dataset}: the row is of {", ".join(row.sets)}; {nearest(dataset, row.sets)}')
    return row, dataset or row.sets[0]


def change_config(config: MutableMapping, changes: Mapping[str, Any], where: str) -> None:
    """Put values into a config by dotted key; a dict takes the whole place of what was there.

    A key names what is there. New may be an argument of something with a ``type``, or something with a ``type``
    itself, such as one more adapter.

    Raises:
        ValueError: for a key that hits nothing, naming the nearest; ``where`` says whose key it is.
    """
    for key, value in changes.items():
        place: Any = config
        *parents, last = key.split('.')
        for depth, part in enumerate([*parents, last]):
            entries = dict(enumerate(place)) if isinstance(place, list) else place
            if not isinstance(entries, Mapping):
                raise ValueError(f'{where}: {key}: {".".join(key.split(".")[:depth])} is {place!r} and has no entries')
            index: Any = int(part) if isinstance(place, list) and part.isdigit() else part
            if index not in entries and not (depth == len(parents) and _is_new_entry(place, value)):
                whole = '.'.join(key.split('.')[:depth]) or 'the config'
                raise ValueError(
                    f'{where}: {key} changes nothing: {whole} has no {part!r}; {nearest(part, map(str, entries))}')
            if depth == len(parents):
                place[index] = copy.deepcopy(value)
            else:
                place = place[index]


def _is_new_entry(place: Any, value: Any) -> bool:
    has_type = isinstance(value, Mapping) and 'type' in value
    return isinstance(place, Mapping) and (has_type or (value is not None and 'type' in place))
