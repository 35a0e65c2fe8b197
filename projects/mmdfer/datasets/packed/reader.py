"""Reading a pack."""
from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..clips import FRAME_SUFFIXES
from ..decoding import decode_image
from ..errors import BadClipError
from .layout import PackError, Source, how_to_build, read_index


class Pack:
    """A memory-mapped file of clips.

    Nothing of it is held in memory but the tables' pages and a table of which frames this process has checked;
    processes share the rest, forked or not.

    Args:
        path: a file that ``mmdfer pack`` has made.

    Raises:
        PackError: for a file that is missing, no pack, cut short or damaged.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if not os.path.isfile(path):
            raise PackError(f'{path}: no such pack; {how_to_build()}')
        self._open()

    def _open(self) -> None:
        mapped = np.memmap(self.path, np.uint8, 'r') if os.path.getsize(self.path) else np.empty(0, np.uint8)
        self._bytes = np.asarray(mapped)                            # slices of a plain array cost less than a memmap's
        text, self.clips, self.frames = read_index(self.path, self._bytes)
        self.store: str = text['store']
        self.size: int | None = text['size']
        self.command: str = text['command']
        self.bad: Mapping[str, str] = text['bad']
        self.missing: Sequence[str] = text['missing']
        self._names: list[str] = text['clips']
        self._checked = np.zeros(len(self.frames), bool)

    def __getstate__(self) -> dict:
        return dict(path=self.path)                                # a spawned worker maps the file itself

    def __setstate__(self, state: dict) -> None:
        self.path = state['path']
        self._open()

    def __len__(self) -> int:
        return len(self.clips)

    def rows(self, names: Sequence[str], key: Callable[[str], str], wanted_by: str) -> list[int]:
        """Where clips lie in the pack; names are one under the same ``key``.

        Raises:
            PackError: if one is not in it; ``wanted_by`` is the list that names it.
        """
        rows = {key(name): row for row, name in enumerate(self._names)}
        lacking = [name for name in names if key(name) not in rows]
        if lacking:
            raise PackError(f'{self.path}: lacks {len(lacking)} of the {len(names)} clips of {wanted_by} (such as '
                            f'{", ".join(lacking[:5])}): it was made from another list; {how_to_build(self.command)}')
        return [rows[key(name)] for name in names]

    def clip(self, row: int) -> PackedClip:
        return PackedClip(self, row)

    def frame(self, index: int, name: str, min_size: int | None = None) -> np.ndarray:
        """A frame as an RGB array (H, W, 3) of uint8, of one's own; its checksum is tried once a process.

        Raises:
            PackError: if the bytes have changed.
            BadClipError: if a stored file does not decode.
        """
        place, length, _, height, width = self.frames[index].item()
        data = self._bytes[place:place + length]
        if not self._checked[index]:
            self._check(index, name)
            self._checked[index] = True
        if self.store == 'raw':
            return np.array(data).reshape(height, width, 3)
        return decode_image(data.tobytes(), name, min_size)

    def _check(self, index: int, name: str) -> None:
        place, length, checksum, *_ = self.frames[index].item()
        if zlib.crc32(self._bytes[place:place + length]) != checksum:
            raise PackError(f'{self.path}: {name} does not match its checksum: the pack is damaged; '
                            f'{how_to_build(self.command)}')

    def verify(self) -> Iterator[int]:
        """Try every frame's checksum, clip by clip, yielding the clip's row.

        Raises:
            PackError: at the first that has changed.
        """
        for row, name in enumerate(self._names):
            first, count, *_ = self.clips[row].item()
            for index in range(count):
                self._check(first + index, f'frame {index} of clip {name}')
            yield row

    def check_sources(self, rows: Iterable[int], clips: Iterable[str], threads: int = 8) -> None:
        """Compare clips with their frames on the disk, where those are still there.

        Args:
            rows: of the clips in the pack.
            clips: the frame folders or videos, in the same order.
            threads: at a time; they help where the folders lie across a network.

        Raises:
            PackError: if a clip has changed since it was packed.
        """
        def check(row, clip):
            now = Source.of(clip, FRAME_SUFFIXES)
            if now is None:
                return
            _, _, count, size, newest = self.clips[row].item()
            if now.newest > newest:
                raise PackError(f'{self.path}: is older than the frames of {clip}; {how_to_build(self.command)}')
            if (now.count, now.bytes) != (count, size):
                raise PackError(f'{self.path}: was packed from other frames than those of {clip} ({count} frames of '
                                f'{size} bytes, now {now.count} of {now.bytes}); {how_to_build(self.command)}')
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(check, rows, clips, chunksize=256):
                pass


@dataclass(frozen=True)
class PackedClip:
    """One clip of a pack."""
    pack: Pack
    row: int

    @property
    def name(self) -> str:
        return self.pack._names[self.row]

    def __len__(self) -> int:
        """Frames of the clip.

        Raises:
            BadClipError: if it had none, or could not be read, when it was packed.
        """
        reason = self.pack.bad.get(self.name)
        if reason is not None:
            raise BadClipError(reason)
        return int(self.pack.clips[self.row]['count'])

    def frame(self, index: int, min_size: int | None = None) -> np.ndarray:
        """Frame ``index`` as an RGB array (H, W, 3)."""
        return self.pack.frame(int(self.pack.clips[self.row]['first']) + int(index),
                               f'frame {index} of clip {self.name}', min_size)
