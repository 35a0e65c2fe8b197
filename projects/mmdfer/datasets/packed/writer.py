"""Writing a pack: whole or not there, and going on where an interrupted one stopped."""
from __future__ import annotations

import json
import os
import shutil
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from ...files import WriteError, lock, make_folder, put_in_place, write_all, write_errors
from ...journals import Journal
from ..errors import DatasetError
from .layout import ALIGNMENT, CLIPS, FRAMES, HEADER, STORES, Source, header_bytes, index_bytes

NOTED_EVERY = 1.0
"""Seconds between two notes in the journal: a note waits for the disk."""


@dataclass(frozen=True)
class StoredFrame:
    """A frame's bytes as they go into the pack; ``height`` and ``width`` are 0 for a file."""
    data: bytes | np.ndarray
    height: int = 0
    width: int = 0


class PackWriter:
    """Writes ``path``, by way of ``<path>.part`` and a journal ``<path>.journal`` of the clips that are in it.

    After a kill, a writer of the same settings finds the clips already written, cuts off what the journal does
    not know of, and goes on. ``finish`` gives the file its name in one step. The journal names a clip only when its
    frames are on the disk, so that it holds after a power cut too; clips wait for that :data:`NOTED_EVERY` seconds.

    Args:
        path: file to make.
        store: ``'files'`` or ``'raw'``.
        size: of raw frames, ``None`` as they are.
        command: how a user builds this pack again.
    """

    def __init__(self, path: str, store: str = 'files', size: int | None = None, command: str = '') -> None:
        if store not in STORES:
            raise DatasetError(f'store={store!r}: choose {" or ".join(map(repr, STORES))}')
        self.path, self.part, self.journal = path, f'{path}.part', Journal(f'{path}.journal')
        self.settings = dict(store=store, size=size, command=command)
        self.done: dict[str, dict] = {}
        self._unnoted: list[dict] = []
        self._noted = time.monotonic()
        make_folder(os.path.dirname(os.path.abspath(path)))
        # No buffer: what a full disk refuses must not come back when the file is closed.
        with write_errors(Path(self.part)):
            self._file = open(os.open(self.part, os.O_RDWR | os.O_CREAT, 0o666), 'r+b', buffering=0)
        if not lock(self._file):
            self._file.close()
            raise DatasetError(f'{path}: another process is writing this pack')
        end, lines = self._resume()
        self._file.truncate(end)
        self._file.seek(end)
        self.journal.keep(lines)
        if not self.done:
            self._write(b'\0' * HEADER.size)
            self.journal.append(self.settings)

    def _resume(self) -> tuple[int, int]:
        """Read the journal; returns where the part's whole clips end, and the number of their lines."""
        end, length = 0, os.path.getsize(self.part)
        lines = map(json.loads, self.journal.lines())
        settings = next(lines, {})
        if any(settings.get(key) != self.settings[key] for key in ('store', 'size')):
            return 0, 0
        count = 0
        for entry in lines:
            if entry['end'] > length:
                break
            self.done[entry['clip']] = _compact(entry)
            end, count = entry['end'], count + 1
        return (end, 1 + count) if self.done else (0, 0)

    def has(self, clip: str, source: Source) -> bool:
        """Whether a clip is in already and can be read, from the frames that are on the disk now."""
        entry = self.done.get(clip)
        return entry is not None and entry['bad'] is None and tuple(entry['source']) == astuple(source)

    def add(self, clip: str, source: Source, frames: Sequence[StoredFrame], bad: str | None = None) -> None:
        """Append a clip; ``bad`` is why it cannot be read, to be said again when it is asked for.

        Raises:
            WriteError: if the pack cannot be written, such as on a full disk.
        """
        rows = []
        for frame in frames:
            self._write(b'\0' * (-self._file.tell() % ALIGNMENT))
            data = memoryview(frame.data).cast('B')
            rows.append((self._file.tell(), len(data), zlib.crc32(data), frame.height, frame.width))
            self._write(data)
        entry = dict(clip=clip, source=astuple(source), bad=bad, end=self._file.tell(), frames=rows)
        self.done[clip] = _compact(entry)
        self._unnoted.append(entry)
        if time.monotonic() - self._noted > NOTED_EVERY:
            self._note()

    def _write(self, data: bytes | memoryview) -> None:
        with write_errors(Path(self.path)):
            write_all(self._file, data)

    def _note(self) -> None:
        with write_errors(Path(self.path)):
            os.fsync(self._file.fileno())
        self.journal.append(*self._unnoted)
        self._unnoted, self._noted = [], time.monotonic()

    def finish(self, clips: Sequence[str], missing: Sequence[str] = ()) -> None:
        """Write the index of these clips, in this order, then the header, and give the file its name.

        ``missing`` are listed clips that were not there.
        """
        entries = [self.done[clip] for clip in clips]
        counts = [len(entry['frames']) for entry in entries]
        first = np.cumsum([0, *counts])[:-1]
        rows = [(start, count, *entry['source']) for start, count, entry in zip(first, counts, entries)]
        table = np.array(rows, CLIPS)
        frames = np.concatenate([np.empty(0, FRAMES), *(entry['frames'] for entry in entries)])
        bad = {clip: entry['bad'] for clip, entry in zip(clips, entries) if entry['bad'] is not None}
        self._write(b'\0' * (-self._file.tell() % ALIGNMENT))
        place = self._file.tell()
        index = index_bytes(dict(self.settings, clips=list(clips), bad=bad, missing=list(missing)), table, frames)
        self._write(index)
        os.fsync(self._file.fileno())
        self._file.seek(0)
        self._write(header_bytes(place, index))
        self._file.close()
        put_in_place(Path(self.part), Path(self.path))
        self.journal.remove()

    def close(self) -> None:
        """Stop here; another writer can go on."""
        if not self._file.closed:
            with suppress(WriteError):                          # clips that are not noted are packed again
                self._note()
            self._file.close()
        self.journal.close()


def _compact(entry: dict) -> dict:
    """A journal's entry with its frames as a table: millions of them are held until the index is written."""
    return dict(entry, frames=np.array([tuple(row) for row in entry['frames']], FRAMES))


def free_space(path: str) -> int:
    """Bytes free where a file is to be made."""
    return shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free


def forget_journal(path: str) -> None:
    """Remove the journal of a pack that is whole, which a kill right after the pack had got its name has left."""
    if not os.path.exists(f'{path}.part'):
        Path(f'{path}.journal').unlink(missing_ok=True)
