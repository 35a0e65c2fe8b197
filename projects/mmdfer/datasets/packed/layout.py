"""A pack's bytes on the disk.

::

    header   64 bytes: magic, version, place and length of the index, its SHA-256's first half
    frames   the frames' bytes, clip by clip
    index    length of the text, the text (JSON), the clips' table, the frames' table

The header is written last, into a file that only then gets its name: a pack is whole or not there.
"""
from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass

import numpy as np

from ...clip_names import entries_of, is_frame
from ..errors import DatasetError

MAGIC, VERSION = b'mmdferPK', 1
HEADER = struct.Struct('<8sIxxxxQQ16s16x')
ALIGNMENT = 64
STORES = ('files', 'raw')

# A clip's frames are rows first .. first + count; then what its frames on the disk were when it was packed.
CLIPS = np.dtype([('first', '<u8'), ('count', '<u4'), ('source_count', '<u4'), ('source_bytes', '<u8'),
                  ('source_newest', '<i8')])
FRAMES = np.dtype([('place', '<u8'), ('length', '<u4'), ('checksum', '<u4'), ('height', '<u2'), ('width', '<u2')])


class PackError(DatasetError):
    """A pack that must not be read: cut short, changed, of other clips, or older than its frames."""


@dataclass(frozen=True)
class Source:
    """What tells whether the frames of a clip have changed: their number, bytes and newest change in nanoseconds."""
    count: int
    bytes: int
    newest: int

    @classmethod
    def of(cls, clip: str, suffixes: tuple[str, ...]) -> Source | None:
        """Of a folder's frames or a video file; ``None`` if there is no such clip."""
        try:
            stats = [entry.stat() for entry in entries_of(clip) if is_frame(entry)
                     and entry.name.lower().endswith(suffixes)]
        except NotADirectoryError:
            stats = [os.stat(clip)]
        except FileNotFoundError:
            return None
        newest = max((stat.st_mtime_ns for stat in stats), default=0)
        return cls(len(stats), sum(stat.st_size for stat in stats), newest)


def index_bytes(text: dict, clips: np.ndarray, frames: np.ndarray) -> bytes:
    encoded = json.dumps(text, ensure_ascii=False).encode()
    encoded += b' ' * (-(len(encoded) + 8) % ALIGNMENT)
    return struct.pack('<Q', len(encoded)) + encoded + clips.tobytes() + frames.tobytes()


def header_bytes(place: int, index: bytes) -> bytes:
    return HEADER.pack(MAGIC, VERSION, place, len(index), hashlib.sha256(index).digest()[:16])


def read_index(path: str, mapped: np.ndarray) -> tuple[dict, np.ndarray, np.ndarray]:
    """The text and both tables of a mapped pack; the tables are views of it.

    Raises:
        PackError: for a file that is no pack, cut short, or whose index has changed.
    """
    if len(mapped) < HEADER.size or mapped[:len(MAGIC)].tobytes() != MAGIC:
        raise PackError(f'{path}: is no pack, or its writing was interrupted; {how_to_build()}')
    _, version, place, length, digest = HEADER.unpack(mapped[:HEADER.size].tobytes())
    if version != VERSION:
        raise PackError(f'{path}: is a pack of version {version}, this code reads {VERSION}; {how_to_build()}')
    if len(mapped) != place + length:
        raise PackError(f'{path}: has {len(mapped)} bytes of {place + length}: the pack is cut short or was changed; '
                        f'{how_to_build()}')
    index = mapped[place:]
    if hashlib.sha256(index).digest()[:16] != digest:
        raise PackError(f"{path}: the index does not match its checksum: the pack is damaged; {how_to_build()}")
    start = 8 + int.from_bytes(index[:8].tobytes(), 'little')
    try:
        text = json.loads(index[8:start].tobytes())
        middle = start + len(text['clips']) * CLIPS.itemsize
        clips, frames = index[start:middle].view(CLIPS), index[middle:].view(FRAMES)
        wrong = _contradiction(text, clips, frames, place)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        wrong = str(error)
    if wrong:
        raise PackError(f'{path}: its index contradicts itself ({wrong}); {how_to_build()}')
    return text, clips, frames


def _contradiction(text: dict, clips: np.ndarray, frames: np.ndarray, end: int) -> str:
    """What in an index is not of one pack whose frames end at a place; '' if nothing is."""
    names = text['clips']
    if text['store'] not in STORES or not all(key in text for key in ('size', 'command', 'bad', 'missing')):
        return f'store {text["store"]!r}'
    if len(names) != len(clips) or len(set(names)) < len(names):
        return 'a clip is there twice'
    if (clips['first'] + clips['count'] > len(frames)).any():
        return f'a clip has frames beyond the {len(frames)} that there are'
    if (frames['place'] + frames['length'] > end).any():
        return 'a frame lies beyond the end'
    pixels = 3 * frames['height'].astype(np.int64) * frames['width']
    if text['store'] == 'raw' and (pixels != frames['length']).any():
        return 'a raw frame has other bytes than its size tells'
    return ''


def how_to_build(command: str | None = None) -> str:
    """The end of every refusal."""
    return f'build it again: {command or "mmdfer pack CONFIG --data-root ROOT --out PACK --overwrite"}'
