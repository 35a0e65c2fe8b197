"""A 3D convolution with few outputs, as the one that predicts sizes: one GEMM, then sums of shifted maps.

A convolution with three output channels leaves most of a CPU's vector units idle. Multiplying every voxel by the weight
of every tap at once is one well-shaped GEMM, (R, C) × (C, K·S), and what is left are K sums over S channels.

Where numba compiles, the sums are its :func:`._shifts.shift`.

Symbols: R voxels, C channels in, S channels out, K taps.
"""
from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._column_blocks import pieces, plan, side_by_side
from ._layouts import voxel_rows
from ._sampling import AXIS_CHANNELS, Geometry

MOST_CHANNELS = 8


class FewChannelsConv3d(torch.autograd.Function):
    """(B, C, T, H, W), (S, C, kt, kh, kw), (S,) -> (B, S, T', H', W'), as ``F.conv3d``."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, geometry: Geometry, compiled: bool = False) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry, ctx.compiled = geometry, compiled
        taps = (voxel_rows(x) @ _matrix(weight)).view(
            len(x), *x.shape[2:], -1, len(weight))                          # (B, T, H, W, K, S)
        out = bias.expand(len(x), *geometry.output_shape(x.shape[2:]), len(bias)).clone()
        if compiled:
            shift_compiled(taps, out, geometry, back=False)
        else:
            for tap, (inside, read) in enumerate(shifts(geometry, x.shape[2:])):
                out[inside] += taps[(*read, tap)]
        return out.permute(0, 4, 1, 2, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad = grad.permute(0, 2, 3, 4, 1)                                  # (B, T', H', W', S)
        taps = x.new_zeros(len(x), *x.shape[2:], weight[0, 0].numel(), len(weight))
        if ctx.compiled:
            shift_compiled(taps, grad.contiguous(), ctx.geometry, back=True)
        else:
            for tap, (inside, read) in enumerate(shifts(ctx.geometry, x.shape[2:])):
                taps[(*read, tap)] = grad[inside]
        taps = taps.flatten(0, 3).flatten(1)                                # (R, K·S)
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = (taps @ _matrix(weight).T).view(len(x), *x.shape[2:], -1).permute(0, 4, 1, 2, 3)
        if ctx.needs_input_grad[1]:
            of_weight = (voxel_rows(x).T @ taps).unflatten(1, (-1, len(weight))).permute(2, 0, 1).reshape(weight.shape)
        return of_x, of_weight, grad.sum((0, 1, 2, 3)) if ctx.needs_input_grad[2] else None, None, None


def shift_compiled(taps: Tensor, out: Tensor, geometry: Geometry, back: bool) -> None:
    """Add the taps (B, T, H, W, K, S) of contiguous float32 to the outputs (B, T', H', W', S), or hand these back."""
    from ._shifts import shift
    told = plan(taps.shape[1:4], geometry, AXIS_CHANNELS[1], (taps.shape[5], 1))
    places = taps.data_ptr(), out.data_ptr(), told.data_ptr()

    def run(_: int, first: int, last: int) -> None:
        for clip in range(first, last):
            shift(clip, *places, back)

    side_by_side(run, pieces(0, len(taps), least=1))


def _matrix(weight: Tensor) -> Tensor:
    """(S, C, kt, kh, kw) -> (C, K·S)."""
    return weight.flatten(2).permute(1, 2, 0).flatten(1)


def shifts(geometry: Geometry, shape: tuple[int, ...]) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """For each tap, the outputs that it has a voxel for, and those voxels; slices of (B, T, H, W)."""
    axes = []
    for length, size, kernel, stride, padding, dilation in zip(
            shape, geometry.output_shape(shape), *geometry[:4]):
        of_axis = []
        for tap in range(kernel):
            shift = tap * dilation - padding                                # output o reads o·stride + shift
            first = max(0, -(shift // stride))
            last = min(size - 1, (length - 1 - shift) // stride)
            count = max(0, last - first + 1)
            begin = first * stride + shift if count else 0
            of_axis.append((slice(first, first + count), slice(begin, begin + count * stride, stride)))
        axes.append(of_axis)
    every = slice(None)
    for t_out, t_in in axes[0]:
        for h_out, h_in in axes[1]:
            for w_out, w_in in axes[2]:
                yield (every, t_out, h_out, w_out), (every, t_in, h_in, w_in)
