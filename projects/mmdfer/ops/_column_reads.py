"""Where a voxel of D2Conv3D reads, compiled by numba: cells and shares, axis by axis and tap by tap.

The positions, shares and bounds are those of :mod:`._sampling`, number for number, NaN and runaway sizes included.

Symbols: N output voxels, S maps of sizes, E entries of an axis.
"""
from __future__ import annotations

import math

import numpy as np
from numba import njit

# Places are unsigned: a test for negative ones would keep a loop from becoming vectors.
# Sums may be taken in another order, to use the vector units; NaN and inf keep their meaning.
MATHS = {'reassoc', 'contract'}
compiled = njit(nogil=True, cache=True, fastmath=MATHS)
# A call hands over every array in seven words: within a loop over taps that would cost more than the reads.
inlined = njit(inline='always', fastmath=MATHS)


@inlined
def axis_entries(size, moves, centre, kernel, dilation, length, index, share, slope, first):
    """Entries of one axis: cell, share and slope of each, and where the entries of every tap begin.

    The two cells of a moving tap lie side by side in the list. Returns nothing; writes ``index``, ``share``, ``slope``
    (E) and ``first`` (taps + 1).
    """
    reach = kernel // 2
    entry = 0
    for tap in range(kernel):
        first[tap] = entry
        step = np.float32((tap - reach) * dilation)
        corners = 2 if moves and tap != reach else 1
        if moves:
            position = np.float32(np.float32(centre) + step * size)
            if position < -2:
                position = np.float32(-2)
            elif position > length + 1:
                position = np.float32(length + 1)
        else:
            position = np.float32(np.float32(centre) + step)
        for upper in range(corners):
            corner = np.float32(math.floor(position) if position == position else position) + np.float32(upper)
            part = np.float32(1) - abs(position - corner)
            inside = corner >= 0 and corner < length
            if not inside:
                part *= np.float32(0)                                   # a NaN stays one
            cell = 0
            if corner == corner:
                cell = min(max(int(corner), 0), length - 1)
            index[entry], share[entry] = cell, part
            slope[entry] = step * np.float32(2 * upper - 1) if inside and moves else np.float32(0)
            entry += 1
    first[kernel] = entry


@inlined
def voxel_entries(n, sizes, channels, shape, grid, geometry, index, share, slope, first):
    """Entries of the three axes of output voxel ``n``; returns the row of its clip's first cell.

    Args:
        sizes: (N, S).
        channels: (4,) the map that each axis follows, -1 for none, and C.
        shape: (T, H, W) of the input, ``grid`` of the output.
        geometry: (4, 3) kernel, stride, padding and dilation.
        index, share, slope: (3, E), ``first``: (3, taps + 1), written.
    """
    rest = n
    w = rest % grid[2]
    rest //= grid[2]
    h = rest % grid[1]
    rest //= grid[1]
    t = rest % grid[0]
    clip = rest // grid[0]
    places = (t, h, w)
    for axis in range(3):
        moves = channels[axis] >= 0
        size = sizes[n, channels[axis]] if moves else np.float32(1)
        kernel, dilation = geometry[0, axis], geometry[3, axis]
        centre = places[axis] * geometry[1, axis] - geometry[2, axis] + dilation * (kernel // 2)
        axis_entries(size, moves, centre, kernel, dilation, shape[axis], index[axis], share[axis], slope[axis],
                     first[axis])
    return clip * shape[0] * shape[1] * shape[2]


@compiled
def scratch(geometry):
    """Room for the entries of one voxel."""
    most = 2 * geometry[0].max()
    return (np.empty((3, most), np.int64), np.empty((3, most), np.float32), np.empty((3, most), np.float32),
            np.empty((3, geometry[0].max() + 1), np.int64))


@inlined
def pair_lines(i, j, base, shape, index, share, first, line, both):
    """Rows and shares of the lines along w that tap (i, j) of t and h reads: writes up to 4, returns how many."""
    count = 0
    height, width = shape[1], shape[2]
    for a in range(first[0, i], first[0, i + 1]):
        for b in range(first[1, j], first[1, j + 1]):
            line[count] = base + (index[0, a] * height + index[1, b]) * width
            both[count] = share[0, a] * share[1, b]
            count += 1
    return count


@inlined
def tap_reads(lines, k, scale, width, index, share, first, line, both, cell, part):
    """Where one tap reads and with which shares: writes ``cell`` (place of a row's first number) and ``part``.

    Args:
        lines: how many lines :func:`pair_lines` wrote.
        k: of the tap along w.
        scale: modulation of the tap.
        width: C, numbers in a row.

    Returns:
        How many reads there are, 1 to 8.
    """
    e = first[2, k]
    near, near_share = index[2, e], share[2, e] * scale
    if first[2, k + 1] - e == 1:
        for m in range(lines):
            cell[m], part[m] = np.uint64((line[m] + near) * width), both[m] * near_share
        return lines
    far, far_share = index[2, e + 1], share[2, e + 1] * scale
    for m in range(lines):
        cell[2 * m], part[2 * m] = np.uint64((line[m] + near) * width), both[m] * near_share
        cell[2 * m + 1], part[2 * m + 1] = np.uint64((line[m] + far) * width), both[m] * far_share
    return 2 * lines
