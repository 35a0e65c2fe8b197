"""Triton: D2Conv3D as an implicit GEMM, for groups that fill the tensor cores.

A tap's columns are read, interpolated in registers and multiplied by the tap's matrix at once; they are never
written. Rows and matrices come with their channels padded to a multiple of 16 a group (c in, o out).

The gradient of the input turns the reads around: a cell adds up the output gradients that read it (see
:mod:`._triton_lists`), and that sum meets the transposed matrix.
"""
from __future__ import annotations

from ._triton import tl, triton
from ._triton_reads import add_sizes, add_up, cells_an_axis, cells_at, load_sizes, pick, place_of, taps_at


@triton.jit
def along_rows(values, Q: tl.constexpr):
    """Numbers of rows (M) themselves, laid out as the rows of what is read: else they are laid anew for every cell."""
    return tl.max(tl.broadcast_to(values[:, None], [values.shape[0], Q]), 1)


@triton.jit
def output_kernel(x, size, modulation, matrices, bias, out, voxels, volume, frames, height, width,
                  out_frames, out_height, out_width, row, inner, outer, real_outer,
                  MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
                  STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
                  OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
                  DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr,
                  GROUPS: tl.constexpr, MODULATED: tl.constexpr, BIASED: tl.constexpr, EVEN: tl.constexpr,
                  PRECISION: tl.constexpr, PAIR: tl.constexpr, M: tl.constexpr, Q: tl.constexpr, N: tl.constexpr):
    """out (N, O) = sum over taps of read · matrix, a block of M voxels and N channels out of one group.

    A tap is read Q channels at a time, or with PAIR twice as many: they share all that is worked out of a cell. All
    taps of some channels come before the next channels: what neighbouring taps read again is still in the cache.
    """
    taps: tl.constexpr = KT * KH * KW
    wide: tl.constexpr = 2 * Q if PAIR else Q
    group, block = tl.program_id(1) % GROUPS, tl.program_id(1) // GROUPS
    voxel = tl.program_id(0) * M + tl.arange(0, M)
    ok = voxel < voxels
    clip, t, h, w = place_of(voxel, out_frames, out_height, out_width)
    size_t, size_h, size_w = load_sizes(size, clip, voxel - clip * volume, volume, ok, MAPS)
    column = block * N + tl.arange(0, N)
    column_ok = column < outer
    chunks = tl.cdiv(inner, wide)
    total = tl.zeros([M, N], tl.float32)
    for turn in range(taps * chunks):
        tap, channel = turn % taps, turn // taps * wide + tl.arange(0, Q)
        channel_ok, other_ok = channel < inner, channel + Q < inner
        step_t, step_h, step_w, there_t, there_h, there_w = taps_at(
            tap, t, h, w, size_t, size_h, size_w, frames, height, width, MAPS, KH, KW, REACH_T, STRIDE_T, STRIDE_H,
            STRIDE_W, OFFSET_T, OFFSET_H, OFFSET_W, DILATION_T, DILATION_H, DILATION_W)
        low_t, high_t, below_t, above_t, _, _ = cells_at(there_t, frames)
        low_h, high_h, below_h, above_h, _, _ = cells_at(there_h, height)
        low_w, high_w, below_w, above_w, _, _ = cells_at(there_w, width)
        columns = tl.zeros([M, Q], tl.float32)
        if PAIR:
            other_columns = tl.zeros([M, Q], tl.float32)
        two_t, two_h, two_w = cells_an_axis(step_t, step_h, step_w, MAPS)
        for number in range(two_t * two_h * two_w):             # of a cell
            cell_t, share_t = pick(number // (two_h * two_w), low_t, high_t, below_t, above_t)
            cell_h, share_h = pick(number // two_w % two_h, low_h, high_h, below_h, above_h)
            cell_w, share_w = pick(number % two_w, low_w, high_w, below_w, above_w)
            share = share_t * share_h * share_w
            cell = ((clip * frames + cell_t) * height + cell_h) * width + cell_w
            source = x + group * inner + (cell * row)[:, None] + channel[None, :]
            mask = ok[:, None] if EVEN else ok[:, None] & channel_ok[None, :]
            columns += share[:, None] * tl.load(source, mask=mask, other=0.).to(tl.float32)
            if PAIR:
                mask = ok[:, None] if EVEN else ok[:, None] & other_ok[None, :]
                other_columns += share[:, None] * tl.load(source + Q, mask=mask, other=0.).to(tl.float32)
        if MODULATED:
            scale = tl.load(modulation + (clip * taps + tap) * volume + voxel - clip * volume, mask=ok, other=0.)
            columns *= scale[:, None]
            if PAIR:
                other_columns *= scale[:, None]
        entries = matrices + ((tap * GROUPS + group) * inner + channel)[:, None] * outer + column[None, :]
        matrix = tl.load(entries, mask=channel_ok[:, None] & column_ok[None, :], other=0.)
        total = tl.dot(columns.to(matrix.dtype), matrix, total, input_precision=PRECISION)
        if PAIR:
            matrix = tl.load(entries + Q * outer, mask=other_ok[:, None] & column_ok[None, :], other=0.)
            total = tl.dot(other_columns.to(matrix.dtype), matrix, total, input_precision=PRECISION)
    real = column < real_outer
    place = group * real_outer + column
    if BIASED:
        total += tl.load(bias + place, mask=real, other=0.).to(tl.float32)[None, :]
    target = out + voxel[:, None] * (GROUPS * real_outer) + place[None, :]
    tl.store(target, total.to(out.dtype.element_ty), mask=ok[:, None] & real[None, :])


@triton.jit
def as_read(product):
    """The product (M, Q) itself, laid out as what is read: else the compiler lays out every cell as a product."""
    place = tl.broadcast_to(tl.arange(0, product.shape[1])[None, :], product.shape)
    return tl.gather(product, place, 1)


@triton.jit
def reads_kernel(x, size, modulation, matrices, grad, grad_size, grad_modulation, grad_matrices,
                 voxels, volume, frames, height, width, out_frames, out_height, out_width, row, grad_row,
                 inner, outer, tiles, size_part, modulation_part,
                 MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
                 STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
                 OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
                 DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr,
                 GROUPS: tl.constexpr, MODULATED: tl.constexpr, EVEN: tl.constexpr, PRECISION: tl.constexpr,
                 OF_SIZE: tl.constexpr, OF_MODULATION: tl.constexpr, OF_MATRICES: tl.constexpr,
                 ATOMIC: tl.constexpr, PAIR: tl.constexpr, M: tl.constexpr, Q: tl.constexpr, N: tl.constexpr):
    """Gradients of size map, modulation and matrices, for one tap, Q or 2·Q channels in and N out, over some voxels.

    ``grad_matrices`` (split, K, G, c, o) has a part for each split of the voxels. The other two are added to, or, in
    a fixed order, lie in parts for the caller to add up: ``size_part`` and ``modulation_part`` elements apart.
    With PAIR the channels in come in two halves, which share all that is worked out of a cell.
    """
    taps: tl.constexpr = KT * KH * KW
    wide: tl.constexpr = 2 * Q if PAIR else Q
    tap, part = tl.program_id(0) % taps, tl.program_id(0) // taps
    group, rest = part % GROUPS, part // GROUPS
    chunks = tl.cdiv(inner, wide)
    channel = rest % chunks * wide + tl.arange(0, Q)
    column = rest // chunks * N + tl.arange(0, N)
    channel_ok, column_ok, other_ok = channel < inner, column < outer, channel + Q < inner
    entry = ((tap * GROUPS + group) * inner + channel)[:, None] * outer + column[None, :]
    matrix = tl.load(matrices + entry, mask=channel_ok[:, None] & column_ok[None, :], other=0.)
    total = tl.zeros([Q, N], tl.float32)
    if PAIR:
        other_matrix = tl.load(matrices + entry + Q * outer, mask=other_ok[:, None] & column_ok[None, :], other=0.)
        other_total = tl.zeros([Q, N], tl.float32)
    first = tl.program_id(1) * tiles
    for tile in range(first, min(first + tiles, tl.cdiv(voxels, M))):
        voxel = tile * M + tl.arange(0, M)
        ok = voxel < voxels
        clip, t, h, w = place_of(voxel, out_frames, out_height, out_width)
        place = voxel - clip * volume
        size_t, size_h, size_w = load_sizes(size, clip, place, volume, ok, MAPS)
        step_t, step_h, step_w, there_t, there_h, there_w = taps_at(
            tap, t, h, w, size_t, size_h, size_w, frames, height, width, MAPS, KH, KW, REACH_T, STRIDE_T, STRIDE_H,
            STRIDE_W, OFFSET_T, OFFSET_H, OFFSET_W, DILATION_T, DILATION_H, DILATION_W)
        there_t, there_h, there_w = along_rows(there_t, Q), along_rows(there_h, Q), along_rows(there_w, Q)
        first_frame = along_rows(clip * frames, Q)
        low_t, high_t, below_t, above_t, in_low_t, in_high_t = cells_at(there_t, frames)
        low_h, high_h, below_h, above_h, in_low_h, in_high_h = cells_at(there_h, height)
        low_w, high_w, below_w, above_w, in_low_w, in_high_w = cells_at(there_w, width)
        given = tl.load(grad + voxel[:, None] * grad_row + (group * outer + column)[None, :],
                        mask=ok[:, None] & column_ok[None, :], other=0.)
        columns = tl.zeros([M, Q], tl.float32)
        if PAIR:
            other_columns = tl.zeros([M, Q], tl.float32)
        if OF_SIZE or OF_MODULATION:                            # gradients of the columns
            of_columns = as_read(tl.dot(given, tl.trans(matrix), input_precision=PRECISION))
            if PAIR:
                of_other = as_read(tl.dot(given, tl.trans(other_matrix), input_precision=PRECISION))
        by_t = tl.sum(columns, 1)
        by_h, by_w, by_scale = by_t, by_t, by_t
        two_t, two_h, two_w = cells_an_axis(step_t, step_h, step_w, MAPS)
        for number in range(two_t * two_h * two_w):             # of a cell
            i, j, k = number // (two_h * two_w), number // two_w % two_h, number % two_w
            cell_t, share_t = pick(i, low_t, high_t, below_t, above_t)
            cell_h, share_h = pick(j, low_h, high_h, below_h, above_h)
            cell_w, share_w = pick(k, low_w, high_w, below_w, above_w)
            cell = ((first_frame + cell_t) * height + cell_h) * width + cell_w
            source = x + group * inner + (cell * row)[:, None] + channel[None, :]
            mask = ok[:, None] if EVEN else ok[:, None] & channel_ok[None, :]
            cells = tl.load(source, mask=mask, other=0.).to(tl.float32)
            share_hw = share_h * share_w
            share = share_t * share_hw
            columns += share[:, None] * cells
            if PAIR:
                mask = ok[:, None] if EVEN else ok[:, None] & other_ok[None, :]
                others = tl.load(source + Q, mask=mask, other=0.).to(tl.float32)
                other_columns += share[:, None] * others
            if OF_SIZE or OF_MODULATION:
                product = cells * of_columns
                if PAIR:
                    product += others * of_other
                agreement = tl.sum(product, 1)
                by_scale += share * agreement
                if OF_SIZE:
                    slope_h = tl.where(j == 0, in_low_h, in_high_h) * (step_h * (2 * j - 1))
                    slope_w = tl.where(k == 0, in_low_w, in_high_w) * (step_w * (2 * k - 1))
                    by_h += share_t * share_w * slope_h * agreement
                    by_w += share_t * share_h * slope_w * agreement
                    if MAPS == 3:
                        slope_t = tl.where(i == 0, in_low_t, in_high_t) * (step_t * (2 * i - 1))
                        by_t += share_hw * slope_t * agreement
        if MODULATED:
            scale = tl.load(modulation + (clip * taps + tap) * volume + place, mask=ok, other=0.)
            columns *= scale[:, None]
            if PAIR:
                other_columns *= scale[:, None]
            by_t, by_h, by_w = by_t * scale, by_h * scale, by_w * scale
        if OF_MODULATION:
            add_up(grad_modulation + part * modulation_part + (clip * taps + tap) * volume + place, by_scale, ok,
                   ATOMIC)
        if OF_SIZE:
            add_sizes(grad_size + (part * taps + tap) * size_part + clip * MAPS * volume + place, volume, by_t, by_h,
                      by_w, ok, MAPS, ATOMIC)
        if OF_MATRICES:
            total = tl.dot(tl.trans(columns.to(given.dtype)), given, total, input_precision=PRECISION)
            if PAIR:
                other_total = tl.dot(tl.trans(other_columns.to(given.dtype)), given, other_total,
                                     input_precision=PRECISION)
    if OF_MATRICES:
        target = grad_matrices + tl.program_id(1) * (taps * GROUPS * inner * outer) + entry
        tl.store(target, total, mask=channel_ok[:, None] & column_ok[None, :])
        if PAIR:
            tl.store(target + Q * outer, other_total, mask=other_ok[:, None] & column_ok[None, :])


@triton.jit
def input_kernel(grad, matrices, first_entry, source, share, grad_x, cells, grad_row, inner, outer, real_inner,
                 TAPS: tl.constexpr, GROUPS: tl.constexpr, PRECISION: tl.constexpr, E: tl.constexpr,
                 M: tl.constexpr, Q: tl.constexpr, N: tl.constexpr):
    """grad_x (R, C) = sum over taps of (what read the cell) · matrix transposed, M cells and N channels in.

    The lists of neighbouring cells lie end to end. E entries at a time, the gradients that they point to meet a matrix
    (M, E) that has the share where the entry is of the cell's list: a small product instead of a loop for each cell.
    """
    group, block = tl.program_id(1) % GROUPS, tl.program_id(1) // GROUPS
    begin = tl.program_id(0) * M
    cell = begin + tl.arange(0, M)
    ok = cell < cells
    until = min(begin + M, cells)
    column = block * N + tl.arange(0, N)
    column_ok = column < inner
    number = tl.arange(0, E)
    total = tl.zeros([M, N], tl.float32)
    for chunk in range(0, outer, Q):
        channel = chunk + tl.arange(0, Q)
        channel_ok = channel < outer
        place, stop = tl.load(first_entry + begin), tl.load(first_entry + until)
        voxel = tl.load(source + place + number, mask=place + number < stop, other=0)
        weight = tl.load(share + place + number, mask=place + number < stop, other=0.)
        for tap in range(TAPS):
            later = min(tap + 1, TAPS - 1) * cells
            next_place, next_stop = tl.load(first_entry + later + begin), tl.load(first_entry + later + until)
            low = tl.load(first_entry + tap * cells + cell, mask=ok, other=0)
            high = tl.load(first_entry + tap * cells + cell + 1, mask=ok, other=0)
            rows = tl.zeros([M, Q], tl.float32)
            for entry in range(place, max(stop, place + 1), E):
                mask = (entry + number < stop)[:, None] & channel_ok[None, :]
                given = tl.load(grad + (voxel * grad_row)[:, None] + (group * outer + channel)[None, :], mask=mask,
                                other=0.)
                of_cell = (entry + number)[None, :]
                spread = tl.where((of_cell >= low[:, None]) & (of_cell < high[:, None]), weight[None, :], 0.)
                # The next entries are on their way while these are worked on.
                more = entry + E < stop
                ahead, end = tl.where(more, entry + E, next_place), tl.where(more, stop, next_stop)
                voxel = tl.load(source + ahead + number, mask=ahead + number < end, other=0)
                weight = tl.load(share + ahead + number, mask=ahead + number < end, other=0.)
                rows = tl.dot(spread.to(given.dtype), given, rows, input_precision=PRECISION)
            entries = matrices + ((tap * GROUPS + group) * inner + column)[:, None] * outer + channel[None, :]
            matrix = tl.load(entries, mask=column_ok[:, None] & channel_ok[None, :], other=0.)
            total = tl.dot(rows.to(matrix.dtype), tl.trans(matrix), total, input_precision=PRECISION)
            place, stop = next_place, next_stop
    real = column < real_inner
    target = grad_x + cell[:, None] * (GROUPS * real_inner) + (group * real_inner + column)[None, :]
    tl.store(target, total.to(grad_x.dtype.element_ty), mask=ok[:, None] & real[None, :])
