"""What inference tells of a video, in one versioned form: a mapping for JSON, a table in long form, and its files.

The mapping (:data:`SCHEMA`):

``schema``      the name of this form
``video``       the file or folder, ``name`` what its results are called
``duration``    seconds; ``fps`` frames a second on average; ``frames`` their number; ``size`` [width, height]
``region``      ``faces`` or ``frame``
``model``       ``name``, ``notice`` (what must be said wherever its figures stand), ``checkpoints``
``classes``     K names
``settings``    ``window``, ``stride`` in seconds, ``smoothing`` (``null``, or what was done)
``tracks``      a list: ``id``, ``label`` of the person, ``start``, ``end``, ``joined`` (seconds at which a person who
                came back was known by their looks alone), ``frames`` ([time, x1, y1, x2, y2] each, boxes in pixels of
                the shown frame), ``windows`` and ``clip``
``windows``     all windows of all tracks: ``track``, ``start``, ``end`` in seconds, ``seen`` (share of its frames in
                which the person is), ``label``, ``probabilities`` (K)
``clip``        ``label`` and ``probabilities`` (K): the mean over all windows; ``null`` where nobody was judged
``no_face``     [start, end] spans in which nobody is seen
``complete``    whether the video was read to its end, and ``read_until`` how far, in seconds
``notes``       sentences that a reader must know
``geometry``    where it was asked for, the names of what was measured (:mod:`mmdfer.face.geometry`); each track then
                has ``geometry`` too: [time, value, ...] of each of its frames, values ``null`` where no mesh fits
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..face.geometry import NAMES as GEOMETRY
from ..files import write_json, write_text
from .stream import Track

if TYPE_CHECKING:
    import pandas

SCHEMA = 'mmdfer-video-1'
COLUMNS = ('track', 'start', 'end', 'seen', 'label')
PERSON, FRAME_LABEL = 'person', 'frame'


class Result(dict):
    """The mapping of this module's docstring; :meth:`to_frame` gives its windows as a table."""

    def to_frame(self) -> pandas.DataFrame:
        """A row a window: track, start, end, seen, label, and a column of probabilities for each class.

        Raises:
            ImportError: without pandas.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError('to_frame() gives a pandas table: pip install "mmdfer[infer]"') from None
        return pandas.DataFrame([dict(zip(header(self), row, strict=True)) for row in rows(self)], columns=header(self))


def header(result: Mapping[str, Any]) -> list[str]:
    """Columns of the table; a class that is called like another column is marked as a class.

    Where people were given names, ``person`` tells them behind ``track``.
    """
    columns = columns_of(result)
    return [*columns, *(f'class {name}' if name in columns else name for name in result['classes'])]


def columns_of(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns ahead of the classes'."""
    return (COLUMNS[0], PERSON, *COLUMNS[1:]) if has_names(result) else COLUMNS


def has_names(result: Mapping[str, Any]) -> bool:
    """Whether somebody is called otherwise than they were found."""
    return any(track['label'] not in (default_label(track['id']), FRAME_LABEL) for track in result['tracks'])


def default_label(number: int) -> str:
    """What a person is called who was given no name."""
    return f'person {number + 1}'


def rows(result: Mapping[str, Any]) -> list[list[Any]]:
    """A row a window, in the order of tracks and times."""
    names = {track['id']: track['label'] for track in result['tracks']}
    told = [dict(window, **{PERSON: names[window['track']]}) for window in result['windows']]
    return [[*(window[key] for key in columns_of(result)), *window['probabilities']] for window in told]


def table(result: Mapping[str, Any]) -> str:
    """The table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(header(result))
    writer.writerows(rows(result))
    return text.getvalue()


def geometry_table(result: Mapping[str, Any]) -> str:
    """A row a person and frame: track, person, time, and what was measured; empty where no mesh fits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['track', PERSON, 'time', *result['geometry']])
    for track in result['tracks']:
        writer.writerows([track['id'], track['label'], *row] for row in track.get('geometry', ()))
    return text.getvalue()


def judged(probabilities: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Probabilities (K,) with the label of the greatest."""
    return dict(
        label=classes[int(np.argmax(probabilities))], probabilities=[round(float(value), 6) for value in probabilities]
    )


def smooth(track: Track, seconds: float) -> None:
    """Each window's probabilities as the mean over the windows whose middle is at most ``seconds / 2`` away."""
    middles = np.array([(window.start + window.end) / 2 for window, _ in track.windows])
    scores = np.stack([score for _, score in track.windows]) if len(middles) else np.zeros((0, 0))
    track.windows = [
        (window, scores[np.abs(middles - middle) <= seconds / 2].mean(axis=0))
        for (window, _), middle in zip(track.windows, middles, strict=True)
    ]


def track_entry(track: Track, classes: Sequence[str]) -> dict[str, Any]:
    """A track as the mapping tells it."""
    person = track.person
    windows = [
        dict(
            track=track.number,
            start=round(window.start, 3),
            end=round(window.end, 3),
            seen=round(window.seen, 3),
            **judged(scores, classes),
        )
        for window, scores in track.windows
    ]
    mean = np.mean([scores for _, scores in track.windows], axis=0) if track.windows else None
    entry = dict(
        id=track.number,
        label=default_label(track.number) if person is not None else FRAME_LABEL,
        start=round(track.frames[0][0], 3),
        end=round(track.end, 3),
        joined=[] if person is None else [round(time, 3) for time in person.joined],
        frames=[
            [round(time, 3), *(round(float(edge), 1) for edge in box)]
            for time, _, box in track.frames
            if box is not None
        ],
        windows=windows,
        clip=None if mean is None else judged(mean, classes),
    )
    if track.geometry:
        empty = [None] * len(GEOMETRY)
        entry['geometry'] = [
            [round(time, 3), *(empty if values is None else [round(float(value), 4) for value in values])]
            for time, values in track.geometry
        ]
    return entry


def write_result(result: Mapping[str, Any], stem: Path) -> list[Path]:
    """Write ``<stem>.json`` and ``<stem>.csv``, and ``<stem>.geometry.csv`` where there is any, each whole or not."""
    files = [stem.with_name(f'{stem.name}{suffix}') for suffix in ('.json', '.csv')]
    write_json(dict(result), files[0])
    write_text(table(result), files[1])
    if result.get('geometry'):
        files.append(stem.with_name(f'{stem.name}.geometry.csv'))
        write_text(geometry_table(result), files[2])
    return files
