"""Errors of the machine, not of the program: what to do about a full disk, a read-only folder and the like."""
from __future__ import annotations

import errno
import os
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR)
TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)
PLACES = (*FULL, *FORBIDDEN, *IN_THE_WAY)
# What libraries that raise no OSError say instead.
IN_WORDS = {'Too many open files': errno.EMFILE, 'received 0 items of ancdata': errno.EMFILE,
            'No space left on device': errno.ENOSPC, 'insufficient shared memory': errno.ENOSPC,
            'unable to open shared memory': errno.ENOSPC}


def remedy(number: int | None) -> str | None:
    """What to do about a system's error, by its number; ``None`` for one that is not the machine's."""
    if number in TOO_MANY_OPEN:
        return 'raise the limit of open files (ulimit -n 4096), or use fewer --workers'
    if number in FULL:
        return 'make room, or give another place'
    if number in FORBIDDEN:
        return 'allow it, or give another place'
    return 'give another place' if number in IN_THE_WAY else None


def number_of(error: BaseException) -> int | None:
    """A system's error number in an exception, or in what a library makes of one."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    return next((number for words, number in IN_WORDS.items() if words in str(error)), None)


def in_words(error: BaseException) -> str | None:
    """A line that names path and remedy; ``None`` for an error that is not the machine's, or that tells both itself."""
    number = number_of(error)
    help_ = remedy(number)
    if help_ is None or isinstance(error, OSError) and error.filename is None and error.strerror is None:
        return None
    if not isinstance(error, OSError):
        return f'{error}; {help_}'
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes, os.PathLike)) else None
    return f'{f"{path}: " if path else ""}{reason(error, path)}; {help_}'


def reason(error: OSError, path: Path | None) -> str:
    """The system's words, and the file that is where a folder should be, or the other way round."""
    words = error.strerror or str(error)
    if error.errno not in IN_THE_WAY or path is None:
        return words
    blocking = next((one for one in (path, *path.absolute().parents) if one.is_file()), None)
    return f'{words}: {blocking} is a file' if blocking is not None and blocking != path else words
