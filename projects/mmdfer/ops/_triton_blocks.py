"""Sizes of the blocks that the Triton kernels work on: tried once a device, type and class of shapes, then remembered.

The table is ``d2conv3d_blocks.json`` in the user's cache, ``$MMDFER_CACHE`` or ``~/.cache/mmdfer``. It only saves
time: where it cannot be read or written the kernels are tried again in each process, or take the first of the choices.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ..files import cache_folder, write_json

VERSION = 2
ROUNDS = 5
Blocks = dict[str, int]

_chosen: dict[tuple, Blocks] = {}


def best_blocks(name: str, shapes: tuple[int, ...], like: torch.Tensor, choices: Sequence[Blocks],
                launch: Callable[[Blocks], None]) -> Blocks:
    """The fastest of some blocks.

    They are tried at the first call of a class; not off a GPU, not while a CUDA graph is recorded, and not where the
    same numbers are wanted in every run: then the first of them is taken.

    Args:
        name: of the kernel.
        shapes: what tells one class of shapes from another.
        like: gives device and dtype.
        choices: the blocks that fit.
        launch: starts the kernel. What it writes is of no use afterwards.
    """
    if like.device.type != 'cuda' or torch.are_deterministic_algorithms_enabled():
        return choices[0]
    found = _chosen.get(key := (like.device.index, like.dtype, name, shapes))
    if found is None:
        entry = '/'.join([torch.cuda.get_device_name(like.device), str(like.dtype).removeprefix('torch.'), name,
                          'x'.join(str(number) for number in shapes)])
        found = _remembered(entry, choices)
        if found is None:
            if torch.cuda.is_current_stream_capturing():
                return choices[0]
            found = _fastest(choices, launch)
            _remember(entry, found)
        _chosen[key] = found
    return found


def shape_class(voxels: int) -> int:
    """Numbers of voxels within a factor of four go together: 4, 16, 64, ..."""
    return 4 ** max(1, ((max(voxels, 1) - 1).bit_length() + 1) // 2)


def table_file() -> Path:
    return cache_folder() / 'd2conv3d_blocks.json'


def _fastest(choices: Sequence[Blocks], launch: Callable[[Blocks], None]) -> Blocks:
    if len(choices) == 1:
        return choices[0]
    best, best_time, trouble = None, float('inf'), None
    for blocks in choices:
        try:
            launch(blocks)                                      # compiles
            times = []
            for _ in range(ROUNDS):
                start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                start.record()
                launch(blocks)
                stop.record()
                stop.synchronize()
                times.append(start.elapsed_time(stop))
        except Exception as error:                              # e.g. more shared memory than the device has
            trouble = error
            continue
        if min(times) < best_time:
            best, best_time = blocks, min(times)
    if best is None:
        assert trouble is not None
        raise trouble
    return best


def _remembered(key: str, choices: Sequence[Blocks]) -> Blocks | None:
    """The table's entry, if it is one of the choices: whatever else stands there is of another version, or broken."""
    entry = _read_table().get(key)
    return entry if entry in list(choices) else None


def _read_table() -> dict[str, Any]:
    try:
        table = json.loads(table_file().read_text(encoding='utf-8'))
        entries = table['blocks'] if table['version'] == VERSION else {}
        return entries if isinstance(entries, dict) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _remember(key: str, blocks: Blocks) -> None:
    """Add an entry to the table; another process's entry of the same moment may be lost, and is found again."""
    with suppress(OSError):                                     # found again by the next process
        write_json(dict(version=VERSION, blocks=_read_table() | {key: blocks}), table_file())
