"""Where a voxel of D2Conv3D reads, compiled by numba: cells and shares, axis by axis and tap by tap.

The positions, shares and bounds are those of :mod:`._sampling`, number for number, NaN and runaway sizes included.
Whatever is an array is handed over by its address, see :mod:`._lanes`.

Symbols: N output voxels, S maps of sizes, E entries of an axis: two cells, near and far, for each of its taps.
"""
from __future__ import annotations

import math

import numpy as np
from numba import njit

from ._lanes import single, store, whole

# Rows of a plan, which :func:`._column_blocks.plan` writes, each as (t, h, w).
MAPS, SHAPE, GRID, KERNEL, STRIDE, PADDING, DILATION, CHANNELS = range(0, 24, 3)

# Sums may be taken in another order, to use the vector units; NaN and inf keep their meaning.
MATHS = {'reassoc', 'contract'}
compiled = njit(nogil=True, cache=True, fastmath=MATHS, error_model='numpy')
inlined = njit(forceinline=True, fastmath=MATHS, error_model='numpy')


@inlined
def extents(plan):
    """kt, kh, kw, G and c."""
    groups = whole(plan, CHANNELS + 1)
    return (whole(plan, KERNEL), whole(plan, KERNEL + 1), whole(plan, KERNEL + 2), groups,
            whole(plan, CHANNELS) // groups)


@inlined
def resting_taps(plan):
    """The tap of t, of h and of w that stays on a cell though its axis moves; -1 where the axis does not."""
    return (whole(plan, KERNEL) // 2 if whole(plan, MAPS) >= 0 else -1,
            whole(plan, KERNEL + 1) // 2 if whole(plan, MAPS + 1) >= 0 else -1,
            whole(plan, KERNEL + 2) // 2 if whole(plan, MAPS + 2) >= 0 else -1)


@inlined
def moving(resting, tap):
    """Whether a tap lies between two cells of its axis."""
    return resting >= 0 and tap != resting


@inlined
def entry_rooms(axis, plan, room):
    """Addresses of an axis's places, shares and slopes, E each, in the memory that a caller lends."""
    entries = 2 * max(whole(plan, KERNEL), whole(plan, KERNEL + 1), whole(plan, KERNEL + 2))
    place = room + 16 * entries * axis
    return place, place + 8 * entries, place + 12 * entries


@inlined
def axis_entries(size, moves, centre, kernel, dilation, length, pace, rooms, slopes):
    """Entries of one axis: place of the cell, share and slope of each, two for a tap; written to ``rooms``.

    A tap that does not move has its near cell alone. ``pace`` is from one cell of the axis to the next, and slopes
    are written if asked for.
    """
    for tap in range(kernel):
        step = np.float32((tap - kernel // 2) * dilation)
        position = np.float32(centre) + step * size
        if moves:
            if position < np.float32(-2):
                position = np.float32(-2)
            elif position > np.float32(length + 1):
                position = np.float32(length + 1)
        below = np.float32(math.floor(position)) if position == position else position
        for upper in range(2 if moves and step != 0 else 1):
            corner = below + np.float32(upper)
            part = np.float32(1) - abs(position - corner)
            inside = corner >= np.float32(0) and corner < np.float32(length)
            if not inside:
                part *= np.float32(0)                                   # a NaN stays one
            cell = min(max(int(corner), 0), length - 1) if corner == corner else 0
            store(rooms[0], 2 * tap + upper, cell * pace)
            store(rooms[1], 2 * tap + upper, part)
            if slopes:
                slope = step * np.float32(2 * upper - 1) if inside and moves else np.float32(0)
                store(rooms[2], 2 * tap + upper, slope)


@inlined
def voxel_entries(n, sizes, plan, of_t, of_h, of_w, slopes):
    """Entries of the three axes of output voxel ``n``, written to their rooms.

    The places of the three axes add up to that of a cell's first number in a table (R·C).

    Args:
        sizes: (N, S).
        plan: as :func:`._column_blocks.plan` writes it.
        of_t, of_h, of_w: see :func:`entry_rooms`.
        slopes: whether they are wanted.
    """
    w = n % whole(plan, GRID + 2)
    rest = n // whole(plan, GRID + 2)
    h = rest % whole(plan, GRID + 1)
    rest //= whole(plan, GRID + 1)
    places, rooms = (rest % whole(plan, GRID), h, w), (of_t, of_h, of_w)
    maps = max(whole(plan, MAPS), whole(plan, MAPS + 1), whole(plan, MAPS + 2)) + 1
    pace = whole(plan, CHANNELS)
    for axis in range(2, -1, -1):
        channel, kernel, dilation = whole(plan, MAPS + axis), whole(plan, KERNEL + axis), whole(plan, DILATION + axis)
        size = single(sizes, n * maps + channel) if channel >= 0 else np.float32(1)
        centre = (places[axis] * whole(plan, STRIDE + axis) - whole(plan, PADDING + axis) + dilation * (kernel // 2))
        axis_entries(size, channel >= 0, centre, kernel, dilation, whole(plan, SHAPE + axis), pace, rooms[axis],
                     slopes)
        pace *= whole(plan, SHAPE + axis)
    clip = rest // whole(plan, GRID) * pace
    for entry in range(2 * whole(plan, KERNEL)):
        store(of_t[0], entry, whole(of_t[0], entry) + clip)


@inlined
def lines_of(i, j, along_t, along_h, of_t, of_h):
    """The lines along w that tap (i, j) of t and h reads: how many, 1, 2 or 4, and the place of each.

    Args:
        along_t, along_h: whether the tap lies between cells of the axis.
        of_t, of_h: places of the axes' entries.
    """
    t0, t1, h0, h1 = whole(of_t, 2 * i), whole(of_t, 2 * i + 1), whole(of_h, 2 * j), whole(of_h, 2 * j + 1)
    count = (2 if along_t else 1) * (2 if along_h else 1)
    return count, (t0 + h0, t0 + h1 if along_h else t1 + h0, t1 + h0, t1 + h1)


@inlined
def shares_of(i, j, along_t, along_h, of_t, of_h):
    """The product of t's and h's shares, or slopes, for each line of :func:`lines_of`; 0 where there is none."""
    t0, t1, h0, h1 = single(of_t, 2 * i), single(of_t, 2 * i + 1), single(of_h, 2 * j), single(of_h, 2 * j + 1)
    none = np.float32(0)
    if along_t and along_h:
        return t0 * h0, t0 * h1, t1 * h0, t1 * h1
    if along_h:
        return t0 * h0, t0 * h1, none, none
    return t0 * h0, t1 * h0 if along_t else none, none, none
