"""The config that a checkpoint carries, taken as data: nothing of it is run, and it builds parts of this toolbox
alone."""
from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .weights.errors import CheckpointError, plain

if TYPE_CHECKING:
    from mmengine.config import Config

# What a model is built and a clip is read by; the rest is of training.
KEPT = ('model', 'test_pipeline', 'default_scope', 'train_dataloader', 'val_dataloader', 'test_dataloader')
BUILT = ('model', 'test_pipeline')
SCOPES = ('mmaction', 'mmcv', 'mmdfer', 'mmengine', 'mmpretrain')
_NUMBERS = dict(inf=float('inf'), nan=float('nan'))
_DOTTED = re.compile(r'[^\W\d]\w*(\.[^\W\d]\w*)+')
# Entries that name files, in which a dot says nothing.
_FILES = ('checkpoint', 'pretrained', 'file', 'path', 'tokenizer')
_REMEDY = 'give the config itself before the checkpoint, if you trust it: mmdfer infer CONFIG CHECKPOINT VIDEO'


def carried_config(text: Any, path: str | os.PathLike) -> Config:
    """The config in a checkpoint's meta, as far as it says how the model is built and clips are read.

    Raises:
        CheckpointError: for a text that is more than data, or that names parts which are not registered here.
    """
    from mmengine.config import Config
    try:
        values = dict(_assignments(text))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise CheckpointError(f'{path}: the config in it is not plain data ({plain(error)}); {_REMEDY}') from None
    values = {name: values[name] for name in KEPT if name in values}
    _check_parts(values, path)
    return Config(values)


def carried_values(text: Any) -> dict[str, Any]:
    """The entries of such a config as they are, nothing checked or built; none of a text that is more than data."""
    try:
        return dict(_assignments(text))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return {}


def _assignments(text: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(text, str):
        raise TypeError('it is no text')
    for step in ast.parse(text).body:
        if not isinstance(step, ast.Assign) or len(step.targets) != 1 or not isinstance(step.targets[0], ast.Name):
            raise ValueError(f'line {step.lineno} is no assignment of a name')
        yield step.targets[0].id, _value(step.value)


def _value(node: ast.expr) -> Any:
    """What an expression of numbers, texts, lists and ``dict(...)`` is."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name() if node.id in _NUMBERS:
            return _NUMBERS[node.id]
        case ast.List() | ast.Tuple() | ast.Set():
            kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
            return kind(_value(part) for part in node.elts)
        case ast.Dict() if None not in node.keys:
            return {_value(key): _value(value) for key, value in zip(node.keys, node.values)}
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand)
        case ast.Call(func=ast.Name(id='dict')) if len(node.args) < 2 and all(part.arg for part in node.keywords):
            first = dict(_value(node.args[0])) if node.args else {}
            return dict(first, **{part.arg: _value(part.value) for part in node.keywords})
        case ast.Call(func=ast.Name(id='set'), args=[], keywords=[]):
            return set()
    raise ValueError(f'line {node.lineno} is an expression that would have to be run')


def _check_parts(values: dict, path: str | os.PathLike) -> None:
    """Refuse what a registry would import from elsewhere: names by their module's path, other scopes, code of a hub."""
    known = registered_names()
    if values.get('default_scope', 'mmaction') not in SCOPES:
        raise _refusal(path, f'default_scope={plain(values["default_scope"])!r}')
    pending = [(name, '', value) for name, value in values.items()]
    while pending:
        top, key, value = pending.pop()
        if isinstance(value, dict):
            pending += [(top, name, one) for name, one in value.items()]
        elif isinstance(value, (list, tuple, set)):
            pending += [(top, key, one) for one in value]
        elif (key == 'type' and value not in known or key == '_scope_' and value not in SCOPES
              or key == 'trust_remote_code'):
            raise _refusal(path, f'{key}={plain(value)!r}')
        elif top in BUILT and isinstance(value, str) and key not in (*_FILES, 'type') and _DOTTED.fullmatch(value):
            raise _refusal(path, f'{key}={plain(value)!r}')


def _refusal(path: str | os.PathLike, entry: str) -> CheckpointError:
    return CheckpointError(f'{path}: the config in it has {entry}, which is no part of this toolbox, and code from '
                           f'elsewhere runs on no word of a checkpoint; {_REMEDY}')


def registered_names() -> set[str]:
    """Names in all registries, plain and with their scope."""
    import mmaction.datasets.transforms  # noqa: F401
    import mmaction.models  # noqa: F401
    import mmengine.registry
    import mmpretrain.datasets  # noqa: F401
    import mmpretrain.models  # noqa: F401
    import mmpretrain.registry

    from . import (
        everything,  # noqa: F401
        registry as own,
    )
    pending = [value for place in (mmengine.registry, mmpretrain.registry, own) for value in vars(place).values()
               if isinstance(value, mmengine.registry.Registry)]
    names: set[str] = set()
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, own.Parts):
            one.import_from_location()
        names.update(one.module_dict, (f'{one.scope}.{name}' for name in one.module_dict))
        pending += one.children.values()
    return names
