"""Journals: what a long job has done so far, kept so that it survives a kill."""
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .files import WriteError, lock, write_all, write_errors

_ENCODER = json.JSONEncoder(ensure_ascii=False)


class Journal:
    """Entries as they are made, a JSON object a line, so that a run that was killed goes on where it was.

    A kill or a full disk can cut the last line alone. Such a line is no entry: it is not read, and is cut off before
    the next one is written. What the journal was kept for is written whole at the end, and then the journal removed.
    One process at a time writes it.

    Args:
        path: the file; it need not be there.
        durable: whether entries are on the disk, and not only on their way, when :meth:`append` returns.
    """

    def __init__(self, path: str | os.PathLike, durable: bool = True) -> None:
        self.path, self.durable = Path(path), durable
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def lines(self) -> Iterator[bytes]:
        """The whole lines, for ``json.loads``."""
        if self.path.exists():
            with open(self.path, 'rb') as file:
                yield from (line for line in file if line.endswith(b'\n'))

    def claim(self) -> bool:
        """Keep other processes from writing until :meth:`close`; returns whether a half-written line was cut off.

        Raises:
            WriteError: if another process is writing this journal, or it cannot be written.
        """
        if self._file is not None:
            return False
        with write_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = open(self.path, 'a+b', buffering=0)
            # One that was removed between its opening and its locking was another process's.
            if not lock(file) or not self.path.exists() or not os.path.samestat(os.fstat(file.fileno()),
                                                                                self.path.stat()):
                file.close()
                raise WriteError(f'{self.path}: another process is writing it; wait until it ends, or end it')
            self._file = file
            return self.keep() > 0

    def append(self, *entries: dict) -> None:
        """Add entries, all of them or none.

        Raises:
            WriteError: if another process is writing this journal, or it cannot be written.
        """
        # A file's name that is no Unicode holds lone surrogates, which become JSON's own escapes here.
        text = ''.join(_ENCODER.encode(entry) + '\n' for entry in entries)
        data = text.encode('utf-8', 'backslashreplace')
        self.claim()
        end = self._file.seek(0, os.SEEK_END)
        with write_errors(self.path):
            try:
                write_all(self._file, data)
                if self.durable:
                    os.fsync(self._file.fileno())
            except BaseException:
                self._file.truncate(end)
                raise

    def keep(self, count: int | None = None) -> int:
        """Cut off all but the first ``count`` whole lines; returns the number of bytes that went."""
        self.claim()
        with open(self.path, 'rb') as file:
            whole = (len(line) for line in file if line.endswith(b'\n'))
            length = sum(size for size, _ in zip(whole, iter(int, 1) if count is None else range(count)))
        total = self._file.seek(0, os.SEEK_END)
        self._file.truncate(length)
        return total - length

    def close(self) -> None:
        """Let other processes write; a journal without an entry is taken away."""
        if self._file is not None:
            if self._file.seek(0, os.SEEK_END) == 0:
                self.path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Take the journal away: what it was kept for is there."""
        self.path.unlink(missing_ok=True)
        self.close()
