"""Parameters of files that older versions wrote, brought to the names that they have now.

An adapter was ``adapters.<slot>.<number>`` in a block, ``adapters.<block>_<position>`` in a stock backbone; it goes by
the name that its config gives it now. Modules that hold adapters tell their old names (``old_names``).
"""
from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator

from torch import nn

from .errors import CheckpointError

# Slots whose adapters passed their input on in older versions, and were chained, unless they were told not to.
_BESIDE = ('temporal_attn', 'parallel_ffn')
_OLD_SLOT = re.compile(rf'\.adapters\.({"|".join(_BESIDE)})\.(\d+)\.')


def with_current_names(model: nn.Module, state: dict, prefix: str = '') -> dict:
    """A state dict under the names of the model that it is for; the same one if it has no older names.

    Args:
        model: its modules' ``old_names`` map beginnings of older names to those of now, relative to the module.
        state: the state dict.
        prefix: of every name in it.
    """
    renames = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if hasattr(module, 'old_names'):
            place = f'{prefix}{path}.' if path else prefix
            renames.update({place + old: place + new for old, new in module.old_names().items()})
    return _renamed(state, renames)


def rename_in_place(state: dict, prefix: str, old_names: dict[str, str]) -> None:
    """The same for one module, in the state dict that it is about to load."""
    renamed = _renamed(state, {prefix + old: prefix + new for old, new in old_names.items()})
    if renamed is not state:
        state.clear()
        state.update(renamed)


def _renamed(state: dict, renames: dict[str, str]) -> dict:
    if not renames:
        return state
    pattern = re.compile('|'.join(map(re.escape, sorted(renames, key=len, reverse=True))))
    if not any(pattern.match(key) for key in state):
        return state
    return {pattern.sub(lambda found: renames[found[0]], key, count=1) if pattern.match(key) else key: value
            for key, value in state.items()}


def check_old_meaning(state: dict, meta: dict, path: str | os.PathLike) -> None:
    """Refuse a file of an older version whose adapters did what no slot does now.

    In ``temporal_attn`` and ``parallel_ffn`` an adapter with its own skip added its input as well, and a second one
    ran on the first one's output; now each is added alone. The file's own config tells.

    Raises:
        CheckpointError: naming the slot.
    """
    old = {found[1]: int(found[2]) for found in map(_OLD_SLOT.search, state) if found}
    if not old:
        return
    for slot, number in old.items():
        if number:
            raise CheckpointError(
                f'{path}: has two adapters in {slot}, of which the second ran on the first one\'s '
                'output; both read the same input now: train it anew, or test it with the version that '
                'wrote it')
    for kind, slot, skip in _adapters_in(str(meta.get('cfg', ''))):
        if slot in old and skip:
            raise CheckpointError(f'{path}: its {kind} in {slot} was trained with skip=True, which added the '
                                  'adapter\'s input, too; no slot does that now: train it anew, or test it with the '
                                  'version that wrote it')


def _adapters_in(text: str) -> Iterator[tuple[str, str, bool]]:
    """Type, slot and skip of the adapters in a config's text, which is parsed and not run."""
    try:
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError):
        return
    for call in calls:
        entries: dict = {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}
        if 'slot' in entries:
            yield entries.get('type', 'adapter'), entries['slot'], entries.get('skip', True)
