"""Which reads fall on a cell of the input: the reads of D2Conv3D turned around.

Each cell has a list of its reads, ``voxel · K + tap``, and their shares. The lists lie end to end,
``first_entry[cell]`` is where one begins; an entry has read and share in one number, since entries are written in no
order. Reads of share 0 are left out, so there is none of a cell beyond the clip. Two ways to make them: counted with
atomics, whose order differs from run to run, and sorted, whose order does not; sums along them then differ by rounding,
or not at all.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._triton import blocks_of, tl, triton
from ._triton_tables import Tables, cell_and_share


class Readers(NamedTuple):
    """The lists: ``first_entry`` (R + 1), and entries, int64."""
    first_entry: Tensor
    entries: Tensor


@triton.jit
def read_of(entry):
    """``voxel · K + tap``."""
    return entry.to(tl.int32)


@triton.jit
def share_of(entry):
    """The share of a read, float32."""
    return (entry >> 32).to(tl.int32).to(tl.float32, bitcast=True)


@triton.jit
def entries_kernel(cells, shares, modulation, place, rank, entries, voxels, volume, nowhere,
                   MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr,
                   MODULATED: tl.constexpr, MODE: tl.constexpr, M: tl.constexpr):
    """Every read of M voxels and one tap. MODE 'count': ``place`` (R + 1) counts each list, one place further on, and
    ``rank`` (tap, corner, voxel) keeps how many a read came after.

    'fill': ``place`` says where a list begins. 'plain': ``place`` (tap, corner, voxel) takes each read's cell,
    ``nowhere`` where there is none, and ``entries`` the reads in this order.
    """
    taps: tl.constexpr = KT * KH * KW
    corners: tl.constexpr = 8 if MAPS == 3 else 4
    tap = tl.program_id(1)
    tap_t, tap_h, tap_w = tap // (KH * KW), tap // KW % KH, tap % KW
    voxel = tl.program_id(0) * M + tl.arange(0, M)
    ok = voxel < voxels
    voxel = tl.minimum(voxel, voxels - 1)
    scale = tl.full([M], 1., tl.float32)
    if MODULATED:
        clip = voxel // volume
        scale = tl.load(modulation + (clip * taps + tap) * volume + voxel - clip * volume)
    for i in tl.static_range(corners // 4):
        cell_t, share_t = cell_and_share(cells, shares, tap_t, i, voxel, voxels)
        for j in tl.static_range(2):
            cell_h, share_h = cell_and_share(cells, shares, KT + tap_h, j, voxel, voxels)
            for k in tl.static_range(2):
                cell_w, share_w = cell_and_share(cells, shares, KT + KH + tap_w, k, voxel, voxels)
                share = share_t * share_h * share_w
                live = ok & (share != 0) & ((i == 0) | (tap_t != KT // 2))
                live = live & ((j == 0) | (tap_h != KH // 2)) & ((k == 0) | (tap_w != KW // 2))
                cell = cell_t + cell_h + cell_w
                read = (tap * corners + (i * 4 + j * 2 + k)) * voxels + voxel
                bits = (share * scale).to(tl.int32, bitcast=True).to(tl.int64)
                entry = (bits << 32) | (voxel * taps + tap).to(tl.int64)
                if MODE == 'count':
                    before = tl.atomic_add(place + cell + 1, 1, mask=live, sem='relaxed')
                    tl.store(rank + read, before, mask=live)
                if MODE == 'fill':
                    there = tl.load(place + cell, mask=live, other=0) + tl.load(rank + read, mask=live, other=0)
                    tl.store(entries + there, entry, mask=live)
                if MODE == 'plain':
                    tl.store(place + read, tl.where(live, cell, nowhere), mask=ok)
                    tl.store(entries + read, entry, mask=ok)


def readers(tables: Tables, modulation: Tensor | None, cells: int, volume: int, axes: dict[str, Any],
            fixed_order: bool) -> Readers:
    """The lists of a convolution.

    Args:
        tables: where taps fall.
        modulation: float32, contiguous.
        cells: of the input, clips and all.
        volume: voxels of a clip's output.
        axes: the convolution's numbers, as the kernels take them.
        fixed_order: sort.
    """
    voxels, block = tables.cells.shape[2], 128
    lengths, maps = [axes[name] for name in ('KT', 'KH', 'KW')], axes['MAPS']
    taps, corners = lengths[0] * lengths[1] * lengths[2], 8 if maps == 3 else 4
    grid = (blocks_of(voxels, block), taps)
    scale = tables.shares if modulation is None else modulation

    def run(mode: str, place: Tensor, rank: Tensor, entries: Tensor) -> None:
        entries_kernel[grid](*tables, scale, place, rank, entries, voxels, volume, cells, MAPS=maps, KT=lengths[0],
                             KH=lengths[1], KW=lengths[2], MODULATED=modulation is not None, MODE=mode, M=block,
                             num_warps=4)

    each = tables.cells.new_empty(voxels * taps * corners)
    if fixed_order:
        entries = torch.empty_like(each, dtype=torch.int64)
        run('plain', each, each, entries)
        key, order = each.sort(stable=True)
        first = torch.searchsorted(key, torch.arange(cells + 1, device=key.device, dtype=torch.int32), out_int32=True)
        return Readers(first, entries[order])
    count = each.new_zeros(cells + 1)
    run('count', count, each, each)
    first = count.cumsum(0, dtype=torch.int32)
    most = 1                                    # entries of a voxel: a middle tap reads one cell, any other two
    for moving, length in zip((maps == 3, True, True), lengths):
        most *= 2 * length - 1 if moving else length
    entries = each.new_empty(voxels * most, dtype=torch.int64)
    run('fill', first, each, entries)
    return Readers(first, entries)
