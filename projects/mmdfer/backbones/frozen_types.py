"""Frozen weights in bfloat16 beside float32 adapters: half the memory, and no cast of weights under autocast."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmcv.cnn import Linear
from torch import Tensor, nn

from ..ops.exporting import is_exporting

FROZEN_DTYPES = {'bfloat16': torch.bfloat16}


class FrozenLinear(nn.Linear):
    """A linear layer whose weight is kept in another type than it multiplies in.

    Outside autocast the product is of the input's type, and backward casts the weight again instead of keeping a cast
    one: what it costs is the weight's own rounding, 2^-9 of each number for bfloat16. Under autocast it is autocast's.
    """

    @classmethod
    def of(cls, layer: nn.Linear, dtype: torch.dtype) -> FrozenLinear:
        """A layer with the frozen weight of another, rounded, and its very bias."""
        own = cls(1, 1, bias=False)
        own.in_features, own.out_features = layer.in_features, layer.out_features
        own.weight = nn.Parameter(layer.weight.detach().to(dtype), requires_grad=False)
        own.bias = layer.bias
        return own.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_autocast_enabled(x.device.type) or x.dtype == self.weight.dtype:
            return F.linear(x, self.weight, None if self.bias is None else self.bias.to(self.weight.dtype))
        bias = None if self.bias is None else self.bias.to(x.dtype)
        if is_exporting():
            return F.linear(x, self.weight.to(x.dtype), bias)
        return _CastProduct.apply(x, self.weight, bias)


class _CastProduct(torch.autograd.Function):
    """x (..., C) times a frozen weight (O, C), cast to the type of x, plus b (O,)."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return F.linear(x, weight.to(x.dtype), bias)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        weight, = ctx.saved_tensors
        of_x = grad @ weight.to(grad.dtype) if ctx.needs_input_grad[0] else None
        of_bias = grad.flatten(0, -2).sum(0) if ctx.needs_input_grad[2] else None
        return of_x, None, of_bias


def keep_frozen_in(module: nn.Module, name: str) -> None:
    """Keep the weights of a module's frozen linear layers in the type of this name; biases and norms stay as they are.

    Raises:
        ValueError: for a type that is not known.
    """
    if name not in FROZEN_DTYPES:
        raise ValueError(f'frozen_dtype={name!r} is not known: choose one of {", ".join(FROZEN_DTYPES)}, or leave it '
                         'out for weights as they are')
    for parent in list(module.modules()):
        for place, layer in list(parent.named_children()):
            if type(layer) in (nn.Linear, Linear) and not layer.weight.requires_grad:
                setattr(parent, place, FrozenLinear.of(layer, FROZEN_DTYPES[name]))
