"""The reads of D2Conv3D on a CPU, compiled by numba: the columns of an im2col, their transpose and their slopes.

A voxel reads kt·kh·kw taps, each from up to 8 cells, and touches each cell once: the values of a tap are summed where
they are used, so that a block of columns stays in the cache and goes from there into one GEMM. The positions, shares
and bounds are those of :mod:`._sampling`, number for number, NaN and runaway sizes included.

Symbols: R input voxels, N output voxels, K taps, G groups, C channels in, c = C/G, S maps of sizes.

The kernels release the interpreter's lock and start no threads: :mod:`._column_blocks` runs them side by side.
"""
from __future__ import annotations

import numpy as np

from ._column_reads import compiled, inlined, pair_lines, scratch, tap_reads, voxel_entries


@inlined
def mix_rows(table, cell, part, count, offset, columns, row, inner):
    """columns[row:] = sum of part · table[cell + offset:], ``inner`` numbers of 1, 2, 4 or 8 rows.

    Written out by the number of rows, since a loop over channels alone becomes vectors.
    """
    x0, p0 = cell[0] + offset, part[0]
    if count == 1:
        for c in range(inner):
            columns[row + c] = p0 * table[x0 + c]
        return
    x1, p1 = cell[1] + offset, part[1]
    if count == 2:
        for c in range(inner):
            columns[row + c] = p0 * table[x0 + c] + p1 * table[x1 + c]
        return
    x2, x3, p2, p3 = cell[2] + offset, cell[3] + offset, part[2], part[3]
    if count == 4:
        for c in range(inner):
            columns[row + c] = (p0 * table[x0 + c] + p1 * table[x1 + c]) + (p2 * table[x2 + c] + p3 * table[x3 + c])
        return
    x4, x5, x6, x7 = cell[4] + offset, cell[5] + offset, cell[6] + offset, cell[7] + offset
    p4, p5, p6, p7 = part[4], part[5], part[6], part[7]
    for c in range(inner):
        columns[row + c] = ((p0 * table[x0 + c] + p1 * table[x1 + c]) + (p2 * table[x2 + c] + p3 * table[x3 + c])
                            + (p4 * table[x4 + c] + p5 * table[x5 + c]) + (p6 * table[x6 + c] + p7 * table[x7 + c]))


@compiled
def fill_columns(table, sizes, scales, channels, shape, grid, geometry, groups, start, begin, end, columns):
    """Columns of the voxels ``begin`` to ``end``: (R·C) in, (G·n·K·c) from voxel ``start`` on, written.

    ``scales`` is the modulation, (N, K), or (0, 0) for none. ``columns`` holds n voxels.
    """
    index, share, slope, first = scratch(geometry)
    line, both = np.empty(4, np.int64), np.empty(4, np.float32)
    cell, part = np.empty(8, np.uint64), np.empty(8, np.float32)
    kt, kh, kw = geometry[0, 0], geometry[0, 1], geometry[0, 2]
    width = channels[3]
    inner = width // groups
    taps, stride = kt * kh * kw, len(columns) // groups
    for n in range(begin, end):
        base = voxel_entries(n, sizes, channels, shape, grid, geometry, index, share, slope, first)
        tap = 0
        for i in range(kt):
            for j in range(kh):
                lines = pair_lines(i, j, base, shape, index, share, first, line, both)
                for k in range(kw):
                    scale = scales[n, tap] if len(scales) else np.float32(1)
                    count = tap_reads(lines, k, scale, width, index, share, first, line, both, cell, part)
                    row = ((n - start) * taps + tap) * inner
                    for g in range(groups):
                        mix_rows(table, cell, part, count, np.uint64(g * inner), columns, np.uint64(g * stride + row),
                                 np.uint64(inner))
                    tap += 1


@inlined
def add_rows(columns, row, cell, part, count, offset, table, inner):
    """table[cell + offset:] += part · columns[row:], ``inner`` numbers into each of ``count`` rows."""
    if count == 1:
        x0, p0 = cell[0] + offset, part[0]
        for c in range(inner):
            table[x0 + c] += p0 * columns[row + c]
        return
    for e in range(0, count, 2):
        x0, x1, p0, p1 = cell[e] + offset, cell[e + 1] + offset, part[e], part[e + 1]
        if x0 == x1:                             # both beyond the same end of the axis
            p0 += p1
            for c in range(inner):
                table[x0 + c] += p0 * columns[row + c]
        else:
            for c in range(inner):
                y = columns[row + c]
                table[x0 + c] += p0 * y
                table[x1 + c] += p1 * y


@compiled
def spread_columns(columns, sizes, scales, channels, shape, grid, geometry, groups, start, begin, end, low, high,
                   table):
    """The transpose: columns (G·n·K·c) added to the cells they were read from, (R·C), for channels low to high.

    Calls that share neither clip nor channel may run side by side. ``low`` and ``high`` count within a group.
    """
    index, share, slope, first = scratch(geometry)
    line, both = np.empty(4, np.int64), np.empty(4, np.float32)
    cell, part = np.empty(8, np.uint64), np.empty(8, np.float32)
    kt, kh, kw = geometry[0, 0], geometry[0, 1], geometry[0, 2]
    width = channels[3]
    inner = width // groups
    taps, stride = kt * kh * kw, len(columns) // groups
    for n in range(begin, end):
        base = voxel_entries(n, sizes, channels, shape, grid, geometry, index, share, slope, first)
        tap = 0
        for i in range(kt):
            for j in range(kh):
                lines = pair_lines(i, j, base, shape, index, share, first, line, both)
                for k in range(kw):
                    scale = scales[n, tap] if len(scales) else np.float32(1)
                    count = tap_reads(lines, k, scale, width, index, share, first, line, both, cell, part)
                    row = ((n - start) * taps + tap) * inner + low
                    for g in range(groups):
                        add_rows(columns, np.uint64(g * stride + row), cell, part, count, np.uint64(g * inner + low),
                                 table, np.uint64(high - low))
                    tap += 1


@inlined
def dot_rows(table, cell, count, offset, columns, row, inner, read):
    """read[e] += the product of table[cell[e] + offset:] and columns[row:], over ``inner`` numbers, of each row."""
    if count == 1:
        x0, r0 = cell[0] + offset, np.float32(0)
        for c in range(inner):
            r0 += table[x0 + c] * columns[row + c]
        read[0] += r0
        return
    if count == 2:
        x0, x1, r0, r1 = cell[0] + offset, cell[1] + offset, np.float32(0), np.float32(0)
        for c in range(inner):
            y = columns[row + c]
            r0 += table[x0 + c] * y
            r1 += table[x1 + c] * y
        read[0] += r0
        read[1] += r1
        return
    for e in range(0, count, 4):
        x0, x1, x2, x3 = cell[e] + offset, cell[e + 1] + offset, cell[e + 2] + offset, cell[e + 3] + offset
        r0 = r1 = r2 = r3 = np.float32(0)
        for c in range(inner):
            y = columns[row + c]
            r0 += table[x0 + c] * y
            r1 += table[x1 + c] * y
            r2 += table[x2 + c] * y
            r3 += table[x3 + c] * y
        read[e] += r0
        read[e + 1] += r1
        read[e + 2] += r2
        read[e + 3] += r3


@compiled
def slopes_of_columns(columns, table, sizes, scales, channels, shape, grid, geometry, groups, start, begin, end,
                      of_sizes, of_scales):
    """Gradients of sizes (N, S) and of modulation (N, K; or (0, 0)) from those of the columns (G·n·K·c); added.

    The gradient of a read's share is its cell times the column's gradient; the share depends on the sizes by
    ``slope``.
    """
    index, share, slope, first = scratch(geometry)
    line, both = np.empty(4, np.int64), np.empty(4, np.float32)
    cell, part, read = np.empty(8, np.uint64), np.empty(8, np.float32), np.empty(8, np.float32)
    kt, kh, kw = geometry[0, 0], geometry[0, 1], geometry[0, 2]
    width = channels[3]
    inner = width // groups
    taps, stride = kt * kh * kw, len(columns) // groups
    for n in range(begin, end):
        base = voxel_entries(n, sizes, channels, shape, grid, geometry, index, share, slope, first)
        by_t, by_h, by_w = np.float32(0), np.float32(0), np.float32(0)
        tap = 0
        for i in range(kt):
            for j in range(kh):
                lines = pair_lines(i, j, base, shape, index, share, first, line, both)
                for k in range(kw):
                    scale = scales[n, tap] if len(scales) else np.float32(1)
                    count = tap_reads(lines, k, scale, width, index, share, first, line, both, cell, part)
                    read[:] = 0
                    row = ((n - start) * taps + tap) * inner
                    for g in range(groups):
                        dot_rows(table, cell, count, np.uint64(g * inner), columns, np.uint64(g * stride + row),
                                 np.uint64(inner), read)
                    of_tap, entry, e = np.float32(0), 0, first[2, k]
                    more = first[2, k + 1] - e
                    for a in range(first[0, i], first[0, i + 1]):
                        for b in range(first[1, j], first[1, j + 1]):
                            along, across = share[2, e] * read[entry], slope[2, e] * read[entry]
                            if more == 2:
                                along += share[2, e + 1] * read[entry + 1]
                                across += slope[2, e + 1] * read[entry + 1]
                            entry += more
                            of_tap += share[0, a] * share[1, b] * along
                            by_t += slope[0, a] * share[1, b] * along * scale
                            by_h += share[0, a] * slope[1, b] * along * scale
                            by_w += share[0, a] * share[1, b] * across * scale
                    if len(of_scales):
                        of_scales[n, tap] += of_tap
                    tap += 1
        for axis, by in enumerate((by_t, by_h, by_w)):
            if channels[axis] >= 0:
                of_sizes[n, channels[axis]] += by
