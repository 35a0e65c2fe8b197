"""The state dict in a checkpoint, out of what training scripts put around it: wrappers, prefixes, averages."""
from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log
from torch import Tensor

from .errors import CheckpointError, Unreadable, plain
from .modules import is_module, module_state
from .pickle_parts import Record

EMA_VARIABLE = 'MMDFER_TAKE_EMA'
# Where scripts keep a model's weights, and an average of them over training (EMA); the first that is there is taken.
PLAIN = ('state_dict', 'model_state_dict', 'model', 'model_state', 'net', 'network', 'teacher', 'student', 'module',
         'params', 'weights')
AVERAGED = ('state_dict_ema', 'model_ema', 'ema_state_dict', 'model_ema_state_dict', 'ema_model', 'ema_state', 'ema',
            'params_ema')
_AVERAGED_PREFIXES = ('model_ema.', 'ema_model.', 'ema.')
_WRAPPERS = ('module.', '_orig_mod.')               # of DataParallel and DDP, and of torch.compile
DEEPEST = 3


def takes_ema() -> bool:
    """Whether the user has asked for the averaged weights of files that hold both."""
    return os.environ.get(EMA_VARIABLE, '') == '1'


def find_state_dict(checkpoint: dict, path: str | os.PathLike) -> dict[str, Tensor]:
    """The tensors of a checkpoint, out of the wrappers that training scripts put around them.

    Of a file that holds both plain and averaged (EMA) weights come the plain ones, unless the user asks for the
    others; averages alone are taken as they are. The log says which, wherever there are averages. A prefix
    ``module.`` or ``_orig_mod.`` that all names share is taken off.

    Raises:
        CheckpointError: if there are no tensors in it.
    """
    try:
        (where, state), (ema_where, ema) = _find(checkpoint, PLAIN), _find(checkpoint, AVERAGED)
        if where is None:
            # A tensor beside averages may be something else, such as the number of an epoch.
            top = _tensors(checkpoint)
            where, state = ('top level', top) if ema_where is None or top.keys() & ema.keys() else (None, {})
    except Unreadable as error:
        raise CheckpointError(f'{path}: {error}') from None
    if ema_where == 'ema_state_dict' and 'steps' in ema and where:
        # mmengine's: its state_dict holds the averages, ready for use.
        ema_where, ema = None, {}
    if ema_where is None and state:
        state, ema = _by_prefix(state)
        ema_where = 'names that begin with ema' if ema else None
    state = _choose(path, where, state, ema_where, ema)
    if not state:
        raise CheckpointError(
            f'{path}: holds no tensors (top-level keys {sorted(map(plain, checkpoint))[:8]}); expected '
            'a state dict')
    return _unwrapped(state)


def _choose(path, where: str | None, state: dict, ema_where: str | None, ema: dict) -> dict[str, Tensor]:
    if not ema:
        if takes_ema() and state:
            print_log(f'{path}: holds no averaged (EMA) weights beside the plain ones, which are taken',
                      logger='current', level=logging.WARNING)
        return state
    if not state:
        print_log(f'{path}: holds averaged (EMA) weights alone ({ema_where}), which are taken', logger='current')
    elif takes_ema():
        print_log(f'{path}: the averaged (EMA) weights ({ema_where}) are taken, not the plain ones ({where})',
                  logger='current')
    else:
        print_log(
            f'{path}: the plain weights ({where}) are taken, not the averaged (EMA) ones ({ema_where}), which --ema '
            'takes', logger='current')
        return state
    return ema


def _find(checkpoint: Mapping, names: tuple[str, ...]) -> tuple[str | None, dict[str, Tensor]]:
    """The first of some entries that holds tensors, and they; else the first that is a mapping at all."""
    found = [name for name in names if isinstance(checkpoint.get(name), dict) or _is_module(checkpoint.get(name))]
    for name in found:
        state = _inner(checkpoint[name])
        if state:
            return name, state
    return (found[0] if found else None), {}


def _is_module(value: Any) -> bool:
    return isinstance(value, Record) and is_module(value)


def _inner(value: Any, depth: int = 1) -> dict[str, Tensor]:
    """The tensors of a wrapper, which may lie in another."""
    if isinstance(value, Record):
        return module_state(value)
    state = _tensors(value)
    if state or depth == DEEPEST:
        return state
    inner = (value[name]
             for name in (*PLAIN, 'shadow')
             if isinstance(value.get(name), dict) or _is_module(value.get(name)))
    return next(filter(None, (_inner(one, depth + 1) for one in inner)), {})


def _tensors(mapping: Mapping) -> dict[str, Tensor]:
    return {name: value for name, value in mapping.items() if isinstance(value, Tensor) and isinstance(name, str)}


def _by_prefix(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Plain and averaged weights of one state dict, in which a prefix tells them apart."""
    ema = {}
    for name, value in state.items():
        prefix = next((prefix for prefix in _AVERAGED_PREFIXES if name.startswith(prefix)), None)
        if prefix:
            ema[name.removeprefix(prefix)] = value
    return {name: value for name, value in state.items() if not name.startswith(_AVERAGED_PREFIXES)}, ema


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    counted = {name: value for name, value in state.items() if name != 'n_averaged'}       # of torch's AveragedModel
    if counted and all(name.startswith('module.') for name in counted):
        state = counted
    for _ in range(DEEPEST):
        prefix = next((prefix for prefix in _WRAPPERS if all(name.startswith(prefix) for name in state)), None)
        if prefix is None:
            break
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state
