"""A clip: its frames by index and their times, whether it is a folder of frames, a video or an entry of a pack."""
from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from mmengine.logging import print_log

from ..clip_names import FRAME_SUFFIXES, entries_of, is_frame, is_unread
from ..registry import VIDEO_READERS
from .decoding import decode_image
from .errors import BadClipError

READER = 'pyav'
INEXACT_BY_DECORD = ('.avi', '.ts', '.mpg', '.mpeg', '.m2ts', '.vob')


class Frames(Protocol):
    """What a clip's frames come from: :class:`FrameFolder`, a video reader, or a pack's ``PackedClip``."""

    def __len__(self) -> int:
        """Number of frames."""

    def frame(self, index: int, min_size: int | None = None) -> np.ndarray:
        """Frame ``index`` as an RGB array (H, W, 3) of uint8."""


class Clip:
    """One clip, opened when it is made.

    :meth:`close` lets go of a video's file; reading on opens it again.

    Args:
        path: a folder of frames, or a video file.
        packed: the clip's entry of a pack, which is read in place of the path.
        reader: what reads videos, by its name in ``VIDEO_READERS``.

    Raises:
        BadClipError: for a folder without frames, or a video that does not open or has no frames.
    """

    def __init__(self, path: str | os.PathLike, packed: Frames | None = None, reader: str = READER) -> None:
        self.path = os.fspath(path)
        self.packed, self.reader = packed, reader
        self._source: Frames | None = None
        self._length = len(self._frames())

    def __len__(self) -> int:
        return self._length

    def __enter__(self) -> Clip:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def fps(self) -> float | None:
        """Frames a second, on average; ``None`` for frames that do not say."""
        return getattr(self._frames(), 'fps', None)

    def times(self, fps: float | None = None) -> np.ndarray:
        """When each frame is shown, (N, ) seconds from the clip's start.

        Args:
            fps: frames a second of a folder or pack; a video has times of its own.

        Raises:
            ValueError: without ``fps`` for frames that have no times.
        """
        times = getattr(self._frames(), 'times', None)
        if times is not None:
            return times()
        if fps is None or fps <= 0:
            raise ValueError(f'{self.path}: its frames do not say when they are shown; give fps, more than 0')
        return np.arange(len(self)) / fps

    def frame(self, index: int, min_size: int | None = None) -> np.ndarray:
        """One frame as an RGB array (H, W, 3) of uint8; see :meth:`frames`."""
        return self.frames([index], min_size)[0]

    def frames(self, indices: Iterable[int], min_size: int | None = None) -> list[np.ndarray]:
        """Frames as RGB arrays (H, W, 3) of uint8, in the order asked for; one asked for twice is read once.

        Args:
            indices: from 0 to ``len - 1``.
            min_size: for stored JPEGs, see :func:`~mmdfer.datasets.decoding.decode_image`.

        Raises:
            BadClipError: for a frame or video that does not decode.
        """
        source, wanted = self._frames(), np.asarray(list(indices), int).reshape(-1)
        several = getattr(source, 'frames', None)
        if several is not None:
            return several(wanted)
        read: dict[int, np.ndarray] = {}
        for index in wanted.tolist():
            if index not in read:
                read[index] = source.frame(index, min_size)
        return [read[index] for index in wanted.tolist()]

    @property
    def contested(self) -> list[str]:
        """Why other readers may show other frames of a video, as far as its reader knows."""
        return list(getattr(self._frames(), 'contested', ()))

    def close(self) -> None:
        """Let go of the file, its reader and what they hold in memory."""
        self._source = None

    def _frames(self) -> Frames:
        if self._source is None:
            if self.packed is not None:
                self._source = self.packed
            elif os.path.isdir(self.path):
                self._source = FrameFolder(self.path)
            else:
                self._source = open_video(self.path, self.reader)
        return self._source


class FrameFolder:
    """A folder of image files, in natural order of their names.

    Raises:
        BadClipError: if there are none.
    """

    def __init__(self, path: str) -> None:
        self.path, self.names = path, list_frames(path)

    def __len__(self) -> int:
        return len(self.names)

    def frame(self, index: int, min_size: int | None = None) -> np.ndarray:
        return read_frame(os.path.join(self.path, self.names[index]), min_size)


def open_video(path: str, reader: str = READER) -> Frames:
    """A reader of a video file.

    Raises:
        BadClipError: if there is no such file, or it does not open or has no frames.
    """
    if not os.path.isfile(path):
        raise BadClipError(f'{path}: no such folder or video')
    video = VIDEO_READERS.build(dict(type=reader), path=path)
    if len(video) < 1:
        raise BadClipError(f'{path}: the video has no frames')
    return video


@VIDEO_READERS.register_module('decord')
class DecordReader:
    """A video by decord, its bytes held in memory.

    It gives other frames than asked for, without a word, on files with open groups of pictures or edit lists, HEVC of
    10 bits, B-frames in AVI, MPEG-2 and transport streams, and takes mirrored videos for ones upside down; it warns as
    far as the name tells. :class:`~mmdfer.datasets.video_reader.VideoReader` is exact on all of these.

    Raises:
        BadClipError: for a file that does not open.
        ImportError: without decord.
    """

    def __init__(self, path: str) -> None:
        try:
            import decord
        except ImportError:
            raise ImportError('videos are read by decord, which is not there: pip install decord') from None
        if path.lower().endswith(INEXACT_BY_DECORD):
            print_log(f'{path}: decord may give other frames than asked for on such files; reader="pyav" does not',
                      logger='current', level=logging.WARNING)
        self.path, self._errors = path, (decord.DECORDError, RuntimeError, OSError, IndexError)
        with self._reading():
            self._video = decord.VideoReader(io.BytesIO(Path(path).read_bytes()), num_threads=1)
            self.fps: float = self._video.get_avg_fps()

    def __len__(self) -> int:
        return len(self._video)

    def frame(self, index: int, min_size: int | None = None) -> np.ndarray:
        return self.frames(np.array([index]))[0]

    def frames(self, indices: np.ndarray) -> list[np.ndarray]:
        """Frames in one batch, as decord reads them fastest."""
        with self._reading():
            return list(self._video.get_batch(indices).asnumpy())

    def times(self) -> np.ndarray:
        """(N, ) seconds."""
        with self._reading():
            return np.asarray(self._video.get_frame_timestamp(range(len(self))))[:, 0]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """decord's many error types become one that names the clip."""
        try:
            yield
        except self._errors as error:
            reason = str(error).strip().splitlines()
            raise BadClipError(f'{self.path}: the video does not decode '
                               f'({reason[-1][:120] if reason else type(error).__name__}); encode it again, or leave '
                               'it out by --skip-bad-clips') from None


def list_frames(folder: str) -> list[str]:
    """Names of the frames in a folder, in natural order; hidden files and folders named like frames are none.

    Raises:
        BadClipError: if there are none, or one is there in two formats, or under two paddings of its number.
    """
    return frames_among(list(entries_of(folder)), folder)


def frames_among(entries: Sequence[os.DirEntry], folder: str) -> list[str]:
    """:func:`list_frames` of a folder whose entries are known."""
    names = sorted(sorted(entry.name for entry in entries if is_frame(entry)), key=natural_key)
    if not names:
        unread = sorted(entry.name for entry in entries if is_unread(entry))
        told = f' that is read, but {len(unread)} such as {unread[0]}; save them as .png' if unread else ''
        raise BadClipError(f'{folder}: holds no frame ({", ".join(FRAME_SUFFIXES)}){told}; extract the clip again, or '
                           'leave it out by --skip-bad-clips')
    stems: dict[tuple, str] = {}
    for name in names:
        other = stems.setdefault(tuple(natural_key(os.path.splitext(name)[0])), name)       # 1.jpg, 1.png, 001.jpg
        if other != name:
            raise BadClipError(f'{folder}: holds one frame twice, as {other} and {name}; remove one of them, or leave '
                               'the clip out by --skip-bad-clips')
    return names


def natural_key(name: str) -> list:
    """Sort key under which ``2.jpg`` comes before ``10.jpg``; numbers may have any number of digits."""
    parts = re.split(r'([0-9]+)', name)                                        # texts and numbers take turns
    return [_number_key(part) if turn % 2 else part for turn, part in enumerate(parts)]


def _number_key(digits: str) -> tuple[int, str]:
    digits = digits.lstrip('0')
    return len(digits), digits


def _open_at_once(path: str, flags: int) -> int:
    """A pipe named like a frame is empty, instead of waited for."""
    return os.open(path, flags | getattr(os, 'O_NONBLOCK', 0))


def read_frame(path: str, min_size: int | None = None) -> np.ndarray:
    """An image file as an RGB array (H, W, 3); ``min_size`` is ``decode_image``'s.

    Raises:
        BadClipError: if it is missing, cut short or does not decode.
    """
    try:
        with open(path, 'rb', opener=_open_at_once) as file:
            data = file.read()
    except OSError as error:
        raise BadClipError(f'{path}: cannot be read ({error.strerror})') from None
    return decode_image(data, path, min_size)
