"""The papers' own figures, to stand beside ours."""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name('published.yaml')


@lru_cache
def read_papers() -> dict:
    """``published.yaml``: ``test_clips`` of each fold by data set, and ``rows`` with ``model``, ``results`` by data
    set, and perhaps ``paper``, ``note``, ``tunable``, ``configs``."""
    return yaml.safe_load(FILE.read_text(encoding='utf-8'))


def comparable(dataset: str | None, clips: Sequence[int | None]) -> bool:
    """Whether papers' figures may stand beside figures over test sets of so many clips.

    Args:
        dataset: the set's short name.
        clips: of each evaluated fold; ``None`` where it is not known, which is given the benefit of the doubt.
    """
    known = read_papers()['test_clips'].get(dataset)
    return known is not None and all(count is None or count in known for count in clips)


def published(dataset: str | None) -> list[dict]:
    """What the papers print for a data set, the highest WAR first.

    Returns:
        Dicts with ``model``, ``note``, ``paper``, ``tunable``, ``uar`` and ``war`` (in [0, 1]); ``None`` for what is
        not given.
    """
    rows = [_row(entry, dataset) for entry in read_papers()['rows'] if dataset in entry['results']]
    return sorted(rows, key=lambda row: row['war'], reverse=True)


def paper_row(config: str, dataset: str | None) -> dict | None:
    """The paper's row for a config's file stem, as in :func:`published`; ``None`` for a config of no paper."""
    return next((_row(entry, dataset) for entry in read_papers()['rows']
                 if any(config == f'{stem}_{dataset}' for stem in entry.get('configs', ()))), None)


def _row(entry: dict, dataset: str | None) -> dict:
    printed = entry['results'].get(dataset, (None, None))
    uar, war = (None if value is None else round(value / 100, 6) for value in printed)
    return dict(model=entry['model'], note=entry.get('note'), paper=entry.get('paper'), tunable=entry.get('tunable'),
                uar=uar, war=war)
