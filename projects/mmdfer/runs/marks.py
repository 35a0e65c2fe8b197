"""What must stand wherever a run's figures do."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..trained_on import UNKNOWN
from .published import comparable, known_test_clips


def marked(name: str, seen: int | None) -> str:
    """A run's name as tables and pictures have it, with how many of its test clips it was trained on.

    Args:
        name: the run's.
        seen: the number; ``None`` where it is not known.
    """
    return f'{name} ({seen} test clips trained on)' if seen else name


def picture_title(name: str, title: str | None) -> str:
    """What a picture of a run is headed by: its name, and its set where that is a synthetic one.

    Args:
        name: the run's.
        title: what reports call its set.
    """
    return f'{name}, {title}' if title and 'synthetic' in title else name


def set_told(title: str | None, dataset: str | None, clips: Sequence[int | None]) -> str | None:
    """What tables call a run's set: of a known one with other test clips than the published ones, with their number.

    Args:
        title: what reports call the set.
        dataset: its short name.
        clips: test clips of each fold, ``None`` where they are not known.
    """
    known = known_test_clips(dataset)
    if not title or known is None or comparable(dataset, clips):
        return title
    counts = ' and '.join(str(count) for count in dict.fromkeys(clips) if count not in (None, *known))
    return f'{title}, {counts} test clips'


def note_on_seen(result: Mapping[str, Any], whose: str) -> str:
    """A sentence on the clips that a run's figures and its training share; empty where there are none.

    Args:
        result: a run's ``result.json``.
        whose: what the sentence calls the run.
    """
    if result.get('seen_clips'):
        return (f'{whose.capitalize()} was trained on {result["seen_clips"]} of the clips that it is tested on: its '
                'figures are no test of those.')
    if UNKNOWN in str(result.get('trained_on', '')).split('; ')[0]:
        return (f'{whose.capitalize()} began with weights that do not say which clips they were trained on: whether '
                'test clips are among them is not known.')
    return ''
