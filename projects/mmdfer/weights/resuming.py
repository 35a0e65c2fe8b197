"""What a checkpoint must hold for a run to go on from it exactly."""
from __future__ import annotations

import os
from typing import Any

from .errors import CheckpointError, plain
from .pickle_parts import Record

_PARTS = {'state_dict': 'weights', 'meta': 'place in training', 'optimizer': "optimizer's state",
          'message_hub': "logger's history"}
_SCHEDULERS = {'param_schedulers': 'learning rate schedule'}
_HUB = ('log_scalars', 'runtime_info', 'resumed_keys')
DEEPEST, MOST_VALUES = 50, 5_000_000


def check_resumable(checkpoint: dict, path: str | os.PathLike, has_schedulers: bool = True) -> None:
    """Refuse a checkpoint that lacks a part of what a run goes on from.

    Args:
        checkpoint: as mmengine's loader gives it.
        path: where it was read, for messages.
        has_schedulers: whether the run has parameter schedulers, whose state must then be there.

    Raises:
        CheckpointError: naming the parts that are missing or are not what they should be, and what to do.
    """
    parts = _PARTS | (_SCHEDULERS if has_schedulers else {})
    missing = [f'{name} (the {what})' for name, what in parts.items() if name not in checkpoint]
    if missing:
        raise CheckpointError(
            f'{path}: cannot be resumed from, for it lacks {", ".join(missing)}; give a checkpoint that '
            'training left whole (epoch_*.pth), or start from these weights by --cfg-options '
            'load_from=FILE')
    wrong = [name for name in parts if not isinstance(checkpoint[name], (dict, list) if name in _SCHEDULERS else dict)]
    meta = checkpoint['meta']
    if not wrong and not all(type(meta.get(name)) is int and meta[name] >= 0 for name in ('epoch', 'iter')):
        wrong = ['meta']
    if not wrong and not all(isinstance(checkpoint['message_hub'].get(name), dict) for name in _HUB):
        wrong = ['message_hub']
    if not wrong and not all(isinstance(checkpoint['optimizer'].get(name), kind)
                             for name, kind in (('state', dict), ('param_groups', list))):
        wrong = ['optimizer']
    if wrong:
        raise CheckpointError(
            f'{path}: cannot be resumed from, for its {wrong[0]} is not what training writes there; give '
            'another checkpoint of the run (epoch_*.pth)')
    for name in parts:
        _check_plain(checkpoint[name], name, path)


def _check_plain(value: Any, part: str, path: str | os.PathLike) -> None:
    """Refuse a part that holds a stand-in for an object, or is nested beyond measure."""
    pending, seen = [(value, 0)], 0
    while pending:
        value, depth = pending.pop()
        seen += 1
        if isinstance(value, Record):
            raise CheckpointError(
                f'{path}: cannot be resumed from as it is, for its {part} holds an object of '
                f'{plain(value.kind)}, which reading leaves out; if you trust its source, read it whole by '
                '--trust-checkpoint')
        if depth > DEEPEST or seen > MOST_VALUES:
            raise CheckpointError(f'{path}: cannot be resumed from, for its {part} is nested beyond measure')
        if isinstance(value, dict):
            pending += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, (list, tuple, set)):
            pending += [(one, depth + 1) for one in value]
