"""Folders of transformers and open_clip: one weight file, or several by an index."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from .errors import CheckpointError, plain

# In a folder, the first that is there is read.
FILES = ('model.safetensors', 'model.safetensors.index.json', 'pytorch_model.bin', 'pytorch_model.bin.index.json',
         'open_clip_model.safetensors', 'open_clip_pytorch_model.bin')
MOST_INDEX = 16 << 20


def weight_file(folder: Path) -> Path:
    """The file in a folder that says where its weights are.

    Raises:
        CheckpointError: for a folder without any.
    """
    found = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if found is None:
        files = sorted(path.name for path in folder.iterdir() if path.is_file())
        there = f'; it has {", ".join(map(plain, files[:4]))}' if files else ''
        raise CheckpointError(
            f'{folder}: a folder without {", ".join(FILES[:-1])} or {FILES[-1]}; give the weight file, or '
            f'a folder that has one of them whole{there}')
    return found


def read_index(path: Path, read: Callable[[Path], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of all files that an index names.

    Args:
        path: the index, beside the files.
        read: gives the tensors of one file.

    Raises:
        CheckpointError: for an index that is none, names a file elsewhere or one that is missing, or does not fit
            what its files hold.
    """
    places = read_object(path).get('weight_map')
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise CheckpointError(f'{path}: has no weight_map of names and files; get the folder anew')
    state: dict[str, Tensor] = {}
    for name in sorted(set(places.values())):
        if Path(name).name != name or '\\' in name or name in ('', '.', '..') or name.endswith('.json'):
            raise CheckpointError(
                f'{path}: names the file {plain(name)}, which is no weight file beside it; get the folder anew')
        if not (path.parent / name).is_file():
            raise CheckpointError(f'{path}: names {plain(name)}, which is not there; get the folder whole')
        tensors = read(path.parent / name)
        wanted = [key for key, place in places.items() if place == name]
        missing = [key for key in wanted if key not in tensors]
        if missing:
            raise CheckpointError(
                f'{path.parent / name}: lacks {len(missing)} tensors that {path.name} places there, such '
                f'as {plain(missing[0])}; get the folder anew')
        state.update((key, tensors[key]) for key in wanted)
    return state


def read_object(path: Path) -> dict:
    """A JSON object of a folder.

    Raises:
        CheckpointError: for what is none.
    """
    try:
        if path.stat().st_size > MOST_INDEX:
            raise CheckpointError(f'{path}: is too large for what it should be; get the folder anew')
        found = json.loads(path.read_text(encoding='utf-8'))
    except CheckpointError:
        raise
    except (ValueError, RecursionError, OSError) as error:
        raise CheckpointError(
            f'{path}: not readable as JSON ({plain(error, 120)}); repair it, or move the weight file away '
            'from it') from None
    if not isinstance(found, dict):
        raise CheckpointError(
            f'{path}: holds a {type(found).__name__}, where a JSON object belongs; repair it, or move the '
            'weight file away from it')
    return found
