"""One training in a folder at a time."""
from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..files import write_errors
from .layout import LOCK


@contextmanager
def locked(folder: str | os.PathLike | None) -> Iterator[None]:
    """Hold a run's folder; the system lets go of it when the process ends, in whatever way.

    Args:
        folder: an existing folder; ``None`` holds nothing.

    Raises:
        ValueError: if another process holds it.
        WriteError: if its lock cannot be written.
    """
    take = _system_lock()
    if folder is None or take is None:
        yield
        return
    path = Path(folder) / LOCK
    with write_errors(path):
        file = open(path, 'a+', encoding='utf-8')
    with file:
        try:
            take(file)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            raise ValueError(f'{folder}: a training is running there ({file.read().strip() or "process not known"}): '
                             'wait for it, end it, or give another --work-dir') from None
        except OSError:                                         # a file system without locks
            yield
            return
        with write_errors(path):
            file.truncate(0)
            file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
            file.flush()
        yield


def _system_lock() -> Callable[[IO], None] | None:
    """What takes a file's lock or raises an ``OSError``; ``None`` on a system without such locks, such as Windows."""
    try:
        import fcntl
    except ImportError:
        return None
    # A lock of lockf is this process's alone: loader workers, which may outlive a kill by seconds, do not hold it.
    return lambda file: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
