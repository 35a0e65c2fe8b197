"""Triton: the columns of D2Conv3D, for groups that fill the tensor cores; the products are left to the matrix library.

What a voxel reads for a tap is one row of c channels. ``columns_kernel`` writes these rows for some clips,
(G, N, K, c), and a product with the weight is the convolution. Backward, a product gives the gradient of the columns;
``cells_kernel`` adds it up in the cells that were read, and ``reads_kernel`` works out the gradients of size map and
modulation from it, and leaves the columns themselves in its place, for the gradient of the weight.

A program has M voxels and Q channels of a group; it goes over the kernel's places in t and h, so that neighbouring
reads come from the cache, and has all taps of w there at once. Many threads share a voxel, so where its taps fall is
not worked out here: it stands in the tables of :mod:`._triton_tables`.
"""
from __future__ import annotations

from ._triton import tl, triton
from ._triton_lists import read_of, share_of
from ._triton_tables import cell_and_share, cells_beside, rows_of_w, slope_of


@triton.jit
def zeros(M: tl.constexpr, Q: tl.constexpr, COUNT: tl.constexpr):
    """A tuple of blocks of zeros."""
    found = ()
    for _ in tl.static_range(COUNT):
        found = found + (tl.zeros([M, Q], tl.float32), )
    return found


@triton.jit
def row_at(pointer, mask, EVEN: tl.constexpr):
    """Channels of each voxel (M, Q), float32; 0 beyond the last."""
    if EVEN:
        return tl.load(pointer).to(tl.float32)
    return tl.load(pointer, mask=mask, other=0.).to(tl.float32)


@triton.jit
def columns_kernel(x, cells, shares, modulation, columns, voxels, volume, row, inner,
                   MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr,
                   MODULATED: tl.constexpr, EVEN: tl.constexpr, GROUPS: tl.constexpr,
                   M: tl.constexpr, Q: tl.constexpr):
    """columns (G, N, K, c): what each voxel reads for each tap."""
    taps: tl.constexpr = KT * KH * KW
    group, channel = tl.program_id(1) % GROUPS, tl.program_id(1) // GROUPS * Q + tl.arange(0, Q)[None, :]
    voxel = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    mask = (voxel < voxels) if EVEN else (voxel < voxels) & (channel < inner)
    voxel = tl.minimum(voxel, voxels - 1)                       # one beyond reads as the last does: no mask is needed
    source = x + group * inner + channel
    of_w = rows_of_w(cells, shares, voxel, voxels, KT + KH, KW, False)
    for plane in range(KT * KH):
        two_t, two_h = cells_beside(plane, MAPS, KT, KH)
        totals = zeros(M, Q, KW)
        for number in range(two_t * two_h):
            cell_t, share_t = cell_and_share(cells, shares, plane // KH, number >> two_h - 1, voxel, voxels)
            cell_h, share_h = cell_and_share(cells, shares, KT + plane % KH, number & two_h - 1, voxel, voxels)
            line, share = cell_t + cell_h, share_t * share_h
            longer = ()
            for column in tl.static_range(KW):
                total = totals[column]
                for upper in tl.static_range(1 if column == KW // 2 else 2):
                    cell_w, share_w = of_w[0][2 * column + upper], of_w[1][2 * column + upper]
                    total += (share * share_w) * row_at(source + (line + cell_w) * row, mask, EVEN)
                longer = longer + (total, )
            totals = longer
        for column in tl.static_range(KW):
            tap = plane * KW + column
            total = totals[column]
            if MODULATED:
                clip = voxel // volume
                total *= tl.load(modulation + (clip * taps + tap) * volume + voxel - clip * volume)
            target = columns + ((group * voxels + voxel) * taps + tap) * inner + channel
            tl.store(target, total.to(columns.dtype.element_ty), mask=mask)


@triton.jit
def reads_kernel(x, cells, shares, modulation, columns, grad_size, grad_modulation, voxels, volume, row, inner,
                 MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr,
                 MODULATED: tl.constexpr, EVEN: tl.constexpr, GROUPS: tl.constexpr,
                 OF_SIZE: tl.constexpr, OF_MODULATION: tl.constexpr, OF_MATRICES: tl.constexpr,
                 M: tl.constexpr, Q: tl.constexpr):
    """The gradients of size map (parts, B, S, N') and modulation (parts, B, K, N'), in parts to be added up.

    ``columns`` come with their gradients, and go, if OF_MATRICES, with themselves. What is read along w is summed up
    with the shares and with the slopes of that axis first; those of the other axes are the same for all of it.
    """
    taps: tl.constexpr = KT * KH * KW
    part = tl.program_id(1)
    group, channel = part % GROUPS, part // GROUPS * Q + tl.arange(0, Q)[None, :]
    voxel = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    ok = voxel < voxels
    mask = ok if EVEN else ok & (channel < inner)
    voxel = tl.minimum(voxel, voxels - 1)                       # one beyond reads as the last does: no mask is needed
    clip = voxel // volume
    place = voxel - clip * volume
    source = x + group * inner + channel
    target = columns + (group * voxels + voxel) * taps * inner + channel
    scale = modulation + clip * taps * volume + place
    of_w = rows_of_w(cells, shares, voxel, voxels, KT + KH, KW, OF_SIZE)
    sum_t, sum_h, sum_w = tl.zeros([M, Q], tl.float32), tl.zeros([M, Q], tl.float32), tl.zeros([M, Q], tl.float32)
    for plane in range(KT * KH):
        two_t, two_h = cells_beside(plane, MAPS, KT, KH)
        given = ()
        for column in tl.static_range(KW):
            given = given + (row_at(target + (plane * KW + column) * inner, mask, EVEN), )
        totals = zeros(M, Q, KW)
        for number in range(two_t * two_h):
            i, j = number >> two_h - 1, number & two_h - 1
            cell_t, share_t = cell_and_share(cells, shares, plane // KH, i, voxel, voxels)
            cell_h, share_h = cell_and_share(cells, shares, KT + plane % KH, j, voxel, voxels)
            line, share = cell_t + cell_h, share_t * share_h
            by_shares, by_slopes = tl.zeros([M, Q], tl.float32), tl.zeros([M, Q], tl.float32)
            longer = ()
            for column in tl.static_range(KW):
                along, slope = tl.zeros([M, Q], tl.float32), tl.zeros([M, Q], tl.float32)
                for upper in tl.static_range(1 if column == KW // 2 else 2):
                    cell_w, share_w = of_w[0][2 * column + upper], of_w[1][2 * column + upper]
                    there = row_at(source + (line + cell_w) * row, mask, EVEN)
                    along += share_w * there
                    if OF_SIZE and column != KW // 2:
                        slope += of_w[2][2 * column + upper] * there
                if OF_SIZE:
                    weight = given[column]
                    if MODULATED:
                        weight *= tl.load(scale + (plane * KW + column) * volume)
                    by_shares += along * weight
                    if column != KW // 2:
                        by_slopes += slope * weight
                longer = longer + (totals[column] + share * along, )
            totals = longer
            if OF_SIZE:
                if MAPS == 3:
                    sum_t += (slope_of(shares, plane // KH, i, voxel, voxels) * share_h) * by_shares
                sum_h += (slope_of(shares, KT + plane % KH, j, voxel, voxels) * share_t) * by_shares
                sum_w += share * by_slopes
        for column in tl.static_range(KW):
            tap = plane * KW + column
            total = totals[column]
            if OF_MODULATION:
                entry = grad_modulation + part * (voxels * taps) + (clip * taps + tap) * volume + place
                tl.store(entry, tl.sum(total * given[column], 1, keep_dims=True), mask=ok)
            if OF_MATRICES:
                if MODULATED:
                    total *= tl.load(scale + tap * volume)
                tl.store(target + tap * inner, total.to(columns.dtype.element_ty), mask=mask)
    if OF_SIZE:
        first = grad_size + part * (voxels * MAPS) + clip * MAPS * volume + place
        if MAPS == 1:
            tl.store(first, tl.sum(sum_h + sum_w, 1, keep_dims=True), mask=ok)
        else:
            if MAPS == 3:
                tl.store(first, tl.sum(sum_t, 1, keep_dims=True), mask=ok)
            tl.store(first + (MAPS - 2) * volume, tl.sum(sum_h, 1, keep_dims=True), mask=ok)
            tl.store(first + (MAPS - 1) * volume, tl.sum(sum_w, 1, keep_dims=True), mask=ok)


@triton.jit
def cells_kernel(columns, first_entry, entries, grad_x, cells, voxels, inner, real_inner,
                 TAPS: tl.constexpr, GROUPS: tl.constexpr, EVEN: tl.constexpr, UNROLL: tl.constexpr,
                 M: tl.constexpr, Q: tl.constexpr):
    """grad_x (R, C): each cell's sum over its reads, whose columns' gradients are rows of (N·K, c)."""
    group, block = tl.program_id(1) % GROUPS, tl.program_id(1) // GROUPS
    cell = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    channel = block * Q + tl.arange(0, Q)[None, :]
    ok, channel_ok = cell < cells, channel < inner
    start = tl.load(first_entry + cell, mask=ok, other=0)
    stop = tl.load(first_entry + cell + 1, mask=ok, other=0)
    rows = columns + group * (voxels * TAPS) * inner + channel
    total = tl.zeros([M, Q], tl.float32)
    for turn in range(0, tl.max(tl.max(stop - start, 0), 0), UNROLL):
        for further in tl.static_range(UNROLL):
            live = start + turn + further < stop
            entry = tl.load(entries + start + turn + further, mask=live, other=0)
            read, share = read_of(entry), share_of(entry)
            given = tl.load(rows + read * inner, mask=live if EVEN else live & channel_ok, other=0.)
            total += share * given.to(tl.float32)
    target = grad_x + cell * (GROUPS * real_inner) + group * real_inner + channel
    tl.store(target, total.to(grad_x.dtype.element_ty), mask=ok & (channel < real_inner))
