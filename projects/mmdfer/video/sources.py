"""What a user gives to look at: videos, pictures, folders of frames or of these, patterns; each with its own name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..clip_names import FRAME_SUFFIXES, VIDEO_SUFFIXES, entries_of, is_folder
from ..datasets import BadClipError

CAMERA = 'camera:'


@dataclass(frozen=True)
class Source:
    """One thing to look at: its path, its kind (``video``, ``picture``, ``frames``), what its results are called."""

    path: str
    kind: str
    name: str = ''


def find_sources(inputs: Sequence[str]) -> list[Source]:
    """Everything that the inputs name, each once, in order, with names that do not collide.

    Args:
        inputs: paths of videos, pictures, folders of frames and folders of any of these, or patterns with ``*``.

    Raises:
        BadClipError: for an input that is not there, or holds nothing to look at.
    """
    found: dict[str, Source] = {}
    for given in inputs:
        sources = list(_of(given))
        if not sources:
            raise BadClipError(
                f'{given}: holds neither videos ({", ".join(VIDEO_SUFFIXES)}) nor pictures '
                f'({", ".join(FRAME_SUFFIXES)})'
            )
        for source in sources:
            found.setdefault(os.path.realpath(source.path), source)
    return named(found.values())


def _of(given: str) -> Iterator[Source]:
    if os.path.isdir(given):
        yield from _below(given)
    elif os.path.isfile(given):
        yield _file(given, asked=True)
    elif glob.has_magic(given):
        for path in sorted(glob.glob(given, recursive=True)):
            yield from _below(path) if os.path.isdir(path) else ([_file(path, asked=True)] if _is_media(path) else ())
    else:
        raise BadClipError(f'{given}: no such video, picture or folder')


def _file(path: str, asked: bool = False) -> Source:
    """A file that was asked for by name may have any suffix: its content decides."""
    return Source(path, 'picture' if path.lower().endswith(FRAME_SUFFIXES) else 'video')


def _below(folder: str, above: tuple[str, ...] = ()) -> Iterator[Source]:
    """Videos and folders of frames at or below a folder, in order; links back to those ``above`` are not followed."""
    above = (*above, os.path.realpath(folder))
    listed = sorted(entries_of(folder), key=lambda entry: entry.name)
    files = [entry.path for entry in listed if not is_folder(entry)]
    if any(path.lower().endswith(FRAME_SUFFIXES) for path in files):
        yield Source(os.path.normpath(folder), 'frames')
    yield from (Source(path, 'video') for path in files if path.lower().endswith(VIDEO_SUFFIXES))
    for entry in listed:
        if is_folder(entry) and os.path.realpath(entry.path) not in above:
            yield from _below(entry.path, above)


def _is_media(path: str) -> bool:
    return path.lower().endswith((*VIDEO_SUFFIXES, *FRAME_SUFFIXES)) and not os.path.basename(path).startswith('.')


def named(sources: Iterable[Source]) -> list[Source]:
    """The sources with a name each that no other has, whatever the case of its letters.

    The stem where it is the only one; else with the suffix; else with the folders below the one that all share.
    """
    sources = list(sources)
    paths = [os.path.abspath(source.path) for source in sources]
    shared = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ''
    names = ['' for _ in sources]
    forms = (
        lambda path, kind: Path(path).stem if kind != 'frames' else Path(path).name,
        lambda path, kind: Path(path).name,
        lambda path, kind: os.path.relpath(path, shared),
    )
    open_places = list(range(len(sources)))
    for form in forms:
        told = {place: form(paths[place], sources[place].kind) for place in open_places}
        counts: dict[str, int] = {}
        for name in [*told.values(), *(names[place] for place in range(len(sources)) if place not in told)]:
            counts[name.casefold()] = counts.get(name.casefold(), 0) + 1
        for place, name in told.items():
            if counts[name.casefold()] == 1:
                names[place] = name
        open_places = [place for place in open_places if not names[place]]
    for number, place in enumerate(open_places, 1):  # names that differ by their case alone
        names[place] = f'{os.path.relpath(paths[place], shared)}.{number}'
    return [Source(source.path, source.kind, name) for source, name in zip(sources, names, strict=True)]
