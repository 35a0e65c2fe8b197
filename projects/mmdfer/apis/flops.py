"""FLOPs of the operators that our models call: PyTorch's counter with what it does not know."""
from __future__ import annotations

from math import prod

import torch
from torch.utils.flop_counter import FlopCounterMode


def flop_counter() -> FlopCounterMode:
    """PyTorch's counter of FLOPs, which knows what our models call besides."""
    aten, ours = torch.ops.aten, torch.ops.mmdfer
    return FlopCounterMode(display=False, custom_mapping={
        aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward_flops,
        aten._embedding_bag: _gather_flops,
        aten._embedding_bag_forward_only: _gather_flops,
        ours.d2conv3d: _d2conv3d_flops,
        ours.d2conv3d_backward: _d2conv3d_backward_flops})


def _d2conv3d_flops(x: tuple, size: tuple, weight: tuple, *args, **kwargs) -> int:
    """The matrix products of Triton's kernels, a convolution's: weight (O, c, kt, kh, kw), size (B, S, T', H', W')."""
    return 2 * size[0] * prod(size[2:]) * prod(weight)


def _d2conv3d_backward_flops(grad: tuple, x: tuple, size: tuple, weight: tuple, *args, **kwargs) -> int:
    """A product each for the gradients of the input, of what is read (for sizes and modulation) and of the weight."""
    of_x, of_size, of_weight, of_modulation = args[-1]
    return (of_x + (of_size or of_modulation) + of_weight) * _d2conv3d_flops(x, size, weight)


def _attention_flops(query: tuple, key: tuple, value: tuple, *args, **kwargs) -> int:
    """softmax(QKᵀ)V for query (..., L, D), key (..., S, D), value (..., S, E)."""
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _attention_backward_flops(grad: tuple, query: tuple, key: tuple, value: tuple, *args, **kwargs) -> int:
    """The gradients of query, key, value and of the shares, twice the forward's; shares that are worked out again for
    want of memory are no work of the model's."""
    return 2 * _attention_flops(query, key, value)


def _gather_flops(table: tuple, index: tuple, *args, **kwargs) -> int:
    """A weighted sum of rows, as D2Conv3d reads its taps: table (R, O), one multiply-add a row read and channel."""
    return 2 * prod(index) * table[-1]
