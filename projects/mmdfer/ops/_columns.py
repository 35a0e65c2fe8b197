"""The reads of D2Conv3D on a CPU, compiled by numba: the columns of an im2col, their transpose and their slopes.

A voxel reads kt·kh·kw taps, each from up to 8 cells, and touches each cell once: the values of a tap are summed where
they are used, so that a block of columns stays in the cache and goes from there into one GEMM. The positions, shares
and bounds are those of :mod:`._sampling`, number for number, NaN and runaway sizes included.

Symbols: R input voxels, N output voxels, K taps, G groups, C channels in, c = C/G, S maps of sizes.

The kernels release the interpreter's lock and start no threads: :mod:`._column_blocks` shares the blocks out to
some. They get addresses, see :mod:`._lanes`; ``scales`` is 0 without modulation, ``room`` is memory for a voxel's
entries.
"""
from __future__ import annotations

import numpy as np

from ._column_reads import (
    MAPS,
    compiled,
    entry_rooms,
    extents,
    inlined,
    lines_of,
    moving,
    resting_taps,
    shares_of,
    voxel_entries,
)
from ._lanes import load, plus_product, single, spread, store, sum_of, times, whole, zeros


@inlined
def two(table, x, y, p, q, c):
    """p · table[x + c:] + q · table[y + c:]."""
    return plus_product(times(p, load(table, x + c, p)), q, load(table, y + c, p))


@inlined
def two_more(read, table, x, y, p, q, c):
    return plus_product(plus_product(read, p, load(table, x + c, p)), q, load(table, y + c, p))


@inlined
def mix_near(table, lines, line, both, near, p, columns, row, begin, end, pace, like):
    """columns[row:] = p · sum of both · table[line + near:] for 1, 2 or 4 lines, numbers ``begin`` to ``end``.

    ``pace`` at a time, as many as ``like`` has. Written out by the number of lines, so that shares and places stay in
    registers.
    """
    x0, p0 = line[0] + near, spread(both[0] * p, like)
    if lines == 1:
        for c in range(begin, end, pace):
            store(columns, row + c, times(p0, load(table, x0 + c, p0)))
        return
    x1, p1 = line[1] + near, spread(both[1] * p, like)
    if lines == 2:
        for c in range(begin, end, pace):
            store(columns, row + c, two(table, x0, x1, p0, p1, c))
        return
    x2, x3, p2, p3 = line[2] + near, line[3] + near, spread(both[2] * p, like), spread(both[3] * p, like)
    for c in range(begin, end, pace):
        store(columns, row + c, two_more(two(table, x0, x1, p0, p1, c), table, x2, x3, p2, p3, c))


@inlined
def mix_both(table, lines, line, both, near, far, p, q, columns, row, begin, end, pace, like):
    """columns[row:] = sum of both · (p · table[line + near:] + q · table[line + far:]), as :func:`mix_near`."""
    x0, y0, p0, q0 = line[0] + near, line[0] + far, spread(both[0] * p, like), spread(both[0] * q, like)
    if lines == 1:
        for c in range(begin, end, pace):
            store(columns, row + c, two(table, x0, y0, p0, q0, c))
        return
    x1, y1, p1, q1 = line[1] + near, line[1] + far, spread(both[1] * p, like), spread(both[1] * q, like)
    if lines == 2:
        for c in range(begin, end, pace):
            store(columns, row + c, two_more(two(table, x0, y0, p0, q0, c), table, x1, y1, p1, q1, c))
        return
    x2, y2, p2, q2 = line[2] + near, line[2] + far, spread(both[2] * p, like), spread(both[2] * q, like)
    x3, y3, p3, q3 = line[3] + near, line[3] + far, spread(both[3] * p, like), spread(both[3] * q, like)
    for c in range(begin, end, pace):
        read = two_more(two(table, x0, y0, p0, q0, c), table, x1, y1, p1, q1, c)
        store(columns, row + c, two_more(two_more(read, table, x2, y2, p2, q2, c), table, x3, y3, p3, q3, c))


@inlined
def mix(table, lines, line, both, near, far, p, q, moves, columns, row, begin, end, pace, like):
    if moves:
        mix_both(table, lines, line, both, near, far, p, q, columns, row, begin, end, pace, like)
    else:
        mix_near(table, lines, line, both, near, p, columns, row, begin, end, pace, like)


@compiled
def fill_columns(table, sizes, scales, plan, room, start, end, stride, columns):
    """Columns of the voxels ``start`` to ``end``: (R·C) in, (G, stride) of (n·K·c), written."""
    kt, kh, kw, groups, inner = extents(plan)
    eights, fours = inner // 8 * 8, inner // 4 * 4
    t_rests, h_rests, w_rests = resting_taps(plan)
    of_t, of_h, of_w = entry_rooms(0, plan, room), entry_rooms(1, plan, room), entry_rooms(2, plan, room)
    for n in range(start, end):
        voxel_entries(n, sizes, plan, of_t, of_h, of_w, False)
        row, tap = (n - start) * kt * kh * kw * inner, n * kt * kh * kw
        for i in range(kt):
            for j in range(kh):
                along_t, along_h = moving(t_rests, i), moving(h_rests, j)
                lines, line = lines_of(i, j, along_t, along_h, of_t[0], of_h[0])
                both = shares_of(i, j, along_t, along_h, of_t[1], of_h[1])
                for k in range(kw):
                    scale = single(scales, tap) if scales else np.float32(1)
                    near, far = whole(of_w[0], 2 * k), whole(of_w[0], 2 * k + 1)
                    p, q, moves = single(of_w[1], 2 * k) * scale, single(of_w[1], 2 * k + 1) * scale, moving(w_rests, k)
                    for g in range(groups):
                        mix(table, lines, line, both, near, far, p, q, moves, columns, row + g * stride, 0, eights, 8,
                            zeros(8))
                        if eights < inner:
                            mix(table, lines, line, both, near, far, p, q, moves, columns, row + g * stride, eights,
                                fours, 4, zeros(4))
                            mix(table, lines, line, both, near, far, p, q, moves, columns, row + g * stride, fours,
                                inner, 1, zeros(1))
                        near, far = near + inner, far + inner
                    row, tap = row + inner, tap + 1


@inlined
def add_one(table, x, p, of_tap, c):
    """table[x + c:] += p · of_tap."""
    store(table, x + c, plus_product(load(table, x + c, p), p, of_tap))


@inlined
def add_lines(columns, row, lines, line, both, near, p, table, begin, end, pace, like):
    """table[line + near:] += both · p · columns[row:] for 1, 2 or 4 lines, numbers ``begin`` to ``end``.

    Lines may be the same one: each is added before the next.
    """
    x0, p0 = line[0] + near, spread(both[0] * p, like)
    if lines == 1:
        for c in range(begin, end, pace):
            add_one(table, x0, p0, load(columns, row + c, like), c)
        return
    x1, p1 = line[1] + near, spread(both[1] * p, like)
    if lines == 2:
        for c in range(begin, end, pace):
            of_tap = load(columns, row + c, like)
            add_one(table, x0, p0, of_tap, c)
            add_one(table, x1, p1, of_tap, c)
        return
    x2, x3, p2, p3 = line[2] + near, line[3] + near, spread(both[2] * p, like), spread(both[3] * p, like)
    for c in range(begin, end, pace):
        of_tap = load(columns, row + c, like)
        add_one(table, x0, p0, of_tap, c)
        add_one(table, x1, p1, of_tap, c)
        add_one(table, x2, p2, of_tap, c)
        add_one(table, x3, p3, of_tap, c)


@inlined
def add(columns, row, lines, line, both, near, p, table, inner):
    """:func:`add_lines` in steps of 8, 4 and 1."""
    eights, fours = inner // 8 * 8, inner // 4 * 4
    add_lines(columns, row, lines, line, both, near, p, table, 0, eights, 8, zeros(8))
    if eights < inner:
        add_lines(columns, row, lines, line, both, near, p, table, eights, fours, 4, zeros(4))
        add_lines(columns, row, lines, line, both, near, p, table, fours, inner, 1, zeros(1))


@compiled
def spread_columns(columns, sizes, scales, plan, room, start, end, stride, table):
    """The transpose: columns (G, stride) added to the cells they were read from, (R·C).

    Threads share no clip, or have a table each.
    """
    kt, kh, kw, groups, inner = extents(plan)
    t_rests, h_rests, w_rests = resting_taps(plan)
    of_t, of_h, of_w = entry_rooms(0, plan, room), entry_rooms(1, plan, room), entry_rooms(2, plan, room)
    for n in range(start, end):
        voxel_entries(n, sizes, plan, of_t, of_h, of_w, False)
        row, tap = (n - start) * kt * kh * kw * inner, n * kt * kh * kw
        for i in range(kt):
            for j in range(kh):
                along_t, along_h = moving(t_rests, i), moving(h_rests, j)
                lines, line = lines_of(i, j, along_t, along_h, of_t[0], of_h[0])
                both = shares_of(i, j, along_t, along_h, of_t[1], of_h[1])
                for k in range(kw):
                    scale = single(scales, tap) if scales else np.float32(1)
                    near, far, moves = whole(of_w[0], 2 * k), whole(of_w[0], 2 * k + 1), moving(w_rests, k)
                    p, q = single(of_w[1], 2 * k) * scale, single(of_w[1], 2 * k + 1) * scale
                    for g in range(groups):
                        add(columns, row + g * stride, lines, line, both, near, p, table, inner)
                        if moves:
                            add(columns, row + g * stride, lines, line, both, far, q, table, inner)
                        near, far = near + inner, far + inner
                    row, tap = row + inner, tap + 1


@inlined
def dot_lines(table, lines, line, near, columns, row, begin, end, pace, like):
    """The products of table[line + near:] and columns[row:] for 1, 2 or 4 lines, numbers ``begin`` to ``end``."""
    r0, r1, r2, r3 = like, like, like, like
    x0, x1, x2, x3 = line[0] + near, line[1] + near, line[2] + near, line[3] + near
    if lines == 1:
        for c in range(begin, end, pace):
            r0 = plus_product(r0, load(table, x0 + c, like), load(columns, row + c, like))
        return sum_of(r0), np.float32(0), np.float32(0), np.float32(0)
    if lines == 2:
        for c in range(begin, end, pace):
            of_tap = load(columns, row + c, like)
            r0 = plus_product(r0, load(table, x0 + c, like), of_tap)
            r1 = plus_product(r1, load(table, x1 + c, like), of_tap)
        return sum_of(r0), sum_of(r1), np.float32(0), np.float32(0)
    for c in range(begin, end, pace):
        of_tap = load(columns, row + c, like)
        r0 = plus_product(r0, load(table, x0 + c, like), of_tap)
        r1 = plus_product(r1, load(table, x1 + c, like), of_tap)
        r2 = plus_product(r2, load(table, x2 + c, like), of_tap)
        r3 = plus_product(r3, load(table, x3 + c, like), of_tap)
    return sum_of(r0), sum_of(r1), sum_of(r2), sum_of(r3)


@inlined
def summed(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


@inlined
def dot(table, lines, line, near, columns, row, inner, groups, stride):
    """The products of a tap's cells (C), one in each line, and the gradient of its columns."""
    eights, fours = inner // 8 * 8, inner // 4 * 4
    read = (np.float32(0), np.float32(0), np.float32(0), np.float32(0))
    for _ in range(groups):
        read = summed(read, dot_lines(table, lines, line, near, columns, row, 0, eights, 8, zeros(8)))
        if eights < inner:
            read = summed(read, dot_lines(table, lines, line, near, columns, row, eights, fours, 4, zeros(4)))
            read = summed(read, dot_lines(table, lines, line, near, columns, row, fours, inner, 1, zeros(1)))
        near, row = near + inner, row + stride
    return read


@inlined
def total(share, read):
    return share[0] * read[0] + share[1] * read[1] + share[2] * read[2] + share[3] * read[3]


@compiled
def slopes_of_columns(columns, table, sizes, scales, plan, room, start, end, stride, of_sizes, of_scales):
    """Gradients of sizes (N, S) and of modulation (N, K; or 0) from those of the columns (G, stride); added.

    The gradient of a read's share is its cell times the column's gradient; the share depends on the sizes by
    ``slope``.
    """
    kt, kh, kw, groups, inner = extents(plan)
    maps = max(whole(plan, MAPS), whole(plan, MAPS + 1), whole(plan, MAPS + 2)) + 1
    t_rests, h_rests, w_rests = resting_taps(plan)
    of_t, of_h, of_w = entry_rooms(0, plan, room), entry_rooms(1, plan, room), entry_rooms(2, plan, room)
    for n in range(start, end):
        voxel_entries(n, sizes, plan, of_t, of_h, of_w, True)
        by_t, by_h, by_w = np.float32(0), np.float32(0), np.float32(0)
        row, tap = (n - start) * kt * kh * kw * inner, n * kt * kh * kw
        for i in range(kt):
            for j in range(kh):
                along_t, along_h = moving(t_rests, i), moving(h_rests, j)
                lines, line = lines_of(i, j, along_t, along_h, of_t[0], of_h[0])
                both = shares_of(i, j, along_t, along_h, of_t[1], of_h[1])
                by_line_t = shares_of(i, j, along_t, along_h, of_t[2], of_h[1])
                by_line_h = shares_of(i, j, along_t, along_h, of_t[1], of_h[2])
                for k in range(kw):
                    scale = single(scales, tap) if scales else np.float32(1)
                    of_tap = np.float32(0)
                    for e in range(2 * k, 2 * k + 2 if moving(w_rests, k) else 2 * k + 1):
                        read = dot(table, lines, line, whole(of_w[0], e), columns, row, inner, groups, stride)
                        part, along = single(of_w[1], e), total(both, read)
                        of_tap += part * along
                        by_t += scale * part * total(by_line_t, read)
                        by_h += scale * part * total(by_line_h, read)
                        by_w += scale * single(of_w[2], e) * along
                    if of_scales:
                        store(of_scales, tap, single(of_scales, tap) + of_tap)
                    row, tap = row + inner, tap + 1
        by = (by_t, by_h, by_w)
        for axis in range(3):
            place_of_size = n * maps + whole(plan, MAPS + axis)
            if whole(plan, MAPS + axis) >= 0:
                store(of_sizes, place_of_size, single(of_sizes, place_of_size) + by[axis])
