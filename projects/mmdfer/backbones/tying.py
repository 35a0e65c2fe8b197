"""Towers that share what is frozen in them."""
from __future__ import annotations

from torch import nn


def tie_frozen(owner: nn.Module, guest: nn.Module) -> int:
    """Let a tower use the frozen parameters of another one of the same make, and keep its own tunable ones.

    The weights are in memory once, count once, and have a name in both towers: a checkpoint of either loads.
    Load both from the same file, since the later of two fills the weights of both.

    Returns:
        How many tensors are shared.

    Raises:
        ValueError: if a frozen parameter of the guest has another shape in the owner, or none.
    """
    own = dict(owner.named_parameters())
    shared = 0
    for prefix, module in guest.named_modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.requires_grad:
                continue
            path = f'{prefix}.{name}' if prefix else name
            if path not in own or own[path].shape != parameter.shape or own[path].requires_grad:
                raise ValueError(f'{path} of the second tower, {tuple(parameter.shape)}, has no frozen counterpart in the '
                                 'first: give both the same architecture')
            setattr(module, name, own[path])
            shared += 1
    return shared
