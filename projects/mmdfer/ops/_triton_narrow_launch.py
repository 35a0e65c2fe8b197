"""Starts the Triton kernels of D2Conv3D for groups of a few channels."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import _triton_narrow as kernels
from ._layouts import from_channels_last
from ._triton import blocks_of, power_above
from ._triton_blocks import Blocks, best_blocks
from ._triton_lists import readers
from ._triton_operands import Operands, class_of, sum_of
from ._triton_tables import tables

PROGRAMS = 540
"""Programs of a kernel over which the voxels of a tap are spread: several for each processor of a large device."""


def write_output(given: Operands, bias: Tensor | None, out: Tensor) -> None:
    """Into ``out`` (N, O)."""
    scale = given.size if given.modulation is None else given.modulation
    shift = given.matrices if bias is None else bias.contiguous()
    head = (given.rows, given.size, scale, given.matrices, shift, out, given.voxels, *given.shape, given.rows.shape[1])

    def launch(blocks: Blocks) -> None:
        grid = (blocks_of(given.voxels, blocks['M']), blocks_of(out.shape[1], blocks['N']))
        kernels.output_kernel[grid](*head, out.shape[1], INNER=given.inner, OUTER=given.outer,
                                    MODULATED=given.modulation is not None, BIASED=bias is not None, **blocks,
                                    **given.axes)

    launch(best_blocks('output', class_of(given, given.voxels), out, _choices(given), launch))


def gradients(given: Operands, grad: Tensor, x: Tensor, weight: Tensor, wanted: Sequence[bool]) -> list[Tensor | None]:
    """Of x, size, weight and modulation, each if wanted; ``grad`` is (N, O)."""
    of_x, of_size, of_weight, of_modulation = wanted
    found: list[Tensor | None] = [None] * 4
    if of_size or of_weight or of_modulation:
        found[1:] = _gradients_of_reads(given, grad, weight, of_size, of_weight, of_modulation)
    if of_x:
        found[0] = from_channels_last(_gradient_of_input(given, grad, x), x)
    return found


def _gradients_of_reads(given: Operands, grad: Tensor, weight: Tensor, of_size: bool, of_matrices: bool,
                        of_modulation: bool) -> list[Tensor | None]:
    """Of size map, weight and modulation."""
    size, scale = given.size, given.size if given.modulation is None else given.modulation
    fixed_order = torch.are_deterministic_algorithms_enabled()

    def run(blocks: Blocks) -> tuple[Tensor, Tensor, Tensor]:
        columns, taps = given.groups * given.outer, given.taps
        parts = given.inner * blocks_of(columns, blocks['N'])
        tiles = blocks_of(given.voxels, blocks['M'])
        each = blocks_of(tiles, max(1, min(tiles, PROGRAMS // (parts * taps))))
        splits = blocks_of(tiles, each)
        sizes = size.new_zeros(parts * taps if fixed_order else 1, *size.shape) if of_size else size
        scales = scale.new_zeros(parts if fixed_order else 1, *scale.shape) if of_modulation else scale
        matrices = size.new_empty(splits, *given.matrices.shape) if of_matrices else size
        part = (size.numel(), scale.numel()) if fixed_order else (0, 0)
        common: dict[str, Any] = dict(
            MODULATED=given.modulation is not None, OF_SIZE=of_size, OF_MODULATION=of_modulation,
            OF_MATRICES=of_matrices, ATOMIC=not fixed_order, **given.axes)
        kernels.reads_kernel[(parts * taps, splits)](
            given.rows, size, scale, given.matrices, grad, sizes, scales, matrices, given.voxels, *given.shape,
            given.rows.shape[1], columns, each, *part, INNER=given.inner, OUTER=given.outer, **blocks, **common)
        return sizes, scales, matrices

    name = f'reads{of_size:d}{of_modulation:d}{of_matrices:d}'

    def launch(blocks: Blocks) -> None:
        run(blocks)

    blocks = best_blocks(name, class_of(given, given.voxels), grad, _choices(given), launch)
    sizes, scales, matrices = run(blocks)
    return [sum_of(sizes) if of_size else None,
            sum_of(matrices).permute(2, 1, 0).reshape(weight.shape).to(weight.dtype) if of_matrices else None,
            sum_of(scales) if of_modulation else None]


def _gradient_of_input(given: Operands, grad: Tensor, x: Tensor) -> Tensor:
    """(B, T, H, W, C)."""
    out = x.new_empty(len(x), *x.shape[2:], x.shape[1])
    lists = readers(tables(given.size, given.voxels, given.shape, given.axes), given.modulation, given.cells,
                    given.shape[0], given.axes, torch.are_deterministic_algorithms_enabled())

    def launch(blocks: Blocks) -> None:
        grid = (blocks_of(given.cells, blocks['M']), blocks_of(x.shape[1], blocks['N']))
        kernels.input_kernel[grid](grad, given.matrices, *lists, out, given.cells, grad.shape[1], x.shape[1],
                                   TAPS=given.taps, INNER=given.inner, OUTER=given.outer, UNROLL=4, **blocks)

    launch(best_blocks('input', class_of(given, given.voxels), x, _choices(given), launch))
    return out


def _choices(given: Operands) -> list[Blocks]:
    """Blocks worth a try: M voxels or cells, N channels of the result."""
    width = min(64, max(16, power_above(given.groups * given.outer)))
    return [dict(M=rows, N=width, num_warps=4, num_stages=1) for rows in (32, 64, 16)]
