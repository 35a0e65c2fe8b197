"""The names of configs: a file's path below the configs folder, its bare stem, or a row of a paper's table."""
from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


def config_root() -> Path:
    """The folder of the toolbox's configs: the checkout's, or what the installed package carries.

    Raises:
        FileNotFoundError: if neither is there.
    """
    package = Path(__file__).resolve().parent
    places = (package.parents[1] / 'configs', package / '.mim' / 'configs')
    for place in places:
        if (place / '_base_').is_dir():
            return place
    raise FileNotFoundError(f'the configs of mmdfer are in none of {", ".join(map(str, places))}; install the package again')


def config_files() -> dict[str, Path]:
    """Every config that can be run, by its name: the path below the configs folder without ``.py``."""
    root = config_root()
    names = {path.relative_to(root).with_suffix('').as_posix(): path for path in sorted(root.rglob('*.py'))}
    return {name: path for name, path in names.items() if not name.startswith('_base_/')}


def find_file(name: str) -> Path | None:
    """The file of a config's name or, where no other config has it, of its bare stem; ``None`` for no such config.

    Raises:
        ValueError: for a stem that several configs have.
    """
    files = config_files()
    if name in files:
        return files[name]
    found = [full for full in files if full.rpartition('/')[2] == name]
    if len(found) > 1:
        raise ValueError(f'{name}: several configs have this name: {", ".join(found)}')
    return files[found[0]] if found else None


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names most like one that is misspelt, the likeliest first; also those whose last part is like its."""
    known = sorted(set(known))
    tails: dict[str, list[str]] = {}
    for one in known:
        tails.setdefault(one.rpartition('/')[2], []).append(one)
    by_tail = get_close_matches(name.rpartition('/')[2], tails, most, cutoff=0.75)
    found = [*get_close_matches(name, known, most, cutoff=0.6), *(one for tail in by_tail for one in tails[tail])]
    return list(dict.fromkeys(found))[:most]


def offer(name: str, known: Iterable[str]) -> str:
    """``'; nearest: a, b'`` for the end of an error, all that is known where little is, nothing where nothing is like it."""
    known = list(known)
    found = nearest(name, known)
    if found:
        return f'; nearest: {", ".join(found)}'
    return f'; there are {", ".join(map(str, known))}' if 0 < len(known) <= 12 else ''


def is_path(name: str | os.PathLike) -> bool:
    """Whether what names a config is a file's path, and not a config's name."""
    return not isinstance(name, str) or os.path.isfile(name) or name.endswith('.py')
