"""Weights from their address into the cache: resumed after a cut, held against size and checksum, never in part."""
from __future__ import annotations

import hashlib
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from ..files import lock, put_in_place, write_errors
from ..version import __version__
from .errors import CheckpointError, plain
from .registry import Entry

TIMEOUT, TRIES, CHUNK = 30.0, 3, 1 << 20
NETWORK = (urllib.error.URLError, TimeoutError, ConnectionError, HTTPException)
MISSING, RIGHT, WRONG = 'not fetched', 'right', 'wrong'


def fetch(entry: Entry, quiet: bool = False) -> Path:
    """The file of an entry in the cache, fetched if it is not there or not what it must be.

    A part that a cut left is gone on with, where the server can do so.

    Raises:
        CheckpointError: if it cannot be fetched, or is another file than the entry's.
        WriteError: if the cache cannot be written.
    """
    path = entry.path
    if state_of(entry) == RIGHT:
        return path
    part = path.with_name(f'{path.name}.part')
    with write_errors(path, part):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, 'ab') as file:
            if not lock(file):
                raise CheckpointError(f'{entry.name}: another process is fetching it; wait until it ends')
            _fill(entry, file, quiet)
            found = digest(part)
            if found != entry.sha256:
                part.unlink()
                raise CheckpointError(f'{entry.name}: {entry.url} is another file than the one that is known (sha256 '
                                      f'{found[:12]}..., expected {entry.sha256[:12]}...); it is not used')
            put_in_place(part, path)
    return path


def state_of(entry: Entry) -> str:
    """Whether an entry's file is in the cache and what it must be."""
    if not entry.path.is_file():
        return MISSING
    size = entry.path.stat().st_size
    return RIGHT if entry.size in (None, size) and digest(entry.path) == entry.sha256 else WRONG


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def _fill(entry: Entry, file, quiet: bool) -> None:
    """Bring a part to its full length, after cuts from where it was."""
    for attempt in range(TRIES):
        try:
            _read_on(entry, file, quiet)
            return
        except NETWORK as error:
            if attempt == TRIES - 1 or isinstance(error, urllib.error.HTTPError) and error.code < 500:
                reason = getattr(error, 'reason', None) or error
                kept = f'; {file.tell()} bytes are kept, run it again to go on' if file.tell() else ''
                raise CheckpointError(f'{entry.name}: cannot be fetched from {entry.url} ({plain(reason, 120)}){kept}; '
                                      f'or put the file at {entry.path}') from None
            time.sleep(0.2 * 2 ** attempt)


def _read_on(entry: Entry, file, quiet: bool) -> None:
    begin = file.seek(0, 2)
    if entry.size is not None and begin >= entry.size:
        if begin == entry.size:
            return
        file.truncate(0)
        begin = 0
    headers = {'User-Agent': f'mmdfer/{__version__}', 'Accept-Encoding': 'identity'}
    if begin:
        headers['Range'] = f'bytes={begin}-'
    request = urllib.request.Request(entry.url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not begin:      # nothing lies behind what is there
            raise
        error.close()
        if entry.size is None and _length(error.headers.get('Content-Range')) == begin:
            return
        file.truncate(0)
        answer = urllib.request.urlopen(urllib.request.Request(entry.url, headers={
            key: value for key, value in headers.items() if key != 'Range'}), timeout=TIMEOUT)
    with answer:
        begin = file.seek(0, 2)
        if begin and not (answer.status == 206 and str(answer.headers.get('Content-Range', '')).startswith(
                f'bytes {begin}-')):
            file.truncate(0)                    # the server began again
            begin = 0
        length = answer.headers.get('Content-Length')
        total = begin + int(length) if length is not None and length.isdigit() else None
        if entry.size is not None and total not in (None, entry.size):
            file.truncate(0)
            raise CheckpointError(f'{entry.name}: {entry.url} has {total} bytes, expected {entry.size}; it is another '
                                  'file than the one that is known')
        _copy(entry, answer, file, begin, total, quiet)


def _copy(entry: Entry, answer, file, done: int, total: int | None, quiet: bool) -> None:
    shown, last = not quiet and sys.stderr.isatty(), 0.0
    while data := answer.read(CHUNK):
        file.write(data)
        done += len(data)
        if entry.size is not None and done > entry.size:
            file.truncate(0)
            raise CheckpointError(f'{entry.name}: {entry.url} goes on after the {entry.size} bytes that are known')
        if shown and time.monotonic() - last > 0.2:
            last = time.monotonic()
            share = f' of {total / 1e6:.1f}' if total else ''
            print(f'\r{entry.name}: {done / 1e6:.1f}{share} MB', end='', file=sys.stderr, flush=True)
    file.flush()
    if shown:
        print(file=sys.stderr)
    if total is not None and done < total or entry.size is not None and done < entry.size:
        raise ConnectionError(f'the connection ended after {done} of {total or entry.size} bytes')


def _length(content_range: str | None) -> int | None:
    """The whole length that ``bytes */N`` tells."""
    told = (content_range or '').rpartition('/')[2]
    return int(told) if told.isdigit() else None
