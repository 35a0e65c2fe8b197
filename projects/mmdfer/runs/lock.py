"""One training in a work directory at a time."""
from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def locked(folder: str | None) -> Iterator[None]:
    """Hold a work directory's lock; the system lets go of it when the process ends, in whatever way.

    Args:
        folder: an existing folder; ``None`` holds nothing.

    Raises:
        ValueError: if another process holds it.
    """
    try:
        import fcntl
    except ImportError:                                         # no such locks on Windows
        folder = None
    if folder is None:
        yield
        return
    # A lock of lockf belongs to this process alone: loader workers, which may outlive a kill by seconds, do not hold it.
    with open(os.path.join(folder, 'run.lock'), 'a+', encoding='utf-8') as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            raise ValueError(f'{folder}: a training is running there ({file.read().strip() or "process not known"}): '
                             'wait for it, end it, or give another --work-dir') from None
        except OSError:                                         # a file system without locks
            yield
            return
        file.truncate(0)
        file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
        file.flush()
        yield
