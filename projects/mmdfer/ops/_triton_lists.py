"""Which output voxels read a cell of the input, tap by tap: the reads of D2Conv3D turned around.

The lists lie end to end, ``first_entry[tap · R + cell]`` is where one begins. Reads of share 0 are left out, so there
is one for a cell beyond the clip neither. Two ways to make them: counted with atomics, whose order differs from run to
run, and sorted, whose order does not; sums along them then differ by rounding, or not at all.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._triton import tl, triton
from ._triton_reads import cells_at, load_sizes, place_of, taps_at


class Readers(NamedTuple):
    """The lists: ``first_entry`` (K·R + 1), and for each entry the voxel that reads and its share."""
    first_entry: Tensor
    source: Tensor
    share: Tensor


@triton.jit
def entries_kernel(size, modulation, place, source, share, voxels, volume, frames, height, width, out_frames,
                   out_height, out_width, nowhere,
                   MAPS: tl.constexpr, KT: tl.constexpr, KH: tl.constexpr, KW: tl.constexpr, REACH_T: tl.constexpr,
                   STRIDE_T: tl.constexpr, STRIDE_H: tl.constexpr, STRIDE_W: tl.constexpr,
                   OFFSET_T: tl.constexpr, OFFSET_H: tl.constexpr, OFFSET_W: tl.constexpr,
                   DILATION_T: tl.constexpr, DILATION_H: tl.constexpr, DILATION_W: tl.constexpr,
                   MODULATED: tl.constexpr, MODE: tl.constexpr, M: tl.constexpr):
    """Every read of M voxels and one tap. MODE 'count': ``place`` (K·R + 1) counts each list, one place further on.

    'fill': ``place`` says where a list goes on. 'plain': ``place`` and ``share`` (voxel, tap, corner) take each read's
    list and share, ``nowhere`` where there is none.
    """
    taps: tl.constexpr = KT * KH * KW
    corners: tl.constexpr = 8 if MAPS == 3 else 4
    tap = tl.program_id(1)
    voxel = tl.program_id(0) * M + tl.arange(0, M)
    ok = voxel < voxels
    clip, t, h, w = place_of(voxel, out_frames, out_height, out_width)
    inner = voxel - clip * volume
    size_t, size_h, size_w = load_sizes(size, clip, inner, volume, ok, MAPS)
    step_t, step_h, step_w, there_t, there_h, there_w = taps_at(
        tap, t, h, w, size_t, size_h, size_w, frames, height, width, MAPS, KH, KW, REACH_T, STRIDE_T, STRIDE_H,
        STRIDE_W, OFFSET_T, OFFSET_H, OFFSET_W, DILATION_T, DILATION_H, DILATION_W)
    scale = tl.full([M], 1., tl.float32)
    if MODULATED:
        scale = tl.load(modulation + (clip * taps + tap) * volume + inner, mask=ok, other=0.)
    cells = nowhere // taps
    low_t, high_t, below_t, above_t, _, _ = cells_at(there_t, frames)
    low_h, high_h, below_h, above_h, _, _ = cells_at(there_h, height)
    low_w, high_w, below_w, above_w, _, _ = cells_at(there_w, width)
    for i in tl.static_range(corners // 4):
        for j in tl.static_range(2):
            for k in tl.static_range(2):
                cell_t, cell_h, cell_w = high_t if i else low_t, high_h if j else low_h, high_w if k else low_w
                part = (above_t if i else below_t) * (above_h if j else below_h) * (above_w if k else below_w)
                live = ok & ((i == 0) | (step_t != 0)) & ((j == 0) | (step_h != 0)) & ((k == 0) | (step_w != 0))
                live = live & (part != 0)
                one = tap * cells + ((clip * frames + cell_t) * height + cell_h) * width + cell_w
                if MODE == 'count':
                    tl.atomic_add(place + one + 1, 1, mask=live, sem='relaxed')
                if MODE == 'fill':
                    there = tl.atomic_add(place + one, 1, mask=live, sem='relaxed')
                    tl.store(source + there, voxel, mask=live)
                    tl.store(share + there, part * scale, mask=live)
                if MODE == 'plain':
                    there = (voxel * taps + tap) * corners + (i * 4 + j * 2 + k)
                    tl.store(place + there, tl.where(live, one, nowhere), mask=ok)
                    tl.store(share + there, part * scale, mask=ok)


def readers(size: Tensor, modulation: Tensor | None, voxels: int, cells: int, shape: tuple[int, ...],
            axes: dict[str, Any], fixed_order: bool) -> Readers:
    """The lists of a convolution.

    Args:
        size, modulation: float32, contiguous.
        voxels, cells: of the output and of the input, clips and all.
        shape: output's volume, T, H, W, T', H', W', as the kernels take them.
        axes: the convolution's numbers, as the kernels take them.
        fixed_order: sort.
    """
    taps = axes['KT'] * axes['KH'] * axes['KW']
    lists, block = taps * cells, 128
    grid = (triton.cdiv(voxels, block), taps)
    scale = size if modulation is None else modulation
    common: dict[str, Any] = dict(MODULATED=modulation is not None, M=block, **axes)

    def run(mode: str, place: Tensor, source: Tensor, share: Tensor) -> None:
        entries_kernel[grid](size, scale, place, source, share, voxels, *shape, lists, MODE=mode, num_warps=4, **common)

    if fixed_order:
        corners = 8 if axes['MAPS'] == 3 else 4
        key = size.new_empty(voxels * taps * corners, dtype=torch.int32)
        share = torch.empty_like(key, dtype=torch.float32)
        run('plain', key, key, share)
        key, order = key.sort(stable=True)
        first = torch.searchsorted(key, torch.arange(lists + 1, device=key.device, dtype=torch.int32), out_int32=True)
        return Readers(first, order.div(taps * corners, rounding_mode='floor').int(), share[order])
    count = size.new_zeros(lists + 1, dtype=torch.int32)
    run('count', count, count, size)
    first = count.cumsum(0, dtype=torch.int32)
    moving = [axes['MAPS'] == 3 and axes['KT'], axes['KH'], axes['KW']]
    most = 1                                    # entries of a voxel: a middle tap reads one cell, any other two
    for axis, length in enumerate((axes['KT'], axes['KH'], axes['KW'])):
        most *= 2 * length - 1 if moving[axis] else length
    source = size.new_empty(voxels * most, dtype=torch.int32)
    share = size.new_empty(voxels * most)
    run('fill', first.clone(), source, share)
    return Readers(first, source, share)
