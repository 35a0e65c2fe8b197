"""Triton: the convolution that predicts sizes, as one matrix product and sums of shifted maps.

cuDNN pads three output channels to a tile of many, in both directions, and converts layouts around each. Here every
cell is multiplied by the weight of every tap at once, (K·S, C) × (C, R), and what is left are K sums for S channels.

Symbols: R cells, N voxels of the output, K taps, S channels of the size map, P = K·S rounded up to a lane.
"""
from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ._sampling import Geometry
from ._triton import blocks_of, tl, triton
from ._triton_operands import axes_of
from ._triton_reads import place_of

BLOCK = 128


@triton.jit
def step_of(tap, K: tl.constexpr, OFFSET: tl.constexpr, DILATION: tl.constexpr):
    """How far from ``output · stride`` the input cell of a tap lies."""
    return OFFSET + (tap - K // 2) * DILATION


@triton.jit
def sizes_kernel(products, bias, size, voxels, cells, volume, frames, height, width, out_frames, out_height, out_width,
                 MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
                 STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
                 OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
                 DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr, M: tl.constexpr):
    """size (B, S, N') = ELU(raw) + 1, from products (P, R)."""
    voxel, channel = tl.program_id(0) * M + tl.arange(0, M), tl.program_id(1)
    ok = voxel < voxels
    clip, t, h, w = place_of(voxel, out_frames, out_height, out_width)
    raw = tl.zeros([M], tl.float32) + tl.load(bias + channel).to(tl.float32)
    for tap in range(KT * KH * KW):
        cell_t = t * STRIDE_T + step_of(tap // (KH * KW), KT, OFFSET_T, DILATION_T)
        cell_h = h * STRIDE_H + step_of(tap // KW % KH, KH, OFFSET_H, DILATION_H)
        cell_w = w * STRIDE_W + step_of(tap % KW, KW, OFFSET_W, DILATION_W)
        inside = ok & (cell_t >= 0) & (cell_t < frames) & (cell_h >= 0) & (cell_h < height)
        inside = inside & (cell_w >= 0) & (cell_w < width)
        cell = ((clip * frames + cell_t) * height + cell_h) * width + cell_w
        raw += tl.load(products + (tap * MAPS + channel) * cells + cell, mask=inside, other=0.)
    target = size + (clip * MAPS + channel) * volume + voxel - clip * volume
    tl.store(target, tl.where(raw > 0, raw + 1, tl.exp(raw)), mask=ok)


@triton.jit
def spread_kernel(grad, products, cells, volume, frames, height, width, out_frames, out_height, out_width,
                  MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
                  STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
                  OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
                  DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr, M: tl.constexpr):
    """The gradient of the products (P, R) from that of the raw sizes (B, S, N'); zeros in the rows beyond K·S."""
    cell, line = tl.program_id(0) * M + tl.arange(0, M), tl.program_id(1)
    tap, channel = line // MAPS, line % MAPS
    clip, t, h, w = place_of(cell, frames, height, width)
    far_t = t - step_of(tap // (KH * KW), KT, OFFSET_T, DILATION_T)
    far_h = h - step_of(tap // KW % KH, KH, OFFSET_H, DILATION_H)
    far_w = w - step_of(tap % KW, KW, OFFSET_W, DILATION_W)
    there = (far_t >= 0) & (far_h >= 0) & (far_w >= 0) & (tap < KT * KH * KW) & (cell < cells)
    there = there & (far_t % STRIDE_T == 0) & (far_h % STRIDE_H == 0) & (far_w % STRIDE_W == 0)
    far_t, far_h, far_w = far_t // STRIDE_T, far_h // STRIDE_H, far_w // STRIDE_W
    there = there & (far_t < out_frames) & (far_h < out_height) & (far_w < out_width)
    source = grad + (clip * MAPS + channel) * volume + (far_t * out_height + far_h) * out_width + far_w
    given = tl.load(source, mask=there, other=0.)
    tl.store(products + line * cells + cell, given.to(products.dtype.element_ty), mask=cell < cells)


def predict_sizes(rows: Tensor, matrix: Tensor, bias: Tensor, clips: int, volume: tuple[int, int, int],
                  geometry: Geometry) -> Tensor:
    """Rows (R, c) of clips of a ``volume`` (T, H, W), matrix (P, c), bias (S,) -> size (B, S, T', H', W'), float32."""
    output = geometry.output_shape(volume)
    size = rows.new_empty(clips, len(bias), *output, dtype=torch.float32)
    voxels = clips * math.prod(output)
    sizes_kernel[(blocks_of(voxels, BLOCK), len(bias))](
        product_in_float32(matrix, rows.T), bias, size, voxels, len(rows), math.prod(output), *volume, *output,
        M=BLOCK, num_warps=4, **axes_of(geometry, len(bias)))
    return size


def gradients_of_prediction(grad: Tensor, size: Tensor, lines: int, volume: tuple[int, int, int], geometry: Geometry,
                            dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Gradient of the products (P, R), P = ``lines``, and of the bias (S,), from that of the size."""
    raw = grad * size.clamp(max=1)              # ELU's slope is 1, or its value plus 1, which is the size
    cells = len(size) * math.prod(volume)
    products = grad.new_empty(lines, cells, dtype=dtype)
    numbers: dict[str, Any] = axes_of(geometry, size.shape[1])
    spread_kernel[(blocks_of(cells, BLOCK), lines)](
        raw, products, cells, math.prod(size.shape[2:]), *volume, *size.shape[2:], M=BLOCK, num_warps=4, **numbers)
    return products, raw.sum((0, 2, 3, 4))


def product_in_float32(left: Tensor, right: Tensor) -> Tensor:
    """(I, J), (J, K) -> (I, K), not rounded to the type of what is multiplied."""
    if left.dtype == torch.float32:
        return left @ right
    if left.is_cuda:
        return torch.mm(left, right, out_dtype=torch.float32)
    return left.float() @ right.float()
