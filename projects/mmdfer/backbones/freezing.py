"""What is tunable and what is frozen: gradients, modes, counts and logs follow :mod:`mmdfer.weights.added`."""
from __future__ import annotations

from mmengine.logging import print_log
from torch import nn

from ..weights import is_added


def freeze_but_added(module: nn.Module, also_tunable: tuple[str, ...] = ()) -> None:
    """Let gradients reach only what a module has beyond the stock one, and parameters of these names' beginnings."""
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(is_added(name) or name.startswith(also_tunable))


def train_added(module: nn.Module, mode: bool) -> None:
    """Set the mode of what a module has beyond the stock one, and of nothing else."""
    for name, part in module.named_modules():
        if is_added(f'{name}.weight.'):             # the container of adapters, too
            part.training = mode


def count_parameters(module: nn.Module) -> tuple[int, int]:
    """Number of tunable parameters and of all parameters; a shared one counts once."""
    parameters = list(module.parameters())
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def log_parameters(name: str, module: nn.Module) -> None:
    """Log the tunable count beside the total."""
    tunable, total = count_parameters(module)
    print_log(f'{name}: {tunable:,} tunable of {total:,} parameters ({tunable / 1e6:.2f} M of {total / 1e6:.2f} M)',
              logger='current')
