"""What every adapter promises: tokens and a grid in, out what is added to the tokens."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..ops.exporting import is_exporting
from .grid import TokenGrid


class Adapter(nn.Module):
    """The parent of all adapters: tokens (B·T, L, C) and their grid -> the delta that a slot adds to the stream.

    A new adapter's delta is zero, so that a model with it computes what the frozen one does, whatever the
    slot. An adapter knows nothing of blocks, configs or training. One of your own says three things::

        @MODELS.register_module()
        class Shift(Adapter):

            def __init__(self, dim: int, zero_init: bool = True) -> None:
                super().__init__(zero_init)
                self.shift = nn.Linear(dim, dim)
                self.init_weights()

            def zeroed(self):
                return self.shift.parameters()

            def forward(self, x, grid):
                return self.shift(x)

    Args:
        zero_init: start with a delta of zero. ``False`` leaves the layers' own start, for papers that have it.
    """

    #: ``'all'``, or ``'patches'`` for an adapter that gets the patches alone, (B·T, H·W, C), and gives as many.
    tokens = 'all'
    #: Whether slots run it, see :func:`adapters_off`.
    enabled = True

    def __init__(self, zero_init: bool = True) -> None:
        super().__init__()
        self.zero_init = zero_init

    def zeroed(self) -> Iterable[nn.Parameter]:
        """The parameters that are zero in a new adapter, and make its delta zero."""
        raise NotImplementedError(f'{type(self).__name__}: say in zeroed() which parameters start at zero, such as the '
                                  'weight and bias of its last layer')

    def init_weights(self) -> None:
        """Make the delta zero again, if it starts so."""
        if self.zero_init:
            for parameter in self.zeroed():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        raise NotImplementedError

    def add_to(self, x: Tensor, source: Tensor, grid: TokenGrid) -> Tensor:
        """``x`` plus the delta for ``source``, both tokens (B·T, L, C); on the patches alone if it sees no others.

        One that gets there without its delta in memory says so here; the sum is the same.
        """
        if self.tokens == 'all':
            return x + self(source, grid)
        return add_to_patches(x, self(source[:, grid.span], grid), grid)

    def auxiliary_loss(self) -> Tensor | None:
        """A further term of the loss, from the last forward pass in training; ``None`` for none.

        Recognizers that are :class:`mmdfer.recognizers.SumsAuxiliaryLosses` add it.
        """
        return None


def add_delta(x: Tensor, adapter: Adapter, source: Tensor, grid: TokenGrid) -> Tensor:
    """``x + adapter(source)`` for tokens (B·T, L, C), on the patches alone if the adapter sees no others."""
    grid.check(source)
    return adapter.add_to(x, source, grid)


def add_to_patches(x: Tensor, delta: Tensor, grid: TokenGrid) -> Tensor:
    """Tokens (B·T, L, C) with a delta (B·T, H·W, C) on the patches among them."""
    if is_exporting():                           # in operators that other runtimes have
        return x + pad(delta, (0, 0, grid.leading, grid.trailing))
    return x + delta if grid.patches == grid.tokens else _AddToSpan.apply(x, delta, grid.leading)


class _AddToSpan(torch.autograd.Function):
    """x (N, L, C) plus a delta (N, M, C) on the M tokens behind the first ``start``.

    The gradient of x is the output's own, and the delta's a view of it: nothing is copied, where joining the
    three parts again would take slices of zeros for each.
    """

    @staticmethod
    def forward(ctx, x: Tensor, delta: Tensor, start: int) -> Tensor:
        ctx.span = slice(start, start + delta.shape[1])
        out = x.to(torch.promote_types(x.dtype, delta.dtype), copy=True)
        out[:, ctx.span] += delta
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        return grad, grad[:, ctx.span], None


def adapters_of(model: nn.Module) -> Iterator[tuple[str, Adapter]]:
    """Names and adapters of a model; not the parts that an adapter is made of."""
    inner = ''
    for name, module in model.named_modules():
        if isinstance(module, Adapter) and not (inner and name.startswith(inner)):
            inner = f'{name}.'
            yield name, module


@contextmanager
def adapters_off(model: nn.Module) -> Iterator[None]:
    """Within it slots run none of a model's adapters; LoRA, prompts and embeddings stay."""
    found = [adapter for _, adapter in adapters_of(model) if adapter.enabled]
    for adapter in found:
        adapter.enabled = False
    try:
        yield
    finally:
        for adapter in found:
            adapter.enabled = True


def auxiliary_losses(model: nn.Module) -> dict[str, Tensor]:
    """``loss_auxiliary``, the sum of what a model's adapters ask for; empty if none asks for anything."""
    losses = [loss for _, adapter in adapters_of(model) if (loss := adapter.auxiliary_loss()) is not None]
    return dict(loss_auxiliary=torch.stack(losses).sum()) if losses else {}
