"""The reads of D2Conv3D on a CPU, compiled by numba: the columns of an im2col, their transpose and their slopes.

A voxel reads kt·kh·kw taps, each from up to 8 cells, and touches each cell once: the values of a tap are summed where
they are used, so that a block of columns stays in the cache and goes from there into one GEMM. The positions, shares
and bounds are those of :mod:`._sampling`, number for number, NaN and runaway sizes included.

Symbols: R input voxels, N output voxels, K taps, G groups, C channels in, c = C/G, S maps of sizes.

The kernels release the interpreter's lock and start no threads: :mod:`._column_blocks` runs them side by side.
"""
from __future__ import annotations

import math

import numpy as np
from numba import njit

# Sums may be taken in another order, to use the vector units; NaN and inf keep their meaning.
compiled = njit(nogil=True, cache=True, fastmath={'reassoc', 'contract'})


@compiled
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


@compiled
def voxel_entries(n, sizes, channels, shape, grid, geometry, index, share, slope, first):
    """Entries of the three axes of output voxel ``n``; returns the row of its clip's first cell.

    Args:
        sizes: (N, S).
        channels: (3,) the map that each axis follows, -1 for none.
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


@compiled
def fill_columns(table, sizes, scales, channels, shape, grid, geometry, start, begin, end, columns):
    """Columns of the voxels ``begin`` to ``end``: (R, C) in, (G, n, K, c) from voxel ``start`` on, written.

    ``scales`` is the modulation, (N, K), or (0, 0) for none.
    """
    index, share, slope, first = scratch(geometry)
    kt, kh, kw = geometry[0, 0], geometry[0, 1], geometry[0, 2]
    groups, inner = columns.shape[0], columns.shape[3]
    for n in range(begin, end):
        base = voxel_entries(n, sizes, channels, shape, grid, geometry, index, share, slope, first)
        for i in range(kt):
            for j in range(kh):
                for k in range(kw):
                    tap = (i * kh + j) * kw + k
                    scale = scales[n, tap] if len(scales) else np.float32(1)
                    last = first[2, k + 1] - 1
                    first_pass = True
                    for a in range(first[0, i], first[0, i + 1]):
                        for b in range(first[1, j], first[1, j + 1]):
                            line = base + (index[0, a] * shape[1] + index[1, b]) * shape[2]
                            part = share[0, a] * share[1, b] * scale
                            left, right = line + index[2, first[2, k]], line + index[2, last]
                            p = part * share[2, first[2, k]]
                            q = part * share[2, last] if last > first[2, k] else np.float32(0)
                            two = last > first[2, k]
                            for g in range(groups):
                                row = columns[g, n - start, tap]
                                x = table[left, g * inner:(g + 1) * inner]
                                y = table[right, g * inner:(g + 1) * inner]
                                if first_pass:
                                    if two:
                                        for c in range(inner):
                                            row[c] = p * x[c] + q * y[c]
                                    else:
                                        for c in range(inner):
                                            row[c] = p * x[c]
                                elif two:
                                    for c in range(inner):
                                        row[c] += p * x[c] + q * y[c]
                                else:
                                    for c in range(inner):
                                        row[c] += p * x[c]
                            first_pass = False


@compiled
def spread_columns(columns, sizes, scales, channels, shape, grid, geometry, start, begin, end, low, high, table):
    """The transpose: columns (G, n, K, c) added to the cells they were read from, (R, C), for channels low to high.

    Calls that share neither clip nor channel may run side by side. ``low`` and ``high`` count within a group.
    """
    index, share, slope, first = scratch(geometry)
    kt, kh, kw = geometry[0, 0], geometry[0, 1], geometry[0, 2]
    groups, inner = columns.shape[0], columns.shape[3]
    for n in range(begin, end):
        base = voxel_entries(n, sizes, channels, shape, grid, geometry, index, share, slope, first)
        for i in range(kt):
            for j in range(kh):
                for k in range(kw):
                    tap = (i * kh + j) * kw + k
                    scale = scales[n, tap] if len(scales) else np.float32(1)
                    for a in range(first[0, i], first[0, i + 1]):
                        for b in range(first[1, j], first[1, j + 1]):
                            line = base + (index[0, a] * shape[1] + index[1, b]) * shape[2]
                            part = share[0, a] * share[1, b] * scale
                            for e in range(first[2, k], first[2, k + 1]):
                                p = part * share[2, e]
                                cell = line + index[2, e]
                                for g in range(groups):
                                    row = columns[g, n - start, tap, low:high]
                                    x = table[cell, g * inner + low:g * inner + high]
                                    for c in range(len(row)):
                                        x[c] += p * row[c]


@compiled
def slopes_of_columns(columns, table, sizes, scales, channels, shape, grid, geometry, start, begin, end, of_sizes,
                      of_scales):
    """Gradients of sizes (N, S) and of modulation (N, K; or (0, 0)) from those of the columns (G, n, K, c); added.

    The gradient of a read's share is its cell times the column's gradient; the share depends on the sizes by
    ``slope``.
    """
    index, share, slope, first = scratch(geometry)
    kt, kh, kw = geometry[0, 0], geometry[0, 1], geometry[0, 2]
    groups, inner = columns.shape[0], columns.shape[3]
    for n in range(begin, end):
        base = voxel_entries(n, sizes, channels, shape, grid, geometry, index, share, slope, first)
        by_t, by_h, by_w = np.float32(0), np.float32(0), np.float32(0)
        for i in range(kt):
            for j in range(kh):
                for k in range(kw):
                    tap = (i * kh + j) * kw + k
                    scale = scales[n, tap] if len(scales) else np.float32(1)
                    of_tap = np.float32(0)
                    for a in range(first[0, i], first[0, i + 1]):
                        for b in range(first[1, j], first[1, j + 1]):
                            line = base + (index[0, a] * shape[1] + index[1, b]) * shape[2]
                            for e in range(first[2, k], first[2, k + 1]):
                                cell = line + index[2, e]
                                read = np.float32(0)
                                for g in range(groups):
                                    row = columns[g, n - start, tap]
                                    x = table[cell, g * inner:(g + 1) * inner]
                                    for c in range(inner):
                                        read += x[c] * row[c]
                                of_tap += share[0, a] * share[1, b] * share[2, e] * read
                                read *= scale
                                by_t += slope[0, a] * share[1, b] * share[2, e] * read
                                by_h += share[0, a] * slope[1, b] * share[2, e] * read
                                by_w += share[0, a] * share[1, b] * slope[2, e] * read
                    if len(of_scales):
                        of_scales[n, tap] += of_tap
        for axis, by in enumerate((by_t, by_h, by_w)):
            if channels[axis] >= 0:
                of_sizes[n, channels[axis]] += by
