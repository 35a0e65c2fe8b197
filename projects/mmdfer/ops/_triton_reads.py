"""Triton: where a tap of D2Conv3D falls, and what is read there. The rules are those of :mod:`._sampling`.

What every kernel is told of the convolution, an axis at a time (t, h, w): ``K`` taps, ``STRIDE``, ``OFFSET`` (the input
cell under output 0's middle tap) and ``DILATION``. ``MAPS`` is S, the channels of the size map: the time axis has one
of its own with 3, and size 1 with fewer.

Shapes: M output voxels of a block, Q channels of a block.
"""
from __future__ import annotations

from ._triton import tl, triton


@triton.jit
def place_of(voxel, frames, height, width):
    """Clip, and place in its output, of voxels counted through a batch."""
    rest = voxel // width
    return rest // height // frames, rest // height % frames, rest % height, voxel % width


@triton.jit
def load_sizes(size, clip, inner, volume, ok, MAPS: tl.constexpr):
    """The sizes (M) of t, h and w at place ``inner`` of a clip; that of t is not used without a map of its own."""
    first = tl.load(size + clip * MAPS * volume + inner, mask=ok, other=1.)
    if MAPS == 1:
        return first, first, first
    second = tl.load(size + (clip * MAPS + 1) * volume + inner, mask=ok, other=1.)
    if MAPS == 2:
        return first, first, second
    return first, second, tl.load(size + (clip * MAPS + 2) * volume + inner, mask=ok, other=1.)


@triton.jit
def position(size, place, step, length, STRIDE: tl.constexpr, OFFSET: tl.constexpr, DYNAMIC: tl.constexpr):
    """Where a tap ``step`` cells from the middle falls (M); a runaway size stays within reach of an index."""
    centre = (place * STRIDE + OFFSET).to(tl.float32)
    if not DYNAMIC:
        return centre + step
    there = centre + step * size
    there = tl.where(there < -2, -2., there)                    # NaN stays NaN
    return tl.where(there > length + 1, length + 1., there)


@triton.jit
def taps_at(tap, place_t, place_h, place_w, size_t, size_h, size_w, frames, height, width,
            MAPS: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
            STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
            OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
            DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr):
    """Steps of a tap from the middle in cells (scalars), and its positions (M), both for t, h and w."""
    step_t = (tap // (KH * KW) - REACH_T) * DILATION_T
    step_h = (tap // KW % KH - KH // 2) * DILATION_H
    step_w = (tap % KW - KW // 2) * DILATION_W
    there_t = position(size_t, place_t, step_t, frames, STRIDE_T, OFFSET_T, MAPS == 3)
    there_h = position(size_h, place_h, step_h, height, STRIDE_H, OFFSET_H, True)
    there_w = position(size_w, place_w, step_w, width, STRIDE_W, OFFSET_W, True)
    return step_t, step_h, step_w, there_t, there_h, there_w


@triton.jit
def cells_at(position, length):
    """The cells below and above a position (M): their indices in the axis, shares, and 1. where each is inside."""
    below = tl.floor(position)
    above = below + 1
    below_inside = ((below >= 0) & (below < length)).to(tl.float32)
    above_inside = ((above >= 0) & (above < length)).to(tl.float32)
    below_share = (1 - tl.abs(position - below)) * below_inside
    above_share = (1 - tl.abs(position - above)) * above_inside
    whole = tl.where(below == below, below, 0.).to(tl.int32)    # NaN has no cell: any that is in bounds will do
    low = tl.minimum(tl.maximum(whole, 0), length - 1)
    high = tl.minimum(tl.maximum(whole + 1, 0), length - 1)
    return low, high, below_share, above_share, below_inside, above_inside


@triton.jit
def cells_an_axis(step_t, step_h, step_w, MAPS: tl.constexpr):
    """How many cells a tap reads on each axis: two, or one where it does not move."""
    two_t = 1
    if MAPS == 3:
        two_t = 1 + (step_t != 0).to(tl.int32)
    return two_t, 1 + (step_h != 0).to(tl.int32), 1 + (step_w != 0).to(tl.int32)


@triton.jit
def pick(upper, low, high, below_share, above_share):
    """One of an axis's two cells (M) and its share."""
    return tl.where(upper == 0, low, high), tl.where(upper == 0, below_share, above_share)


@triton.jit
def add_up(target, values, ok, ATOMIC: tl.constexpr):
    """Add to what others add to as well, or write where nobody else does."""
    if ATOMIC:
        tl.atomic_add(target, values, mask=ok, sem='relaxed')
    else:
        tl.store(target, values, mask=ok)


@triton.jit
def add_sizes(target, volume, by_t, by_h, by_w, ok, MAPS: tl.constexpr, ATOMIC: tl.constexpr):
    """Add up the gradients of the three axes' sizes (M) in the channels that the size map has."""
    if MAPS == 1:
        add_up(target, by_h + by_w, ok, ATOMIC)
    if MAPS == 2:
        add_up(target, by_h, ok, ATOMIC)
        add_up(target + volume, by_w, ok, ATOMIC)
    if MAPS == 3:
        add_up(target, by_t, ok, ATOMIC)
        add_up(target + volume, by_h, ok, ATOMIC)
        add_up(target + 2 * volume, by_w, ok, ATOMIC)
