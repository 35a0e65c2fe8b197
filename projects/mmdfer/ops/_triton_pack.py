"""Triton: all weights of a bottleneck in the type and shapes that its products take, written at once.

One kernel, where each of seven tensors would take PyTorch a buffer of zeros, a view and a copy.
"""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ._triton import blocks_of, tl, triton
from ._triton_operands import lanes_of

BLOCK = 1024


class Packed(NamedTuple):
    """Zeros fill the lanes beyond the weights' own; ``lanes`` is r with its padding, P that of K·S.

    Args:
        down: (lanes, C).
        up: (C, lanes).
        matrices: (1, K, lanes, lanes), input channels first.
        predictor: (P, lanes); line ``tap · S + channel``.
        down_bias, conv_bias: (lanes,).
        up_bias: (C,).
    """
    down: Tensor
    up: Tensor
    matrices: Tensor
    predictor: Tensor
    down_bias: Tensor
    conv_bias: Tensor
    up_bias: Tensor


@triton.jit
def pack_kernel(down, up, conv, predictor, down_bias, conv_bias, up_bias, out, tokens, width, lanes, taps, maps, lines,
                B: tl.constexpr):
    """The tensors of ``Packed`` end to end."""
    place = tl.program_id(0) * B + tl.arange(0, B)
    row, column = place // tokens, place % tokens
    ok = (place < lanes * tokens) & (row < width)
    value = tl.load(down + row * tokens + column, mask=ok, other=0.).to(tl.float32)
    place -= lanes * tokens
    row, column = place // lanes, place % lanes
    ok = (place >= 0) & (row < tokens) & (column < width)
    value += tl.load(up + row * width + column, mask=ok, other=0.).to(tl.float32)
    place -= tokens * lanes
    tap, row, column = place // (lanes * lanes), place // lanes % lanes, place % lanes
    ok = (place >= 0) & (tap < taps) & (row < width) & (column < width)
    value += tl.load(conv + (column * width + row) * taps + tap, mask=ok, other=0.).to(tl.float32)
    place -= taps * lanes * lanes
    row, column = place // lanes, place % lanes
    ok = (place >= 0) & (row < taps * maps) & (column < width)
    source = predictor + ((row % maps) * width + column) * taps + row // maps
    value += tl.load(source, mask=ok, other=0.).to(tl.float32)
    place -= lines * lanes
    value += tl.load(down_bias + place, mask=(place >= 0) & (place < width), other=0.).to(tl.float32)
    place -= lanes
    value += tl.load(conv_bias + place, mask=(place >= 0) & (place < width), other=0.).to(tl.float32)
    place -= lanes
    value += tl.load(up_bias + place, mask=(place >= 0) & (place < tokens), other=0.).to(tl.float32)
    count = 2 * lanes * tokens + (taps * lanes + lines + 2) * lanes + tokens
    place = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(out + place, value.to(out.dtype.element_ty), mask=place < count)


def pack(down: Tensor, down_bias: Tensor, conv: Tensor, conv_bias: Tensor, predictor: Tensor, up: Tensor,
         up_bias: Tensor, dtype: torch.dtype) -> Packed:
    """Weights (r, C), (r,), (r, r, kt, kh, kw), (r,), (S, r, kt, kh, kw), (C, r), (C,) of any types, contiguous."""
    width, tokens = down.shape
    taps, maps = conv.shape[2] * conv.shape[3] * conv.shape[4], len(predictor)
    lanes, lines = lanes_of(width), lanes_of(taps * maps)
    lengths = [lanes * tokens, tokens * lanes, taps * lanes * lanes, lines * lanes, lanes, lanes, tokens]
    out = down.new_empty(sum(lengths), dtype=dtype)
    pack_kernel[(blocks_of(len(out), BLOCK), )](
        down.contiguous(), up.contiguous(), conv.contiguous(), predictor.contiguous(), down_bias, conv_bias, up_bias,
        out, tokens, width, lanes, taps, maps, lines, B=BLOCK, num_warps=4)
    first, second, third, fourth, *biases = out.split(lengths)
    return Packed(first.view(lanes, tokens), second.view(tokens, lanes), third.view(1, taps, lanes, lanes),
                  fourth.view(lines, lanes), *biases)
