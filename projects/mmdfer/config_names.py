"""The names of configs: a file's path below the configs folder, its bare stem, or a row of a paper's table."""
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .names import nearest


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
    raise FileNotFoundError(
        f'the configs of mmdfer are in none of {", ".join(map(str, places))}; install the package again')


def config_files() -> dict[str, Path]:
    """Every config that can be run, by its name: the path below the configs folder without ``.py``."""
    root = config_root()
    names = []
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root).split(os.sep)
        if inside == ['.']:
            inside = []
            folders.remove('_base_')
        names += [[*inside, file] for file in files if file.endswith('.py')]
    return {'/'.join(name).removesuffix('.py'): root.joinpath(*name) for name in sorted(names)}


def find_file(name: str) -> Path | None:
    """The file of a config's name or, where no other config has it, of its bare stem; ``None`` for no such config.

    A path of the checkout, ``configs/NAME.py``, is a name, too.

    Raises:
        ValueError: for a stem that several configs have.
    """
    files = config_files()
    if name.startswith('configs/'):
        name = name.removeprefix('configs/').removesuffix('.py')
    if name in files:
        return files[name]
    found = [full for full in files if full.rpartition('/')[2] == name]
    if len(found) > 1:
        raise ValueError(f'{name}: several configs have this name: {", ".join(found)}')
    return files[found[0]] if found else None


def check_path(path: str | os.PathLike, names: Iterable[str] = ()) -> None:
    """Refuse a path that is no file, and a name that no config has.

    Raises:
        ValueError: with the nearest names; ``names`` are further ones that would have done.
    """
    if os.path.isfile(path):
        return
    known = {*config_files(), *(name.rpartition('/')[2] for name in config_files()), *names}
    told = str(path).removesuffix('.py').removeprefix('configs/').removeprefix('ablations/')
    raise ValueError(f'{path}: no such config file, and no such config; {nearest(told, known)}')
