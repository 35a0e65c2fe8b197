"""What is tunable and what is frozen, declared once."""
from __future__ import annotations

from collections.abc import Callable

from mmengine.logging import print_log
from torch import nn


def freeze_except(module: nn.Module, is_tunable: Callable[[str], bool]) -> None:
    """Let gradients reach only the parameters whose name ``is_tunable`` accepts."""
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(is_tunable(name))


def count_parameters(module: nn.Module) -> tuple[int, int]:
    """Number of tunable parameters and of all parameters; a shared one counts once."""
    parameters = list(module.parameters())
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def log_parameters(name: str, module: nn.Module) -> None:
    """Log the tunable count beside the total."""
    tunable, total = count_parameters(module)
    print_log(f'{name}: {tunable:,} tunable of {total:,} parameters ({tunable / 1e6:.2f} M of {total / 1e6:.2f} M)',
              logger='current')
