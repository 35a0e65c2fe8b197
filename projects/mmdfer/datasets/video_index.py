"""What demuxing tells of a video file: how many frames can be shown, when, and where decoding may begin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from .errors import BadClipError

# Codecs whose packets carry one shown frame each, with its own presentation time. VP8 has frames that are never shown.
EXACT_CODECS = frozenset(
    {
        'h264',
        'hevc',
        'vp9',
        'av1',
        'mpeg4',
        'mpeg2video',
        'mpeg1video',
        'mjpeg',
        'prores',
        'dnxhd',
        'ffv1',
        'huffyuv',
        'rawvideo',
        'png',
        'gif',
        'theora',
        'wmv2',
        'vvc',
    }
)
# What FFmpeg takes for a video and is a list of other files, which a clip must never open.
PLAYLISTS = (b'#EXTM3U', b'ffconcat', b'<MPD', b'<?xml', b'[playlist]')
MOST_FAULTS = 64  # errors in a row after which a file is given up


@dataclass
class VideoIndex:
    """What demuxing tells of a video: shown frames in presentation order, and where decoding may start.

    ``ticks`` (N,) are presentation times in units of ``time_base`` seconds; ``keys`` the ticks of keyframes, sorted.
    ``reason`` says why the file has to be read from its start, and is empty where its marks can be trusted; ``hidden``
    whether an edit list leaves frames out.
    """

    ticks: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    time_base: Fraction = Fraction(1)
    end: int = 0
    reason: str = ''
    hidden: bool = False
    damage: list[str] = field(default_factory=list)


@contextmanager
def opened_video(path: str) -> Iterator[tuple[Any, Any]]:
    """The container and the video stream of a file, decoded by one thread: several readers work beside each other.

    Raises:
        BadClipError: for a file that does not open or holds no video.
    """
    library = av()
    try:
        container = open_file(path)
    except (library.FFmpegError, OSError, ValueError) as error:
        raise BadClipError(
            f'{path}: the video does not decode ({told(error)}); encode it again, or leave it out by --skip-bad-clips'
        ) from None
    with container:
        streams = list(container.streams.video)
        streams = [stream for stream in streams if not _is_cover(stream)] or streams
        if not streams or streams[0].codec_context is None:
            raise BadClipError(f'{path}: holds no video (sound only, or a codec that is not known here); give a file '
                               'with pictures, or leave it out by --skip-bad-clips')
        streams[0].thread_type = 'SLICE'
        streams[0].codec_context.thread_count = 1
        yield container, streams[0]


def open_file(path: str) -> Any:
    """The container of a file, and of nothing else: a relative ``take:1.mp4`` would be taken for a protocol."""
    return av().open(os.path.abspath(path), metadata_errors='replace', options=dict(protocol_whitelist='file'))


def av() -> Any:
    """PyAV, silenced.

    Raises:
        ImportError: where it is not installed.
    """
    try:
        import av
        import av.video.reformatter
    except ImportError:
        raise ImportError('videos are read by PyAV, which is not there: pip install av') from None
    av.logging.set_level(av.logging.PANIC)
    return av


def refuse_what_is_no_video(path: str) -> None:
    """Refuse what must not be opened: pipes, empty files, lists of other files.

    Raises:
        BadClipError: naming the file.
    """
    if not os.path.isfile(path):  # a pipe or a device would block for ever
        raise BadClipError(f'{path}: no such video file')
    with open(path, 'rb') as file:
        head = file.read(16)
    if not head:
        raise BadClipError(f'{path}: the video does not decode (the file is empty); copy it again, or leave it out by '
                           '--skip-bad-clips')
    if head.lstrip(b'\xef\xbb\xbf \r\n\t').startswith(PLAYLISTS):
        raise BadClipError(f'{path}: is a list of other files and no video; give the files themselves')


def _is_cover(stream) -> bool:
    """Whether a stream is the picture on a file's cover."""
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def index_video(container, stream) -> VideoIndex:
    """Demux a whole file without decoding."""
    found = VideoIndex(time_base=stream.time_base)
    shown, reasons, ends = [], [], []
    last_dts, first = None, True
    for packet in packets_of(container, stream, found.damage):
        if packet.size == 0 and packet.pts is None:
            continue
        if first and not packet.is_keyframe:
            reasons.append('it does not begin with a keyframe')
        first = False
        if packet.is_corrupt:
            note(found.damage, 'a packet is damaged')
        if packet.dts is not None and last_dts is not None and packet.dts < last_dts:
            reasons.append('its decoding times go back')
        last_dts = packet.dts if packet.dts is not None else last_dts
        if packet.is_keyframe and packet.pts is not None:
            found.keys.append(packet.pts)
        if packet.is_discard:
            found.hidden = True
            continue
        if packet.pts is None:
            reasons.append('it has frames without a time')
            continue
        shown.append(packet.pts)
        ends.append(packet.pts + (packet.duration or 0))
    found.ticks, found.keys = sorted(shown), sorted(found.keys)
    if 'avi' in container.format.name.split(','):
        reasons.append('AVI keeps no presentation times')
    if stream.codec_context.name not in EXACT_CODECS:
        reasons.append(f'{stream.codec_context.name} may hide frames')
    if len(set(shown)) < len(shown):
        reasons.append('times of frames are repeated')
    if found.damage:
        reasons.append('it is damaged')
    if found.ticks and (not found.keys or found.ticks[0] < found.keys[0]):
        reasons.append('frames are shown before the first keyframe')
    found.reason = '; '.join(dict.fromkeys(reasons))
    found.end = max(ends, default=0)
    if found.ticks and found.end <= found.ticks[-1]:
        found.end = found.ticks[-1] + max(round(1 / ((stream.average_rate or 25) * stream.time_base)), 1)
    return found


def packets_of(container, stream, damage: list[str]) -> Iterator[Any]:
    """Packets of a stream to the end of the file, the empty last one too; errors between them are noted."""
    faults = 0
    while True:
        try:
            for packet in container.demux(stream):
                faults = 0
                yield packet
            return
        except av().FFmpegError as error:
            note(damage, f'the file cannot be read on ({told(error)})')
            faults += 1
            if faults > MOST_FAULTS or isinstance(error, EOFError):
                return


def note(damage: list[str], text: str) -> None:
    """Keep a fault's words once."""
    if text not in damage:
        damage.append(text)


def told(error: BaseException) -> str:
    """An error's own words."""
    return getattr(error, 'strerror', None) or str(error) or type(error).__name__
