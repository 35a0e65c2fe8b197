"""D2Conv3D on a GPU with wide groups: columns by Triton's kernels, products by the matrix library.

Columns of some clips at a time stand in a buffer. An implicit GEMM, which has none, was tried: on an H100 its gathers
waited for its products, and forward and backward took half as long again as they do here.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import _triton_columns as kernels
from ._layouts import from_channels_last
from ._triton import blocks_of, power_above
from ._triton_blocks import Blocks, best_blocks
from ._triton_lists import readers
from ._triton_operands import Operands, class_of, sum_of
from ._triton_tables import Tables, tables

COLUMNS = 1 << 27
"""Elements of the buffer of columns; more only where one clip has more."""


def write_output(given: Operands, bias: Tensor | None, out: Tensor) -> None:
    """Into ``out`` (N, O)."""
    matrices = given.matrices.flatten(1, 2)                                     # (G, K·c, o)
    groups, outer = given.groups, out.shape[1] // given.groups
    if bias is not None and matrices.shape[2] > outer:
        bias = F.pad(bias.view(groups, outer), (0, matrices.shape[2] - outer))
    for clips in _parts(given):
        columns = _columns(clips)
        _sample(clips, columns)
        rows = out[clips.first * given.shape[0]:][:clips.voxels]
        if groups == 1:
            in_place = rows if matrices.shape[2] == outer else None
            product = (torch.mm(columns[0].flatten(1), matrices[0], out=in_place) if bias is None else
                       torch.addmm(bias.flatten(), columns[0].flatten(1), matrices[0], out=in_place))
            if in_place is None:
                rows.copy_(product[:, :outer])
            continue
        product = torch.bmm(columns.flatten(2), matrices)                       # (G, N, o)
        product = product if bias is None else product + bias.view(groups, 1, -1)
        rows.unflatten(1, (groups, outer)).copy_(product[:, :, :outer].transpose(0, 1))


def gradients(given: Operands, grad: Tensor, x: Tensor, weight: Tensor, wanted: list[bool]) -> list[Tensor | None]:
    """Of x, size, weight and modulation, each if wanted; ``grad`` is (N, G·o)."""
    of_x, of_size, of_weight, of_modulation = wanted
    matrices = given.matrices.flatten(1, 2)                                     # (G, K·c, o)
    inputs = x.new_empty(len(x), *x.shape[2:], x.shape[1]) if of_x else None    # (B, T, H, W, C)
    sizes, scales, weights = [], [], None
    for clips in _parts(given):
        rows = grad[clips.first * given.shape[0]:][:clips.voxels].unflatten(1, (given.groups, -1)).transpose(0, 1)
        columns = _columns(clips)
        if of_size or of_modulation:
            blocks = _blocks_of_reads(clips, columns, wanted)
        if of_x or of_size or of_modulation:
            torch.bmm(rows, matrices.transpose(1, 2), out=columns.flatten(2))
        if inputs is not None:
            _add_up_cells(clips, columns, inputs[clips.first:][:clips.count], x.shape[1])
        if of_size or of_modulation:
            size, scale = _gradients_of_reads(clips, columns, wanted, blocks)
            sizes.append(size)
            scales.append(scale)
        elif of_weight:
            _sample(clips, columns)
        if of_weight:
            part = torch.bmm(columns.flatten(2).transpose(1, 2), rows)
            weights = part if weights is None else weights.float() + part
    return [None if inputs is None else from_channels_last(inputs, x), _joined(sizes) if of_size else None,
            None if weights is None else _weight_of(weights, given, weight),
            _joined(scales) if of_modulation else None]


class _Clips:
    """Some of the clips, ``count`` from number ``first`` on, as the kernels take them."""

    def __init__(self, given: Operands, first: int, count: int, total: int) -> None:
        self.given, self.first, self.count = given, first, count
        self.voxels, self.cells = given.voxels // total * count, given.cells // total * count
        self.rows, self.size, self.modulation = given.rows, given.size, given.modulation
        if count < total:                                       # views cost Python time too
            self.rows = self.rows[first * (given.cells // total):][:self.cells]
            self.size = self.size[first:][:count]
            self.modulation = None if self.modulation is None else self.modulation[first:][:count]
        self.tables: Tables = tables(self.size, self.voxels, given.shape, given.axes)


def _parts(given: Operands) -> Iterator[_Clips]:
    total = len(given.size)
    a_clip = given.voxels // total * given.taps * given.groups * given.inner
    at_once = max(1, COLUMNS // a_clip)
    for first in range(0, total, at_once):
        yield _Clips(given, first, min(at_once, total - first), total)


def _columns(clips: _Clips) -> Tensor:
    """The buffer, (G, N, K, c)."""
    given = clips.given
    return given.rows.new_empty(given.groups, clips.voxels, given.taps, given.inner)


def _sample(clips: _Clips, columns: Tensor) -> None:
    """Write what the taps of each voxel read."""
    head, common = _head(clips)

    def launch(blocks: Blocks) -> None:
        kernels.columns_kernel[_grid(clips, blocks)](
            *head[:4], columns, *head[4:], EVEN=clips.given.inner % blocks['Q'] == 0, **blocks, **common)

    launch(best_blocks('columns', class_of(clips.given, clips.voxels), columns, _choices(clips, (8, 16)), launch))


def _launch_reads(clips: _Clips, columns: Tensor, sizes: Tensor, scales: Tensor, wanted: list[bool],
                  blocks: Blocks) -> None:
    head, common = _head(clips)
    kernels.reads_kernel[_grid(clips, blocks)](
        *head[:4], columns, sizes, scales, *head[4:], OF_SIZE=wanted[1], OF_MATRICES=wanted[2],
        OF_MODULATION=wanted[3], EVEN=clips.given.inner % blocks['Q'] == 0, **blocks, **common)


def _parts_of_reads(clips: _Clips, blocks: Blocks, wanted: list[bool]) -> tuple[Tensor, Tensor]:
    """What the programs of the kernel write their parts of both gradients into."""
    size = clips.size
    parts = clips.given.groups * blocks_of(clips.given.inner, blocks['Q'])
    sizes = size.new_empty(parts, *size.shape) if wanted[1] else size
    scales = size.new_empty(parts, len(size), clips.given.taps, *size.shape[2:]) if wanted[3] else size
    return sizes, scales


def _blocks_of_reads(clips: _Clips, columns: Tensor, wanted: list[bool]) -> Blocks:
    """Found before the buffer is filled: the kernel leaves other numbers in it."""
    choices = [dict(blocks, maxnreg=most) for blocks in _choices(clips, (8, )) for most in (160, 128, 240)]

    def launch(blocks: Blocks) -> None:
        _launch_reads(clips, columns, *_parts_of_reads(clips, blocks, wanted), wanted, blocks)

    name = f'reads{wanted[1]:d}{wanted[3]:d}{wanted[2]:d}'
    return best_blocks(name, class_of(clips.given, clips.voxels), columns, choices, launch)


def _gradients_of_reads(clips: _Clips, columns: Tensor, wanted: list[bool], blocks: Blocks) -> tuple[Tensor, Tensor]:
    """Of size map and modulation; the columns themselves come into the place of their gradients, if wanted."""
    sizes, scales = _parts_of_reads(clips, blocks, wanted)
    _launch_reads(clips, columns, sizes, scales, wanted, blocks)
    return (sum_of(sizes) if wanted[1] else sizes), (sum_of(scales) if wanted[3] else scales)


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _add_up_cells(clips: _Clips, columns: Tensor, out: Tensor, channels: int) -> None:
    """Into ``out`` (B, T, H, W, C), from the gradients of the columns."""
    given = clips.given
    lists = readers(clips.tables, clips.modulation, clips.cells, given.shape[0], given.axes,
                    torch.are_deterministic_algorithms_enabled())

    def launch(blocks: Blocks) -> None:
        grid = (blocks_of(clips.cells, blocks['M']), given.groups * blocks_of(given.inner, blocks['Q']))
        kernels.cells_kernel[grid](
            columns, *lists, out, clips.cells, clips.voxels, given.inner, channels // given.groups, TAPS=given.taps,
            GROUPS=given.groups, EVEN=given.inner % blocks['Q'] == 0, **blocks)

    choices = [dict(blocks, UNROLL=4) for blocks in _choices(clips, (2, 8))]
    launch(best_blocks('cells', class_of(clips.given, clips.voxels), columns, choices, launch))


def _head(clips: _Clips) -> tuple[tuple, dict[str, Any]]:
    """Arguments that the kernels share; the first four are tensors."""
    given = clips.given
    scale = clips.size if clips.modulation is None else clips.modulation
    head = (clips.rows, *clips.tables, scale, clips.voxels, given.shape[0], clips.rows.shape[1], given.inner)
    axes = {name: given.axes[name] for name in ('MAPS', 'KT', 'KH', 'KW')}
    return head, dict(MODULATED=clips.modulation is not None, GROUPS=given.groups, **axes)


def _grid(clips: _Clips, blocks: Blocks) -> tuple[int, int]:
    given = clips.given
    return blocks_of(clips.voxels, blocks['M']), given.groups * blocks_of(given.inner, blocks['Q'])


def _choices(clips: _Clips, voxels: tuple[int, ...]) -> list[Blocks]:
    """Blocks worth a try: M voxels, Q channels."""
    width = max(16, min(128, power_above(clips.given.inner)))
    return [dict(M=rows, Q=width, num_warps=max(1, min(4, rows // 2)), num_stages=1) for rows in voxels]


def _weight_of(matrices: Tensor, given: Operands, weight: Tensor) -> Tensor:
    """Matrices' gradient (G, K·c, o) as the weight's (O, c, kt, kh, kw)."""
    real = matrices.unflatten(1, (given.taps, -1))[:, :, :weight.shape[1], :len(weight) // given.groups]
    return real.permute(0, 3, 2, 1).reshape(weight.shape).to(weight.dtype)
