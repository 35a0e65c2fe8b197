"""Where a model's adapters stand: parameters' names do not tell, and an adapter elsewhere makes other features."""
from __future__ import annotations

import os

from torch import nn

from .errors import CheckpointError

META = 'adapter_places'


def adapter_places(model: nn.Module) -> dict[str, str]:
    """The slot of each adapter, by the adapter's name in the model; modules that hold adapters tell theirs."""
    return {f'{path}.{name}'.replace('_fsdp_wrapped_module.', '').lstrip('.'): place
            for path, module in model.named_modules() if hasattr(module, 'adapter_places')
            for name, place in module.adapter_places().items()}


def check_places(model: nn.Module, meta: dict, path: str | os.PathLike) -> None:
    """Refuse a file whose adapters stood elsewhere; one that does not tell is taken as it is.

    Raises:
        CheckpointError: naming the first adapter, its slot in the file's model and in this one.
    """
    trained, own = meta.get(META) or {}, adapter_places(model)
    moved = [name for name, place in own.items() if trained.get(name, place) != place]
    if moved:
        raise CheckpointError(f'{path}: a checkpoint of another architecture than the config: {moved[0]} was trained '
                              f'in {trained[moved[0]]}, the config has it in {own[moved[0]]}; use the config that it '
                              'was trained with')
