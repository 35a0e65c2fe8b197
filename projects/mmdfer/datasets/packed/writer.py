"""Writing a pack: whole or not there, and going on where an interrupted one stopped."""
from __future__ import annotations

import fcntl
import json
import os
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from ..errors import DatasetError
from .layout import ALIGNMENT, CLIPS, FRAMES, HEADER, STORES, Source, header_bytes, index_bytes


@dataclass(frozen=True)
class StoredFrame:
    """A frame's bytes as they go into the pack; ``height`` and ``width`` are 0 for a file."""
    data: bytes | np.ndarray
    height: int = 0
    width: int = 0


class PackWriter:
    """Writes ``path``, by way of ``<path>.part`` and a journal ``<path>.journal`` of the clips that are in it.

    After a kill, a writer of the same settings finds the clips already written, cuts off what the journal does
    not know of, and goes on. ``finish`` gives the file its name in one step.

    Args:
        path: file to make.
        store: ``'files'`` or ``'raw'``.
        size: of raw frames, ``None`` as they are.
        command: how a user builds this pack again.
    """

    def __init__(self, path: str, store: str = 'files', size: int | None = None, command: str = '') -> None:
        if store not in STORES:
            raise DatasetError(f'store={store!r}: choose {" or ".join(map(repr, STORES))}')
        self.path, self.part, self.journal = path, f'{path}.part', f'{path}.journal'
        self.settings = dict(store=store, size=size, command=command)
        self.done: dict[str, dict] = {}
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self._file = os.fdopen(os.open(self.part, os.O_RDWR | os.O_CREAT, 0o666), 'r+b')
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise DatasetError(f'{path}: another process is writing this pack') from None
        end, lines = self._resume()
        self._file.truncate(end)
        self._file.seek(end)
        self._lines = open(self.journal, 'a', encoding='utf-8')
        self._lines.truncate(lines)
        if not self.done:
            self._file.write(b'\0' * HEADER.size)
            self._note(self.settings)

    def _resume(self) -> tuple[int, int]:
        """Read the journal; returns where the part's whole clips and their lines in the journal end."""
        if not os.path.exists(self.journal):
            return 0, 0
        end, lines, length = 0, 0, os.path.getsize(self.part)
        with open(self.journal, 'rb') as journal:
            for number, line in enumerate(journal):
                if not line.endswith(b'\n'):
                    break                                           # the write that a kill cut short
                entry = json.loads(line)
                if number == 0 and any(entry.get(key) != self.settings[key] for key in ('store', 'size')):
                    break
                if number > 0:
                    if entry['end'] > length:
                        break
                    self.done[entry['clip']] = _compact(entry)
                    end = entry['end']
                lines += len(line)
        return (end, lines) if self.done else (0, 0)

    def has(self, clip: str, source: Source) -> bool:
        """Whether a clip is in already and can be read, from the frames that are on the disk now."""
        entry = self.done.get(clip)
        return entry is not None and entry['bad'] is None and tuple(entry['source']) == astuple(source)

    def add(self, clip: str, source: Source, frames: Sequence[StoredFrame], bad: str | None = None) -> None:
        """Append a clip; ``bad`` is why it cannot be read, to be said again when it is asked for."""
        rows = []
        for frame in frames:
            self._file.write(b'\0' * (-self._file.tell() % ALIGNMENT))
            data = memoryview(frame.data).cast('B')
            rows.append((self._file.tell(), len(data), zlib.crc32(data), frame.height, frame.width))
            self._file.write(data)
        self._file.flush()
        entry = dict(clip=clip, source=astuple(source), bad=bad, end=self._file.tell(), frames=rows)
        self._note(entry)
        self.done[clip] = _compact(entry)

    def _note(self, entry: dict) -> None:
        self._lines.write(json.dumps(entry) + '\n')
        self._lines.flush()

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
        self._file.write(b'\0' * (-self._file.tell() % ALIGNMENT))
        place = self._file.tell()
        index = index_bytes(dict(self.settings, clips=list(clips), bad=bad, missing=list(missing)), table, frames)
        self._file.write(index)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.seek(0)
        self._file.write(header_bytes(place, index))
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()
        os.replace(self.part, self.path)
        os.remove(self.journal)

    def close(self) -> None:
        self._file.close()
        self._lines.close()


def _compact(entry: dict) -> dict:
    """A journal's entry with its frames as a table: millions of them are held until the index is written."""
    return dict(entry, frames=np.array([tuple(row) for row in entry['frames']], FRAMES))


def free_space(path: str) -> int:
    """Bytes free where a file is to be made."""
    return shutil.disk_usage(os.path.dirname(os.path.abspath(path))).free
