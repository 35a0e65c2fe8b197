"""From one source to its result: opened, gone through once, told in one form."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..datasets import BadClipError
from ..datasets.clips import Clip, read_frame
from ..datasets.video_reader import VideoReader
from ..face.geometry import NAMES as GEOMETRY
from .models import WindowModel
from .results import SCHEMA, Result, judged, smooth, track_entry
from .sources import Source, printable
from .stream import Settings, Track, VideoStream, spans_without

KEPT_BYTES = 64 * 2**20  # of frames that are read at once, since each reading opens the file
ONE_PICTURE = 'One picture: no course over time.'
PICTURE_SECONDS = 1.0  # a picture is a video of one frame, shown so long


@dataclass
class Opened:
    """A source's frames in order, with the seconds from and to which each is shown."""

    source: Source
    times: np.ndarray
    ends: np.ndarray
    fps: float
    size: tuple[int, int]  # width, height of the first frame
    notes: list[str] = field(default_factory=list)
    reader: Any = None

    def __len__(self) -> int:
        return len(self.times)

    @property
    def duration(self) -> float:
        return float(self.ends[-1])

    def frames(self) -> Iterator[np.ndarray]:
        """RGB frames (H, W, 3), one in memory at a time.

        Raises:
            BadClipError: for a frame that does not decode.
        """
        if isinstance(self.reader, VideoReader):
            yield from self.reader
        else:
            yield from (self.reader(index) for index in range(len(self)))

    def shown(self, settings: Settings) -> Iterator[tuple[np.ndarray, float, float]]:
        """Frames with the seconds from and to which they are shown: all, or those of windows that lie far apart."""
        if settings.region == 'faces' or settings.stride <= settings.window or not isinstance(self.reader, VideoReader):
            yield from zip(self.frames(), self.times.tolist(), self.ends.tolist(), strict=False)
            return
        starts = [
            *np.arange(0.0, max(self.duration - settings.window, 0.0) + 1e-6, settings.stride).tolist(),
            max(self.duration - settings.window, 0.0),
        ]
        wanted = np.zeros(len(self), bool)
        for start in starts:
            wanted |= (self.times >= start - 1e-6) & (self.times < start + settings.window - 1e-6)
        places = np.flatnonzero(wanted)
        at_once = max(KEPT_BYTES // (3 * self.size[0] * self.size[1]), 1)
        for first in range(0, len(places), at_once):
            part = places[first : first + at_once].tolist()
            yield from zip(self.reader.frames(part), self.times[part].tolist(), self.ends[part].tolist(), strict=True)

    def some(self, count: int) -> list[tuple[float, np.ndarray]]:
        """A few frames spread over the source, as (seconds, (H, W, 3))."""
        places = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int)).tolist()
        return [(float(self.times[place]), frame) for place, frame in zip(places, self.read(places), strict=True)]

    def read(self, places: Sequence[int]) -> list[np.ndarray]:
        """RGB frames (H, W, 3) by their place."""
        if isinstance(self.reader, VideoReader):
            return self.reader.frames(places)
        return [self.reader(place) for place in places]

    @property
    def sound(self) -> str | None:
        return self.source.path if self.source.kind == 'video' else None


def open_source(source: Source, fps: float = 25.0) -> Opened:
    """Open a video, a picture or a folder of frames.

    Args:
        source: see :func:`~mmdfer.video.sources.find_sources`.
        fps: frames a second of a folder of frames.

    Raises:
        BadClipError: for what cannot be read at all; what is damaged in part is noted.
        ValueError: for frames a second that are not positive.
    """
    if not 0 < fps < np.inf:
        raise ValueError(f'fps={fps} must be positive')
    try:
        return _open(source, fps)
    except BadClipError as error:  # whose advice is for training
        raise BadClipError(str(error).replace(', or leave it out by --skip-bad-clips', '')) from None


def _open(source: Source, fps: float) -> Opened:
    if source.kind == 'video':
        return _open_video(source)
    if source.kind == 'picture':
        return _open_picture(source)
    clip = Clip(source.path)
    times = clip.times(fps)
    return Opened(
        source, times, np.append(times[1:], times[-1] + 1 / fps), fps, clip.frame(0).shape[1::-1], [], clip.frame
    )


def _open_video(source: Source) -> Opened:
    reader = VideoReader(source.path, strict=False)
    times = reader.times()
    ends = np.append(times[1:], max(reader.duration, times[-1] + 1e-3))
    first = reader.frame(0)
    notes = [f'The file is damaged: {"; ".join(reader.damage)}.'] if reader.damage else []
    if len(times) == 1:
        notes.append(ONE_PICTURE)
    return Opened(source, times, ends, reader.fps, first.shape[1::-1], notes, reader)


def _open_picture(source: Source) -> Opened:
    """A picture, shown for a while; a video that is called like one is opened as what it is."""
    try:
        picture = read_frame(source.path)
    except BadClipError as error:
        try:
            return _open_video(Source(source.path, 'video', source.name))
        except BadClipError:
            reason = str(error).partition('; ')[0]
            raise BadClipError(f'{reason}, nor as a video; save it again, or leave it out') from None
    end, size = np.full(1, PICTURE_SECONDS), picture.shape[1::-1]
    return Opened(source, np.zeros(1), end, 1 / PICTURE_SECONDS, size, [ONE_PICTURE], lambda index: picture)


def recognise(
    opened: Opened,
    model: WindowModel,
    settings: Settings,
    stream: VideoStream | None = None,
    smoothing: float | None = None,
    progress: Callable[[float], None] | None = None,
    checkpoints: Sequence[str] = (),
) -> Result:
    """Go through a source once and tell what was seen.

    Args:
        opened: the source.
        model: scores windows.
        settings: how windows are cut.
        stream: one that ran before, whose detector is made already.
        smoothing: seconds over which windows' probabilities are averaged; told in the result.
        progress: called with the time reached.
        checkpoints: files of the model, for the result.

    Returns:
        The result; after an interruption (Ctrl-C) of what was read until then, ``complete`` false.

    Raises:
        BadClipError: for a frame that does not decode.
        ValueError: for a smoothing that is not positive.
    """
    if smoothing is not None and not 0 < smoothing < np.inf:
        raise ValueError(f'smoothing={smoothing} must be positive seconds, or left out')
    stream = stream or VideoStream(model, settings)
    stream.settings = settings
    reached, began = [0.0], clock.perf_counter()

    def tell(time: float) -> None:
        reached[0] = time
        if progress is not None:
            progress(time)

    complete = True
    try:
        tracks = stream.run(opened.shown(settings), opened.fps, tell, single=len(opened) == 1)
    except KeyboardInterrupt:
        tracks, complete = stream.tracks, False
    if smoothing is not None:
        for track in tracks:
            smooth(track, smoothing)
    result = told(opened, model, settings, tracks, reached[0], smoothing, checkpoints)
    result['complete'] = complete
    result['seconds'] = round(clock.perf_counter() - began, 2)
    if not complete:
        result['notes'].append(f'Interrupted: read until {reached[0]:.1f} of {opened.duration:.1f} s.')
    return result


def told(
    opened: Opened,
    model: WindowModel,
    settings: Settings,
    tracks: Sequence[Track],
    read_until: float,
    smoothing: float | None,
    checkpoints: Sequence[str],
) -> Result:
    """The mapping of :mod:`mmdfer.video.results`."""
    entries = [track_entry(track, model.classes) for track in tracks]
    scores = [scores for track in tracks for _, scores in track.windows]
    notes = list(opened.notes)
    faces = settings.region == 'faces'
    if faces and not tracks:
        notes.append('Nobody is seen: no face was found that stays.')
    if any(entry['joined'] for entry in entries):
        notes.append(
            'Somebody who came back was known by their looks alone, which is a guess: see "joined" of the tracks.'
        )
    brief = [entry['label'] for entry in entries if not entry['windows']]
    if brief:
        notes.append(f'Seen too little in any window to be judged: {", ".join(brief)}.')
    empty = spans_without(list(tracks), float(opened.times[0]), read_until) if faces else []
    result = Result(
        schema=SCHEMA,
        video=str(opened.source.path),
        name=printable(opened.source.name),
        duration=round(opened.duration, 3),
        fps=round(opened.fps, 3),
        frames=len(opened),
        size=[int(edge) for edge in opened.size],
        region=settings.region,
        model=dict(name=model.name, notice=model.notice, checkpoints=[str(path) for path in checkpoints]),
        classes=list(model.classes),
        settings=dict(window=settings.window, stride=settings.stride, smoothing=smoothing),
        tracks=entries,
        windows=[window for entry in entries for window in entry['windows']],
        clip=judged(np.mean(scores, axis=0), model.classes) if scores else None,
        no_face=[[round(start, 3), round(end, 3)] for start, end in empty],
        complete=True,
        read_until=round(read_until, 3),
        notes=notes,
    )
    if settings.geometry:
        result['geometry'] = list(GEOMETRY)
    return result
