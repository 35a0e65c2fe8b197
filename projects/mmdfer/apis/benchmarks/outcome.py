"""What a job leaves, as digests of it: two of its runs are held against each other by them."""
from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

# What tells the time, and what is for people alone: not of a run's state.
PASSING = {'seconds', 'rss_mib', 'time', 'training_seconds', 'iteration_seconds'}
FOR_PEOPLE = re.compile(r'(^|/)(\d{8}_\d{6}/|console\.log$|run\.lock$|report\.(html|md)$|curves\.png$|\d{8}_\d{6}\.py$'
                        r'|\.[^/]*\.partial(/|$))')
# The state of a run that is resumed; of its log and its names of files mmengine keeps other things.
CHECKPOINT = ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers')


def state_of(folder: Path) -> dict[str, str]:
    """A digest of every file below a folder that is a part of a job's outcome, by its path.

    Checkpoints count by what a run goes on from, weight files and predictions by their arrays and what they say of
    themselves, JSON without times; logs, pages and half-written files, which nobody reads, do not.
    """
    found = {}
    for path in sorted(folder.rglob('*')):
        name = path.relative_to(folder).as_posix()
        if FOR_PEOPLE.search(name) or path.is_dir() and not path.is_symlink():
            continue
        found[name] = f'-> {os.readlink(path)}' if path.is_symlink() else _digest(_content(path))
        if path.is_symlink() and not path.exists():
            found[name] += ', which is not there'
    return found


def _content(path: Path) -> Any:
    if path.suffix == '.pth':
        from ...weights import read_checkpoint
        whole = read_checkpoint(str(path))
        place = {name: whole['meta'].get(name) for name in ('epoch', 'iter', 'seed')}
        return {name: whole[name] for name in CHECKPOINT if name in whole} | place
    if path.suffix == '.safetensors':
        from ...weights import read_checkpoint
        return _without_times(read_checkpoint(str(path)))
    if path.suffix == '.npz':
        with np.load(path) as file:
            return dict(file)
    if path.suffix == '.json':
        return _without_times(json.loads(path.read_text(encoding='utf-8')))
    return path.read_bytes()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in PASSING}
    return [_without_times(item) for item in value] if isinstance(value, (list, tuple)) else value


def _digest(value: Any) -> str:
    digest = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, dict):
            for key in sorted(part, key=str):
                digest.update(f'{key}:'.encode('utf-8', 'backslashreplace'))
                add(part[key])
        elif isinstance(part, (list, tuple)):
            for item in part:
                add(item)
        elif hasattr(part, 'detach'):
            add(part.detach().cpu().contiguous().numpy())
        elif isinstance(part, np.ndarray):
            digest.update(f'{part.dtype}{part.shape}'.encode() + np.ascontiguousarray(part).tobytes())
        else:
            digest.update(part if isinstance(part, bytes) else repr(part).encode('utf-8', 'backslashreplace'))

    add(value)
    return digest.hexdigest()
