"""Triton: tables of where the taps of D2Conv3D fall, axis by axis, written once and read by many threads.

The taps of a voxel form a product grid, so a row of the tables is a tap of one axis: KT rows of t, then KH of h, then
KW of w. ``cells`` (rows, 2, N) has the cell below and the one above, as what they add to the number of a cell in the
batch, and ``shares`` (rows, 4, N) both shares and how they change with the size. A middle tap has one cell, the first.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._triton import blocks_of, tl, triton
from ._triton_reads import cells_at, load_sizes, place_of, position


class Tables(NamedTuple):
    """See above; int32 and float32."""
    cells: Tensor
    shares: Tensor


@triton.jit
def cell_and_share(cells, shares, tap, upper, voxel, voxels):
    """One of the two cells (M, 1) that a tap of an axis reads, and its share."""
    return tl.load(cells + (2 * tap + upper) * voxels + voxel), tl.load(shares + (4 * tap + upper) * voxels + voxel)


@triton.jit
def slope_of(shares, tap, upper, voxel, voxels):
    """How that share changes with the size of the axis."""
    return tl.load(shares + (4 * tap + 2 + upper) * voxels + voxel)


@triton.jit
def rows_of_w(cells, shares, voxel, voxels, FIRST: tl.constexpr, KW: tl.constexpr, SLOPES: tl.constexpr):
    """Cells, shares and slopes (M, 1) of the taps of w, two of each a tap: they are the same at every place in t and h.

    The compiler does not keep what it has read of them, since a program writes between one place and the next.
    """
    where, much, steep = (), (), ()
    for column in tl.static_range(KW):
        for upper in tl.static_range(2):
            cell, share = cell_and_share(cells, shares, FIRST + column, upper, voxel, voxels)
            slope = slope_of(shares, FIRST + column, upper, voxel, voxels) if SLOPES else share
            where, much, steep = where + (cell, ), much + (share, ), steep + (slope, )
    return where, much, steep


@triton.jit
def cells_beside(plane, MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr):
    """How many cells the taps at place t · KH + h of the kernel read in t and in h: two, or one where they stay."""
    two_t = 2 if MAPS == 3 and plane // KH != KT // 2 else 1
    two_h = 2 if plane % KH != KH // 2 else 1
    return two_t, two_h


@triton.jit
def write_row(cells, shares, tap, there, length, step, first, unit, voxel, voxels, ok):
    """The row of a tap that falls at ``there`` (M) of an axis; a cell further adds ``unit``."""
    low, high, below, above, in_low, in_high = cells_at(there, length)
    tl.store(cells + (2 * tap) * voxels + voxel, (first + low) * unit, mask=ok)
    tl.store(cells + (2 * tap + 1) * voxels + voxel, (first + high) * unit, mask=ok)
    row = shares + (4 * tap) * voxels + voxel
    tl.store(row, below, mask=ok)
    tl.store(row + voxels, above, mask=ok)
    tl.store(row + 2 * voxels, -step * in_low, mask=ok)
    tl.store(row + 3 * voxels, step * in_high, mask=ok)


@triton.jit
def tables_kernel(size, cells, shares, voxels, volume, frames, height, width, out_frames, out_height, out_width,
                  MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
                  STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
                  OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
                  DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr, M: tl.constexpr):
    """All rows of M voxels."""
    voxel = tl.program_id(0) * M + tl.arange(0, M)
    ok = voxel < voxels
    clip, t, h, w = place_of(voxel, out_frames, out_height, out_width)
    size_t, size_h, size_w = load_sizes(size, clip, voxel - clip * volume, volume, ok, MAPS)
    for tap in tl.static_range(KT):
        step = (tap - REACH_T) * DILATION_T
        there = position(size_t, t, step, frames, STRIDE_T, OFFSET_T, MAPS == 3)
        write_row(cells, shares, tap, there, frames, step, clip * frames, height * width, voxel, voxels, ok)
    for tap in tl.static_range(KH):
        step = (tap - KH // 2) * DILATION_H
        there = position(size_h, h, step, height, STRIDE_H, OFFSET_H, True)
        write_row(cells, shares, KT + tap, there, height, step, 0, width, voxel, voxels, ok)
    for tap in tl.static_range(KW):
        step = (tap - KW // 2) * DILATION_W
        there = position(size_w, w, step, width, STRIDE_W, OFFSET_W, True)
        write_row(cells, shares, KT + KH + tap, there, width, step, 0, 1, voxel, voxels, ok)


def tables(size: Tensor, voxels: int, shape: tuple[int, ...], axes: dict[str, Any]) -> Tables:
    """The tables of a convolution.

    Args:
        size: float32, contiguous.
        voxels: of the output, clips and all.
        shape: output's volume, T, H, W, T', H', W', as the kernels take them.
        axes: the convolution's numbers, as the kernels take them.
    """
    rows = axes['KT'] + axes['KH'] + axes['KW']
    found = Tables(size.new_empty(rows, 2, voxels, dtype=torch.int32), size.new_empty(rows, 4, voxels))
    tables_kernel[(blocks_of(voxels, 128), )](size, *found, voxels, *shape, M=128, num_warps=4, **axes)
    return found
