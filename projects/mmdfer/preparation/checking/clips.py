"""Clips looked into one by one, in parallel, with what was found kept from run to run."""
from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path

from ...clip_names import entries_of, is_unread
from ...datasets.clips import Clip, frames_among, read_frame
from ...datasets.errors import BadClipError
from ...journals import Journal
from ...workers import in_processes

DECODE = ('all', 'first', 'none')
PIECE = 1 << 16         # bytes of a video that are compared, from its start and from its middle
FRAMES_A_STEP = 32      # of a video, so that a long one does not fill the memory

WORTH_PROCESSES = 64    # clips; fewer are looked into before processes have started


def inspect_clip(path: str, decode: str = 'first') -> dict:
    """Look into one clip.

    Args:
        path: a folder of frames or a video.
        decode: ``'all'`` decodes every frame, ``'first'`` the first and the middle one, ``'none'`` none.

    Returns:
        ``frames``; ``sizes``, (width, height, number) of the decoded frames; ``digest`` of the bytes of the
        first and the middle frame; ``gap``, whether the frames' numbers leave one out; ``unread``, pictures of
        kinds that are not read; ``damaged``, every frame file that is empty or does not decode; ``contested``, why
        other readers may show other frames of a video, or ''; and ``error``, what is wrong with the clip, or ''. After
        an error the rest may be empty.
    """
    report = dict(frames=0, sizes=[], digest='', gap=False, unread=[], damaged=[], contested='', error='')
    try:
        (_inspect_folder if os.path.isdir(path) else _inspect_video)(path, decode, report)
    except BadClipError as error:
        report['error'] = str(error)
    except OSError as error:
        report['error'] = f'{path}: cannot be read ({error.strerror})'
    return report


def _inspect_folder(path: str, decode: str, report: dict) -> None:
    entries = list(entries_of(path))
    names = frames_among(entries, path)
    files = [os.path.join(path, name) for name in names]
    report['frames'] = len(names)
    report['gap'] = _has_gap(names)
    report['unread'] = sorted(entry.path for entry in entries if is_unread(entry))
    ends = list(dict.fromkeys([files[0], files[len(files) // 2]]))
    decoded = set(dict(all=files, first=ends, none=[])[decode])
    shapes, errors = [], []
    for file in files:
        try:
            if os.stat(file).st_size == 0:
                raise BadClipError(f'{file}: is empty; extract the clip again')
            if file in decoded:
                shapes.append(read_frame(file).shape)
        except (BadClipError, OSError) as error:
            told = f'{file}: cannot be read ({error.strerror})' if isinstance(error, OSError) else str(error)
            errors.append(told)
            report['damaged'].append(file)
    report['sizes'] = _sizes(shapes)
    if errors:
        raise BadClipError(errors[0])
    report['digest'] = _digest([str(len(files)).encode(), *map(_content, ends)])


def _inspect_video(path: str, decode: str, report: dict) -> None:
    size = os.path.getsize(path)
    with open(path, 'rb') as file:
        start = file.read(PIECE)
        file.seek(size // 2)
        report['digest'] = _digest([str(size).encode(), start, file.read(PIECE)])
    with Clip(path) as clip:
        report['frames'] = total = len(clip)
        places = dict(all=range(total), first=sorted({0, total // 2}), none=range(0))[decode]
        steps = (places[first:first + FRAMES_A_STEP] for first in range(0, len(places), FRAMES_A_STEP))
        report['sizes'] = _sizes(image.shape for step in steps for image in clip.frames(step))
        report['contested'] = '; '.join(clip.contested)


def _content(path: str) -> bytes:
    with open(path, 'rb') as file:
        return file.read()


def _sizes(shapes: Iterable[tuple]) -> list[list[int]]:
    counts = Counter((shape[1], shape[0]) for shape in shapes)
    return [[width, height, count] for (width, height), count in sorted(counts.items())]


def _digest(pieces: Iterable[bytes]) -> str:
    total = blake2b(digest_size=12)
    for piece in pieces:
        total.update(blake2b(piece, digest_size=12).digest())
    return total.hexdigest()


def _has_gap(names: list[str]) -> bool:
    """Whether the numbers at the names' ends, if all have one, leave some out."""
    found = [re.search(r'\d+$', os.path.splitext(name)[0]) for name in names]
    return all(found) and int(found[-1].group()) - int(found[0].group()) != len(found) - 1


def inspect_clips(paths: Iterable[str], decode: str, store: str | os.PathLike, workers: int = 1,
                  fresh: bool = False) -> Iterator[tuple[str, dict]]:
    """Path and report of each clip, as they become ready.

    Reports are appended to a JSON lines file; a clip that it holds without an error, with the same time of
    change, is not looked into again. A run that was stopped goes on from there. A frame that is replaced under
    its old name does not change its folder's time: look into everything again by ``fresh``.

    Args:
        paths: folders of frames and videos.
        decode: as :func:`inspect_clip` has it.
        store: the JSON lines file.
        workers: processes.
        fresh: forget the file first.

    Raises:
        WorkerDied: if a process was killed or crashed over a clip; it names the clip.
        WriteError: if another process is at work with the same file, or it cannot be written.
    """
    if fresh:
        Path(store).unlink(missing_ok=True)
    journal = Journal(store, durable=False)                     # what is lost is looked into again
    known = _known(journal, decode)
    times = {path: os.stat(path).st_mtime_ns for path in paths}
    pending = []
    for path, changed in times.items():
        if (path, changed) in known:
            yield path, known[path, changed]
        else:
            pending.append((path, decode))
    if not pending:
        return
    found = in_processes(_task, pending, workers if len(pending) >= WORTH_PROCESSES else 0)
    with journal, closing(found):
        for path, report in found:
            journal.append(dict(path=path, time=times[path], decode=decode, **report))
            yield path, report


def _task(task: tuple[str, str]) -> tuple[str, dict]:
    return task[0], inspect_clip(*task)


def _known(journal: Journal, decode: str) -> dict[tuple[str, int], dict]:
    """Reports without an error, by path and time; those of a more thorough look count too."""
    known = {}
    for line in journal.lines():
        with suppress(ValueError):                              # earlier versions left torn lines
            report = json.loads(line)
            key = report.pop('path'), report.pop('time')
            if DECODE.index(report.pop('decode')) <= DECODE.index(decode) and not report['error']:
                known[key] = report
            else:
                known.pop(key, None)
    return known
