"""Papers' figures beside a run: the row that a config is, and all that is printed for a set."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from .reading import PublishedRow, PublishedTable, read_neighbours, read_papers, read_test_clips

NOT_TOLD = 'epoch not told'


def known_test_clips(dataset: str | None) -> list[int] | None:
    """Test clips of each fold that papers' figures are of; ``None`` for a set of no paper."""
    return read_test_clips().get(dataset or '')


def comparable(dataset: str | None, clips: Sequence[int | None]) -> bool:
    """Whether papers' figures may stand beside figures over test sets of so many clips.

    Args:
        dataset: the set's short name.
        clips: of each evaluated fold; ``None`` where it is not known, which is given the benefit of the doubt.
    """
    known = known_test_clips(dataset)
    return known is not None and all(count is None or count in known for count in clips)


def paper_row(config: str, dataset: str | None) -> dict[str, Any] | None:
    """The paper's row for a config's file stem, in the first table that has it; ``None`` for a config of no paper.

    Returns:
        Dict as in :func:`published`. Where papers contradict each other, the figures are those of that table, and
        ``remarks`` tell of the others. ``recall`` is that of the first table with recalls.
    """
    found = all_rows_of(config, dataset)
    if not found:
        return None
    first = _quoted(*found[0], dataset or '')
    for table, row in found[1:]:
        if table is not None and row.recall and not first['recall']:
            of_recalls = table.remarks_on(row, dataset or '', 'recall')
            first.update(recall=_quoted(table, row, dataset or '')['recall'],
                         remarks=list(dict.fromkeys([*first['remarks'], *of_recalls])))
    return first


def printed_pairs(stem: Callable[[str], str], sets: Iterable[str]) -> dict[str, tuple[float | None, float | None]]:
    """UAR and WAR in per cent that papers print of a config, by set, in the first table that has each.

    Args:
        stem: the config's file stem on a set.
        sets: those to look for.
    """
    found = {dataset: all_rows_of(stem(dataset), dataset) for dataset in sets}
    return {dataset: rows[0][1].figures[dataset] for dataset, rows in found.items() if rows}


def all_rows_of(config: str, dataset: str | None) -> list[tuple[PublishedTable | None, PublishedRow]]:
    """Every row that a config's file stem is on a set, in the papers' order, and a neighbour's own without a table."""
    return _index().get((config, dataset or ''), [])


def published(dataset: str | None) -> list[dict[str, Any]]:
    """What papers print for a set in the tables that compare, and neighbours of themselves, the highest WAR first.

    A method stands there once for each pair of figures that is printed of it.

    Returns:
        Dicts with ``model``, ``note``, ``paper`` (or the venue), ``tunable`` (a count), ``uar`` and ``war`` in [0, 1],
        ``recall`` (by class), ``printed`` (the tables, or ``its own``), ``protocol`` (of which epoch and views) and
        ``remarks``; ``None`` for what is not given.
    """
    merged: dict[tuple, dict[str, Any]] = {}
    for table, row in _every(dataset or ''):
        quoted = _quoted(table, row, dataset or '')
        first = merged.setdefault(tuple(quoted[key] for key in ('model', 'note', 'uar', 'war')), quoted)
        if first is not quoted:
            for name in ('printed', 'remarks'):
                first[name] = list(dict.fromkeys([*first[name], *quoted[name]]))
            for name in ('tunable', 'recall', 'paper'):
                first[name] = first[name] or quoted[name]
            if first['protocol'] == NOT_TOLD:
                first['protocol'] = quoted['protocol']
    return sorted(merged.values(), key=lambda row: row['war'], reverse=True)


def _every(dataset: str) -> Iterator[tuple[PublishedTable | None, PublishedRow]]:
    for paper in read_papers().values():
        for table in paper.tables.values():
            yield from ((table, row) for row in table.rows if table.compares and dataset in row.figures)
    yield from ((None, row) for row in read_neighbours() if dataset in row.figures)


def _quoted(table: PublishedTable | None, row: PublishedRow, dataset: str) -> dict[str, Any]:
    uar, war = (None if value is None else round(value / 100, 6) for value in row.figures[dataset])
    quoted = dict(model=row.title, note=row.about, paper=row.venue, uar=uar, war=war,
                  tunable=None if row.tunable is None else round(row.tunable * 1e6),
                  recall={name: round(value / 100, 6) for name, value in row.recall.items()})
    if table is None:
        told = row.told and f'Its own figures are of the {row.told}.' if row.told != NOT_TOLD else None
        return quoted | dict(printed=['its own'], protocol=row.told or NOT_TOLD,
                             remarks=[*filter(None, (told, row.leak(), row.remarks.get(''), row.remarks.get(dataset)))])
    if not table.compares:
        quoted.update(model=table.paper.name, note=f'table {table.number}: {row.title}')
    if row.own:
        quoted.update(paper=table.paper.venue)
    return quoted | dict(printed=[table.name], protocol=NOT_TOLD, remarks=table.remarks_on(row, dataset))


@lru_cache
def _index() -> Mapping[tuple[str, str], list[tuple[PublishedTable | None, PublishedRow]]]:
    """Rows by the stem of the config that they are, and the set."""
    found: dict[tuple[str, str], list[tuple[PublishedTable | None, PublishedRow]]] = {}
    tables = [table for paper in read_papers().values() for table in paper.tables.values()]
    printed = [(table, row) for table in tables for row in table.rows]
    for table, row in [*printed, *((None, row) for row in read_neighbours())]:
        for dataset in row.figures:
            for stem in {stem for name in row.configs_of(dataset) for stem in stems_of(name)}:
                found.setdefault((stem, dataset), []).append((table, row))
    return found


def stems_of(config: str) -> set[str]:
    """The file stems that the config of a name may have; a row's has its set in it unless that is its only one."""
    name, _, dataset = config.partition('@')
    stem = name.replace('/', '_')
    return {stem, f'{stem}_{dataset}'} if dataset else {name.rpartition('/')[2], stem}
