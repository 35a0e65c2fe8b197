"""The tensors of a module that was pickled whole, by the stand-ins of its tree."""
from __future__ import annotations

from torch import Tensor

from .errors import Unreadable, plain
from .pickle_parts import Record

MOST_NAMES, DEEPEST = 20_000, 100


def is_module(record: Record) -> bool:
    """Whether a stand-in is there for an ``nn.Module``."""
    return isinstance(record.state, dict) and isinstance(record.state.get('_modules'), dict)


def module_state(record: Record) -> dict[str, Tensor]:
    """The tensors of a module's tree under their dotted names, as its ``state_dict`` has them.

    Raises:
        Unreadable: for a module whose state is no mapping of names, which only code of its own could read.
    """
    state: dict[str, Tensor] = {}
    pending, seen = [('', record, 0)], 0
    while pending:
        prefix, module, depth = pending.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST_NAMES or len(state) > MOST_NAMES:
            raise Unreadable('its modules are nested beyond measure')
        for name, value in _attributes(module).items():
            if isinstance(value, Tensor):
                state[f'{prefix}{name}'] = value
            elif isinstance(value, Record):
                pending.append((f'{prefix}{name}.', value, depth + 1))
    return state


def _attributes(module: Record) -> dict:
    """What a module holds by name: TorchScript's have attributes, others three tables."""
    state = {} if module.state is None else module.state
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise Unreadable(
            f'it holds an object of {module.kind} whose state is no mapping of names, which only a program '
            'in the file could read; save its state_dict()')
    if not is_module(module):
        return state
    tables = [state.get(name) or {} for name in ('_parameters', '_buffers', '_modules')]
    passing = state.get('_non_persistent_buffers_set') or ()
    if not all(isinstance(table, dict) for table in tables):
        raise Unreadable(f'it holds a module of {plain(module.kind)} whose state is no mapping of names')
    return {name: value for table in tables for name, value in table.items() if name not in passing}
