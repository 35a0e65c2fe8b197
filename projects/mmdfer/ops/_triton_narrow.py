"""Triton: D2Conv3D with groups of a few channels, depthwise above all, where a matrix product would idle.

The same three kernels as :mod:`._triton_dense`, channel by channel: an output channel o reads the c channels of its
group one after the other. Factors are (K, c, O); rows are not padded.
"""
from __future__ import annotations

from ._triton import tl, triton
from ._triton_lists import read_of, share_of
from ._triton_reads import add_sizes, add_up, cells_an_axis, cells_at, load_sizes, pick, place_of, taps_at


@triton.jit
def output_kernel(x, size, modulation, factors, bias, out, voxels, volume, frames, height, width,
                  out_frames, out_height, out_width, row, channels,
                  MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
                  STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
                  OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
                  DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr,
                  INNER: tl.constexpr, OUTER: tl.constexpr, MODULATED: tl.constexpr, BIASED: tl.constexpr,
                  M: tl.constexpr, N: tl.constexpr):
    """out (N, O), a block of M voxels and N channels; ``channels`` is O, INNER c and OUTER O/G."""
    voxel = tl.program_id(0) * M + tl.arange(0, M)
    ok = voxel < voxels
    clip, t, h, w = place_of(voxel, out_frames, out_height, out_width)
    size_t, size_h, size_w = load_sizes(size, clip, voxel - clip * volume, volume, ok, MAPS)
    column = tl.program_id(1) * N + tl.arange(0, N)
    column_ok = column < channels
    total = tl.zeros([M, N], tl.float32)
    for tap in range(KT * KH * KW):
        step_t, step_h, step_w, there_t, there_h, there_w = taps_at(
            tap, t, h, w, size_t, size_h, size_w, frames, height, width, MAPS, KH, KW, REACH_T, STRIDE_T, STRIDE_H,
            STRIDE_W, OFFSET_T, OFFSET_H, OFFSET_W, DILATION_T, DILATION_H, DILATION_W)
        if MODULATED:
            scale = tl.load(modulation + (clip * (KT * KH * KW) + tap) * volume + voxel - clip * volume, mask=ok,
                            other=0.)
        low_t, high_t, below_t, above_t, _, _ = cells_at(there_t, frames)
        low_h, high_h, below_h, above_h, _, _ = cells_at(there_h, height)
        low_w, high_w, below_w, above_w, _, _ = cells_at(there_w, width)
        two_t, two_h, two_w = cells_an_axis(step_t, step_h, step_w, MAPS)
        for inner in range(INNER):
            factor = tl.load(factors + (tap * INNER + inner) * channels + column, mask=column_ok, other=0.)
            columns = tl.zeros([M, N], tl.float32)
            for number in range(two_t * two_h * two_w):         # of a cell
                cell_t, share_t = pick(number // (two_h * two_w), low_t, high_t, below_t, above_t)
                cell_h, share_h = pick(number // two_w % two_h, low_h, high_h, below_h, above_h)
                cell_w, share_w = pick(number % two_w, low_w, high_w, below_w, above_w)
                cell = ((clip * frames + cell_t) * height + cell_h) * width + cell_w
                source = x + (cell * row)[:, None] + (column // OUTER * INNER + inner)[None, :]
                cells = tl.load(source, mask=ok[:, None] & column_ok[None, :], other=0.)
                columns += (share_t * share_h * share_w)[:, None] * cells.to(tl.float32)
            if MODULATED:
                columns *= scale[:, None]
            total += columns * factor.to(tl.float32)[None, :]
    if BIASED:
        total += tl.load(bias + column, mask=column_ok, other=0.).to(tl.float32)[None, :]
    target = out + voxel[:, None] * channels + column[None, :]
    tl.store(target, total.to(out.dtype.element_ty), mask=ok[:, None] & column_ok[None, :])


@triton.jit
def reads_kernel(x, size, modulation, factors, grad, grad_size, grad_modulation, grad_factors,
                 voxels, volume, frames, height, width, out_frames, out_height, out_width, row, channels,
                 tiles, size_part, modulation_part,
                 MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
                 STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
                 OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
                 DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr,
                 INNER: tl.constexpr, OUTER: tl.constexpr, MODULATED: tl.constexpr,
                 OF_SIZE: tl.constexpr, OF_MODULATION: tl.constexpr, OF_MATRICES: tl.constexpr,
                 ATOMIC: tl.constexpr, M: tl.constexpr, N: tl.constexpr):
    """Gradients of size map, modulation and factors, for one tap, one channel in and N out, over some voxels."""
    taps: tl.constexpr = KT * KH * KW
    tap, part = tl.program_id(0) % taps, tl.program_id(0) // taps
    column = part // INNER * N + tl.arange(0, N)
    column_ok = column < channels
    entry = (tap * INNER + part % INNER) * channels + column
    factor = tl.load(factors + entry, mask=column_ok, other=0.).to(tl.float32)
    total = tl.zeros([N], tl.float32)
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
        given = tl.load(grad + voxel[:, None] * channels + column[None, :], mask=ok[:, None] & column_ok[None, :],
                        other=0.).to(tl.float32)
        of_columns = given * factor[None, :]
        columns = tl.zeros([M, N], tl.float32)
        by_t, by_h = tl.zeros([M], tl.float32), tl.zeros([M], tl.float32)
        by_w, by_scale = tl.zeros([M], tl.float32), tl.zeros([M], tl.float32)
        low_t, high_t, below_t, above_t, in_low_t, in_high_t = cells_at(there_t, frames)
        low_h, high_h, below_h, above_h, in_low_h, in_high_h = cells_at(there_h, height)
        low_w, high_w, below_w, above_w, in_low_w, in_high_w = cells_at(there_w, width)
        two_t, two_h, two_w = cells_an_axis(step_t, step_h, step_w, MAPS)
        for number in range(two_t * two_h * two_w):             # of a cell
            i, j, k = number // (two_h * two_w), number // two_w % two_h, number % two_w
            cell_t, share_t = pick(i, low_t, high_t, below_t, above_t)
            cell_h, share_h = pick(j, low_h, high_h, below_h, above_h)
            cell_w, share_w = pick(k, low_w, high_w, below_w, above_w)
            cell = ((clip * frames + cell_t) * height + cell_h) * width + cell_w
            source = x + (cell * row)[:, None] + (column // OUTER * INNER + part % INNER)[None, :]
            cells = tl.load(source, mask=ok[:, None] & column_ok[None, :], other=0.).to(tl.float32)
            share_hw = share_h * share_w
            share = share_t * share_hw
            columns += share[:, None] * cells
            if OF_SIZE or OF_MODULATION:
                agreement = tl.sum(cells * of_columns, 1)
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
            by_t, by_h, by_w = by_t * scale, by_h * scale, by_w * scale
        if OF_MODULATION:
            add_up(grad_modulation + part * modulation_part + (clip * taps + tap) * volume + place, by_scale, ok,
                   ATOMIC)
        if OF_SIZE:
            add_sizes(grad_size + (part * taps + tap) * size_part + clip * MAPS * volume + place, volume, by_t, by_h,
                      by_w, ok, MAPS, ATOMIC)
        if OF_MATRICES:
            if MODULATED:
                columns *= scale[:, None]
            total += tl.sum(columns * given, 0)
    if OF_MATRICES:
        tl.store(grad_factors + tl.program_id(1) * taps * INNER * channels + entry, total, mask=column_ok)


@triton.jit
def input_kernel(grad, factors, first_entry, entries, grad_x, cells, channels, real_inner,
                 TAPS: tl.constexpr, INNER: tl.constexpr, OUTER: tl.constexpr, UNROLL: tl.constexpr,
                 M: tl.constexpr, N: tl.constexpr):
    """grad_x (R, C), M cells and N channels in; ``channels`` is O and ``real_inner`` C."""
    cell = tl.program_id(0) * M + tl.arange(0, M)[:, None]
    column = tl.program_id(1) * N + tl.arange(0, N)[None, :]
    ok, column_ok = cell < cells, column < real_inner
    start = tl.load(first_entry + cell, mask=ok, other=0)
    stop = tl.load(first_entry + cell + 1, mask=ok, other=0)
    total = tl.zeros([M, N], tl.float32)
    for turn in range(0, tl.max(tl.max(stop - start, 0), 0), UNROLL):
        for further in tl.static_range(UNROLL):
            live = start + turn + further < stop
            entry = tl.load(entries + start + turn + further, mask=live, other=0)
            read, mask = read_of(entry), live & column_ok
            for outer in tl.static_range(OUTER):
                channel = column // INNER * OUTER + outer
                given = tl.load(grad + read // TAPS * channels + channel, mask=mask, other=0.).to(tl.float32)
                row = read % TAPS * INNER + column % INNER
                factor = tl.load(factors + row * channels + channel, mask=mask, other=0.).to(tl.float32)
                total += share_of(entry) * (given * factor)
    tl.store(grad_x + cell * real_inner + column, total.to(grad_x.dtype.element_ty), mask=ok & column_ok)
