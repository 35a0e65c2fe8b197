"""``torch.compile`` of the backbone alone."""
from __future__ import annotations

from collections.abc import Collection

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from ..registry import HOOKS

EAGER = ('D2Conv3d', )


@HOOKS.register_module()
class CompileBackboneHook(Hook):
    """Compile ``model.backbone`` in place before training.

    mmengine's ``compile=True`` compiles ``train_step``, optimizer included, and fails there. Here names in
    the state dict stay as they are, and a machine without a working compiler trains without, after a warning.

    Args:
        backend: of ``torch.compile``.
        mode: of ``torch.compile``, e.g. ``'max-autotune'``; for ``backend='inductor'``.
        dynamic: of ``torch.compile``; by default a second input shape compiles one graph for all.
        eager: classes of modules that run uncompiled. D2Conv3d on PyTorch's operators, with loops of its own that
            depend on the size, would take most of the compiler's time and gain nothing. Where a module says that it
            ``compiles_whole``, as D2Conv3d does on Triton's kernels, it is compiled all the same.

    Raises:
        ValueError: for an unknown backend, or a model without backbone.
    """

    def __init__(self, backend: str = 'inductor', mode: str | None = None, dynamic: bool | None = None,
                 eager: Collection[str] = EAGER) -> None:
        known = torch.compiler.list_backends(exclude_tags=None)
        if backend not in known:
            raise ValueError(f'CompileBackboneHook: backend={backend!r} is not known: choose one of {known}')
        self.options = dict(backend=backend, mode=mode, dynamic=dynamic)
        self.eager = frozenset(eager)

    def before_train(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        backbone = getattr(model, 'backbone', None)
        if not isinstance(backbone, nn.Module):
            raise ValueError(f'CompileBackboneHook: {type(model).__name__} has no backbone to compile')
        device = next(backbone.parameters()).device
        try:
            _compile_a_sum(device, self.options)
        except (RuntimeError, ImportError, OSError) as error:
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            runner.logger.warning(f'torch.compile does not work here, training goes on without: {reason}')
            return
        compile_but(backbone, self.eager, **self.options)
        runner.logger.info(f'the backbone is compiled at its first step by {self.options["backend"]}')


def compile_but(backbone: nn.Module, eager: Collection[str] = EAGER, **options) -> None:
    """``torch.compile`` a backbone in place, all but modules of some classes that do not compile whole."""
    for module in backbone.modules():
        if type(module).__name__ in eager and not getattr(module, 'compiles_whole', False):
            module.forward = torch.compiler.disable(module.forward)
    backbone.compile(**options)


def _compile_a_sum(device: torch.device, options: dict) -> None:
    """Find out in a second whether the compiler, its C++ or Triton toolchain and the device work together.

    Raises:
        RuntimeError: or what else the compiler raises where they do not.
    """
    x = torch.ones(2, device=device, requires_grad=True)
    torch.compile(lambda x: x.sin() + x, **options)(x).sum().backward()
