"""A result as its user wants it told: people with names, and tracks that are one person made one."""
from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from .results import Result, judged

LONGEST_NAME = 40
SHARED_FRAMES = 2  # in which two tracks of one person may both have been seen, at a hand-over


def edited(result: Mapping[str, Any], names: Mapping[int, str], merges: Mapping[int, int]) -> Result:
    """A result with people renamed and merged; the one that is given stays as it is.

    Args:
        result: of inference, see :mod:`mmdfer.video.results`.
        names: by the ``id`` of a track, what to call the person.
        merges: by the ``id`` of a track, the ``id`` of the one that it joins.

    Raises:
        ValueError: for a track that is not there, a name that is empty, long or taken, and for two people who are
            seen at the same time.
    """
    changed = Result(copy.deepcopy(dict(result)))
    tracks = {track['id']: track for track in changed['tracks']}
    for number in (*names, *merges, *merges.values()):
        if number not in tracks:
            raise ValueError(f'there is no person {number} in this video')
    for number in merges:
        into = _last(number, merges)
        if into != number:
            _join(tracks[into], tracks.pop(number), changed['classes'])
    for number, name in names.items():
        if number in tracks:
            tracks[number]['label'] = _name(name)
    labels = [track['label'] for track in tracks.values()]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ValueError(f'two people are called {twice}: merge them, or give one another name')
    changed['tracks'] = list(tracks.values())
    changed['windows'] = [window for track in changed['tracks'] for window in track['windows']]
    return changed


def _last(number: int, merges: Mapping[int, int]) -> int:
    """Whom a track joins in the end."""
    passed = {number}
    while number in merges:
        number = merges[number]
        if number in passed:
            raise ValueError(f'person {number} cannot join themselves')
        passed.add(number)
    return number


def _name(name: str) -> str:
    told = ' '.join(str(name).split())
    if not told or len(told) > LONGEST_NAME or not told.isprintable():
        raise ValueError(f'a name has 1 to {LONGEST_NAME} letters, found {told[:60]!r}')
    return told


def _join(track: dict[str, Any], other: dict[str, Any], classes: list[str]) -> None:
    """Add another track's frames and windows to one."""
    both = sorted({frame[0] for frame in track['frames']} & {frame[0] for frame in other['frames']})
    if len(both) > SHARED_FRAMES:
        raise ValueError(f'{track["label"]} and {other["label"]} are seen at the same time (at {both[0]:.1f} s): they '
                         'are two people')
    track['joined'] = sorted({*track['joined'], *other['joined'], max(track['start'], other['start'])})
    frames = {frame[0]: frame for frame in (*other['frames'], *track['frames'])}
    track['frames'] = [frames[time] for time in sorted(frames)]
    if 'geometry' in track or 'geometry' in other:
        rows = {row[0]: row for row in (*other.get('geometry', ()), *track.get('geometry', ()))}
        track['geometry'] = [rows[time] for time in sorted(rows)]
    windows = [*track['windows'], *(dict(window, track=track['id']) for window in other['windows'])]
    track['windows'] = sorted(windows, key=lambda window: (window['start'], window['end']))
    track['start'], track['end'] = min(track['start'], other['start']), max(track['end'], other['end'])
    if windows:
        track['clip'] = judged(np.mean([window['probabilities'] for window in windows], axis=0), classes)
