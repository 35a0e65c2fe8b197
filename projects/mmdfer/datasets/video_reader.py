"""Exact frames of a video file by PyAV: the frame asked for is the frame given, in presentation order, with its time.

Two levels. The *index* (:mod:`~mmdfer.datasets.video_index`) demuxes the file once without decoding. *Reading* goes to
the last keyframe at or before a frame and decodes on, and takes frames by their presentation time. Where a file's own
marks cannot be trusted (AVI, repeated or missing times, damage, codecs that hide frames), it is decoded from its start,
and the order of output is the truth.
"""

from __future__ import annotations

import itertools
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..registry import VIDEO_READERS
from .errors import BadClipError
from .video_index import MOST_FAULTS, av, index_video, note, opened_video, packets_of, refuse_what_is_no_video

SKIPPING_CODECS = frozenset({'h264', 'hevc'})  # whose decoders leave out unreferenced frames when told to
KEPT_BYTES = 192 * 2**20  # decoded frames of a sequence kept for the next question


@VIDEO_READERS.register_module('pyav')
class VideoReader:
    """Frames of a video file, as they are shown: turned and mirrored by its display matrix, with square pixels.

    Args:
        path: the file.
        strict: refuse a file of which packets are damaged; otherwise :attr:`damage` tells what was lost.

    Raises:
        BadClipError: for what is no file, no video, has no frame that can be shown, or (``strict``) is damaged.
        ImportError: without PyAV.
    """

    def __init__(self, path: str | os.PathLike, strict: bool = True) -> None:
        self.path, self.strict = str(path), strict
        refuse_what_is_no_video(self.path)
        self._kept: list[Any] | None = None
        with opened_video(self.path) as (container, stream):
            self._reformatter = av().video.reformatter.VideoReformatter()
            self.codec = stream.codec_context.name or '?'
            self._ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
            self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            self._index = index_video(container, stream)
        self._orientation: tuple[bool, bool, bool] | None = None
        if self._index.reason:
            self._read_through()
        if not self._index.ticks:
            raise BadClipError(
                f'{self.path}: the video has no frame that can be shown; encode it again, or leave it out '
                'by --skip-bad-clips'
            )
        self._check_damage()

    @property
    def damage(self) -> list[str]:
        """What could not be read, in words; empty for a whole file."""
        return self._index.damage

    def times(self) -> np.ndarray:
        """(N,) seconds at which each frame is shown, the first at 0."""
        ticks = np.array(self._index.ticks, np.int64)
        return (ticks - ticks[0]) * float(self._index.time_base)

    @property
    def duration(self) -> float:
        """Seconds from the first frame's appearance to the last one's end."""
        return max(self._index.end - self._index.ticks[0], 0) * float(self._index.time_base)

    @property
    def fps(self) -> float:
        """Frames a second on average."""
        return len(self) / self.duration if self.duration > 0 else float(self.rate)

    @property
    def sequential(self) -> str:
        """Why every read decodes from the start; empty where single frames can be reached."""
        return self._index.reason

    @property
    def contested(self) -> list[str]:
        """Why readers that go by the file's own marks, or past them, may show other frames than are shown here."""
        told = [self._index.reason] if self._index.reason else []
        if self._index.hidden:
            told.append('an edit list hides frames')
        if self._ratio != 1:
            told.append('its pixels are not square')
        if self._orientation is not None and sum(self._orientation) % 2:          # known from the first picture on
            told.append('it is mirrored')
        return told

    def __len__(self) -> int:
        return len(self._index.ticks)

    def frame(self, index: int, min_size: int | None = None) -> np.ndarray:
        """One frame, RGB (H, W, 3) of uint8."""
        return self.frames([index])[0]

    def frames(self, indices: Sequence[int]) -> list[np.ndarray]:
        """RGB frames (H, W, 3) of uint8 by their place in presentation order, in the order asked for.

        Raises:
            IndexError: for a place that the video does not have.
            BadClipError: for a frame that does not decode.
        """
        wanted = sorted({int(index) for index in indices})
        if wanted and not 0 <= wanted[0] <= wanted[-1] < len(self):
            asked = wanted[-1] if wanted[0] >= 0 else wanted[0]
            raise IndexError(f'{self.path}: has {len(self)} frames; frame {asked} was asked for')
        found = None if self._index.reason else self._read_by_time(wanted)
        if found is None:
            found = {place: frame for place, frame in self._in_sequence(wanted)}
        missing = [index for index in wanted if index not in found]
        if missing:
            raise BadClipError(f'{self.path}: frame {missing[0]} does not decode; encode the video again, or leave it '
                               'out by --skip-bad-clips')
        return [found[int(index)] for index in indices]

    def __iter__(self) -> Iterator[np.ndarray]:
        """All frames in order, one in memory at a time."""
        for _, frame in self._in_sequence(range(len(self))):
            yield frame

    def _read_by_time(self, wanted: Sequence[int]) -> dict[int, np.ndarray] | None:
        """Frames by seeking; ``None`` if the file does not keep what its index promises."""
        places = {self._index.ticks[index]: index for index in wanted}
        pending, found = sorted(places), {}
        with opened_video(self.path) as (container, stream):
            context = stream.codec_context
            skipping = self.codec in SKIPPING_CODECS
            packets: Iterator[Any] | None = None
            reached = 0  # the newest keyframe that decoding has passed
            while pending:
                key = self._index.keys[bisect_right(self._index.keys, pending[0]) - 1]
                if packets is None or key > reached:
                    packets = _seek(container, stream, key, self._index.keys)
                    if packets is None:
                        return None
                    reached = key  # though it may have landed before it
                try:
                    packet = next(packets, None)
                    if packet is not None and packet.is_keyframe and packet.pts is not None:
                        reached = max(reached, packet.pts)
                    if skipping and packet is not None:
                        needed = packet.is_keyframe or packet.pts in places
                        context.skip_frame = 'DEFAULT' if needed else 'NONREF'
                    frames = stream.decode(packet)
                except av().FFmpegError:
                    return None
                for frame in frames:
                    if frame.is_corrupt:  # and what is predicted from it, up to the next keyframe
                        return None
                    if frame.pts in places and frame.pts in pending:
                        found[places[frame.pts]] = self._picture(frame)
                        pending.remove(frame.pts)
                if packet is None or packet.size == 0 and not frames:
                    return found if not pending else None
        return found

    def _in_sequence(self, wanted: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Place and picture of the frames wanted, which are sorted, by decoding from the start.

        Raises:
            BadClipError: (``strict``) for a damaged frame, or one that is predicted from such a one.
        """
        if self._kept is not None:
            yield from ((index, self._picture(self._kept[index])) for index in wanted)
            return
        last, chosen = (wanted[-1] if len(wanted) else -1), set(wanted)
        damage: list[str] = []  # since the last keyframe
        for place, frame in enumerate(self._decode_all(damage)):
            if frame.key_frame and not frame.is_corrupt:
                damage.clear()
            if place in chosen and damage and self.strict:
                raise BadClipError(f'{self.path}: frame {place} does not decode ({damage[0]}); encode the video '
                                   'again, or leave it out by --skip-bad-clips')
            if damage:
                note(self._index.damage, damage[0])
            if place in chosen:
                yield place, self._picture(frame)
            if place >= last:
                return

    def _read_through(self) -> None:
        """Set times and count by what comes out of the decoder, and keep the frames if they are few."""
        frames, times, held = [], [], 0
        for frame in self._decode_all(self._index.damage):
            times.append((frame.pts, frame.dts))
            held += sum(plane.buffer_size for plane in frame.planes)
            if frames is not None and held > KEPT_BYTES:
                frames = None
            if frames is not None:
                frames.append(frame)
        self._kept = frames
        for column in range(2):
            ticks = [time[column] for time in times]
            if ticks and None not in ticks and all(one < two for one, two in itertools.pairwise(ticks)):
                break
        else:
            step = max(round(1 / (self.rate * self._index.time_base)), 1)
            ticks = [place * step for place in range(len(times))]
        self._index.ticks = ticks
        if ticks:
            step = (ticks[-1] - ticks[0]) // (len(ticks) - 1) if len(ticks) > 1 else (
                round(1 / (self.rate * self._index.time_base)))
            self._index.end = ticks[-1] + max(step, 1)

    def _decode_all(self, damage: list[str]) -> Iterator[Any]:
        """Every frame of the file as the decoder gives it; what fails is noted and gone past."""
        faults = 0
        with opened_video(self.path) as (container, stream):
            for packet in packets_of(container, stream, damage):
                try:
                    frames = stream.decode(packet)
                    faults = 0
                except av().FFmpegError as error:
                    note(damage, f'a packet does not decode ({error.strerror or error})')
                    faults += 1
                    if faults > MOST_FAULTS:
                        return
                    continue
                for frame in frames:
                    if frame.is_corrupt:
                        note(damage, 'a frame is damaged')
                    yield frame

    def _picture(self, frame) -> np.ndarray:
        """A decoded frame as it is shown, RGB (H, W, 3)."""
        width, height = frame.width, frame.height
        if self._ratio != 1 and Fraction(1, 8) <= self._ratio <= 8:  # beyond that it is a slip of the pen
            width = max(1, round(width * self._ratio))
        image = self._reformatter.reformat(frame, width=width, height=height, format='rgb24').to_ndarray()
        if self._orientation is None:
            self._orientation = _orientation(frame)
        turned, upside_down, mirrored = self._orientation
        if turned:
            image = image.transpose(1, 0, 2)
        if upside_down:
            image = image[::-1]
        if mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(image)

    def _check_damage(self) -> None:
        if self.strict and self._index.damage:
            raise BadClipError(
                f'{self.path}: the video is damaged ({"; ".join(self._index.damage[:3])}); encode it again, or '
                'leave it out by --skip-bad-clips'
            )

    def __getstate__(self) -> dict:
        return dict(self.__dict__, _kept=None, _reformatter=None)  # frames of the decoder stay in their process

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._reformatter = av().video.reformatter.VideoReformatter()


def _seek(container, stream, key: int, keys: Sequence[int]) -> Iterator[Any] | None:
    """Packets from the keyframe at ``key`` ticks or one before it; ``None`` where the file does not seek."""
    place = bisect_right(keys, key) - 1
    for back in range(min(place, 3) + 1):
        try:
            container.seek(keys[place - back], stream=stream, backward=True, any_frame=False)
            packets = container.demux(stream)
            packet = next(packets, None)
        except (av().FFmpegError, OSError):
            return None
        if packet is not None and packet.is_keyframe and packet.pts is not None and packet.pts <= key:
            return _chained(packet, packets)
    return None


def _chained(first, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _orientation(frame) -> tuple[bool, bool, bool]:
    """Whether a frame is shown with rows and columns exchanged, then upside down, then mirrored.

    The display matrix maps a stored pixel (x, y) to a shown one: x' = a x + c y, y' = b x + d y.
    """
    data = next((bytes(one) for one in frame.side_data if one.type.name == 'DISPLAYMATRIX'), None)
    if data is None or len(data) < 36:
        return False, False, False
    a, b, _, c, d, *_ = np.frombuffer(data[:36], np.int32).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, b < 0, c < 0
    return False, d < 0, a < 0
