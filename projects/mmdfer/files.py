"""Files that are whole or not there.

A result is written beside its name and renamed when all of it is on the disk, so that a kill, a full disk or a power
cut leaves the new file or the one that was there before, never a part of one.
"""
from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

LITTLE = 1 << 20
"""Bytes; where fewer are free, that is why a library could not write, whatever it says itself."""

STALE_AFTER = 3600
"""Seconds after which nobody writes on at what is half-written."""


class WriteError(OSError):
    """What could not be written, why, and what to do; what was there before is as it was."""


def cache_folder() -> Path:
    """What is kept to save time, fetched weights above all: ``$MMDFER_CACHE``, or ``mmdfer`` in the user's cache."""
    own = os.environ.get('MMDFER_CACHE')
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(own) if own else Path(base) / 'mmdfer'


@contextmanager
def whole_file(path: str | os.PathLike, durable: bool = True) -> Iterator[Path]:
    """A path to write to, which takes the name ``path`` when the block ends well and is removed when it does not.

    The folder is made if it is missing. The name is hidden and nobody else's: what a kill leaves is no frame, clip or
    checkpoint to anybody, and of two processes the later one's file is kept. A device is written to itself.

    Args:
        path: the file.
        durable: whether the file is on the disk, and not only on its way, when the block is left.

    Raises:
        WriteError: naming ``path``, for a full disk, a folder that may not be written to and the like.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():          # /dev/null must stay what it is
        with write_errors(path):
            yield path
        return
    partial = _partial(path)
    with write_errors(path, partial):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            put_in_place(partial, path, durable)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | os.PathLike, durable: bool = True) -> Iterator[Path]:
    """A new folder to write into, which takes the name ``path`` when the block ends well, as :func:`whole_file` does.

    An older folder of that name is replaced; a kill between its going and the new one's coming may leave neither.
    """
    path = Path(os.path.realpath(path))
    partial = _partial(path)
    with write_errors(path, partial):
        try:
            partial.mkdir(parents=True)
            yield partial
            put_in_place(partial, path, durable)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def put_in_place(partial: Path, path: Path, durable: bool = True) -> None:
    """Give a complete file or folder its name; where it is ``durable``, once all of it is on the disk."""
    if durable:
        for each in [partial, *partial.rglob('*')]:
            _sync(each)
    if path.is_dir() and not path.is_symlink() and partial.is_dir() and not partial.is_symlink():
        old = _partial(path)
        path.rename(old)
        partial.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(partial, path)
    if durable:
        _sync(path.parent)


def write_text(text: str, path: str | os.PathLike) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_bytes(text.encode('utf-8'))


def write_json(content: Any, path: str | os.PathLike) -> None:
    """Write a JSON file whole or not at all."""
    write_text(json.dumps(content, indent=2) + '\n', path)


def write_arrays(arrays: dict[str, np.ndarray], path: str | os.PathLike) -> None:
    """Write a compressed ``.npz`` whole or not at all."""
    import numpy as np
    with whole_file(path) as partial, open(partial, 'wb') as file:
        np.savez_compressed(file, **arrays)


def write_link(path: str | os.PathLike, target: str) -> None:
    """Let ``path`` lead to ``target``, a path from its folder, replacing an older link in one step."""
    with whole_file(path, durable=False) as partial:
        partial.symlink_to(target)


def append_line(line: str, path: str | os.PathLike) -> None:
    """Add a line to a text file to which other processes may be adding theirs.

    A line that a kill or a full disk cut stays alone: the next one begins a line of its own.

    Raises:
        WriteError: naming ``path``, for a full disk and the like.
    """
    with write_errors(Path(path)), open(path, 'a+b', buffering=0) as file:
        is_cut = file.tell() > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b'\n'
        # In one piece, so that it is not mixed with another's.
        write_all(file, f'{chr(10) if is_cut else ""}{line}\n'.encode('utf-8', 'backslashreplace'))


def read_json(path: str | os.PathLike) -> dict:
    """A JSON object from a file.

    Raises:
        FileNotFoundError, ValueError: where there is no such file, or it holds no JSON object.
    """
    try:
        found = json.loads(Path(path).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path}: not JSON ({error}); remove it or write it again') from None
    if not isinstance(found, dict):
        raise ValueError(f'{path}: holds no JSON object')
    return found


def remove_partials(folder: str | os.PathLike, name: str = '*') -> None:
    """Take away what killed processes left of files in a folder, or of one; what was written to of late stays."""
    for partial in Path(folder).glob(f'.{name}.*.partial'):
        with suppress(FileNotFoundError):                       # taken away by another process
            if time.time() - partial.lstat().st_mtime > STALE_AFTER:
                shutil.rmtree(partial, ignore_errors=True) if partial.is_dir() else partial.unlink()


@contextmanager
def write_errors(path: Path, partial: Path | None = None) -> Iterator[None]:
    """Let errors of writing ``path``, by way of ``partial``, name it and tell what to do."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        about = Path(str(error.filename or path))
        if not (path.is_relative_to(about) or partial is not None and about.is_relative_to(partial)):
            raise                                               # of a file that the block reads
        from .machine import reason
        raise _write_error(path, error.errno, reason(error, path)) from error
    except Exception as error:
        # torch and safetensors have errors of their own for a full disk.
        if _free(path.parent) < LITTLE:
            raise _write_error(path, errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


@contextmanager
def full_disk_errors(folder: str | os.PathLike) -> Iterator[None]:
    """Let an error of a full disk that names no file, such as a log's, name the folder that was written to."""
    try:
        yield
    except OSError as error:
        from .machine import FULL
        if isinstance(error, WriteError) or error.filename is not None or error.errno not in FULL:
            raise
        raise _write_error(Path(folder) / '*', error.errno, error.strerror or str(error)) from error


def write_all(file: IO[bytes], data: bytes | memoryview) -> None:
    """Write to a file opened without a buffer, which may take a part at a time."""
    while len(data):
        data = data[file.write(data):]


def lock(file: IO) -> bool:
    """Take an open file's lock until it is closed, in whatever way; ``False`` if another process has it."""
    try:
        import fcntl
    except ImportError:                                         # no such locks on Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:                                    # of others: a file system without locks
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def make_folder(path: str | os.PathLike) -> None:
    """Make a folder, and those above it, if they are missing.

    Raises:
        WriteError: naming it, for a file in its place, a folder that may not be written to and the like.
    """
    with write_errors(Path(path)):
        Path(path).mkdir(parents=True, exist_ok=True)


def _write_error(path: Path, number: int | None, why: str) -> WriteError:
    from .machine import FULL, remedy
    room = f'{_free(path.parent) / 1e6:.0f} MB are free there: ' if number in FULL else ''
    error = WriteError(f'{path}: cannot be written ({why}); {room}{remedy(number) or "give another place"}')
    error.errno = number
    return error


def _free(folder: Path) -> int:
    """Bytes free where a folder is or would be."""
    return shutil.disk_usage(next(each for each in (folder, *folder.absolute().parents) if each.exists())).free


def _partial(path: Path) -> Path:
    name = path.name
    if len(os.fsencode(name)) > 230:                            # of the 255 bytes that a name may have
        name = os.fsencode(name)[:230].decode('utf-8', 'ignore')
    return path.with_name(f'.{name}.{secrets.token_hex(4)}.partial')


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    if path.is_symlink() or path.is_dir() and os.name == 'nt':
        return
    number = os.open(path, os.O_RDWR if os.name == 'nt' else os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):    # a file system that knows no such thing
            raise
    finally:
        os.close(number)
