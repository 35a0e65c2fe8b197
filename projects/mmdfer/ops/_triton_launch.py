"""Starts the Triton kernels of D2Conv3D: output, and the gradients that are wanted."""
from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from . import _triton_dense as dense, _triton_narrow as narrow
from ._autograd import from_channels_last
from ._sampling import Geometry
from ._triton import triton
from ._triton_blocks import Blocks, run_best, shape_class
from ._triton_lists import readers
from ._triton_operands import LANE, Operands, channel_rows, on_device_of, operands

PROGRAMS = 540
"""Programs of a kernel over which the voxels of a tap are spread: several for each processor of a large device."""


def launch_output(x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
                  geometry: Geometry) -> Tensor:
    """The checked arguments of ``d2conv3d`` in, (B, O, T', H', W') out."""
    out = x.new_empty(len(x), *size.shape[2:], len(weight))                     # (B, T', H', W', O)
    if out.numel() == 0:
        return from_channels_last(out, x)
    with on_device_of(x):
        given = operands(x, size, weight, modulation, geometry)
        scale = given.size if given.modulation is None else given.modulation
        shift = given.matrices if bias is None else bias.contiguous()
        head = (given.rows, given.size, scale, given.matrices, shift, out, given.voxels, *given.shape,
                given.rows.shape[1])
        common: dict[str, Any] = dict(MODULATED=modulation is not None, BIASED=bias is not None, **given.axes)

        def launch(blocks: Blocks) -> None:
            rows = triton.cdiv(given.voxels, blocks['M'])
            if given.narrow:
                grid = (rows, triton.cdiv(len(weight), blocks['N']))
                narrow.output_kernel[grid](*head, len(weight), INNER=given.inner, OUTER=given.outer, **blocks, **common)
                return
            grid = (rows, given.groups * triton.cdiv(given.outer, blocks['N']))
            dense.output_kernel[grid](*head, given.inner, given.outer, len(weight) // given.groups,
                                      GROUPS=given.groups, EVEN=given.inner % _wide(blocks) == 0,
                                      PRECISION=given.precision, **blocks, **common)

        run_best('output', _class_of(given), x, partial(_choices, 'output', given, x), launch)
    return from_channels_last(out, x)


def launch_gradients(grad: Tensor, x: Tensor, size: Tensor, weight: Tensor, modulation: Tensor | None,
                     geometry: Geometry, wanted: list[bool]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, size, weight and modulation; what is not ``wanted`` of them is an empty tensor."""
    of_x, of_size, of_weight, of_modulation = wanted
    given_all = (x, size, weight, modulation)
    if grad.numel() == 0 or x.numel() == 0:
        found = [torch.zeros_like(tensor) if wish else None for wish, tensor in zip(wanted, given_all)]
    else:
        with on_device_of(x):
            given = operands(x, size, weight, modulation, geometry)
            rows = channel_rows(grad.to(x.dtype), geometry.groups, given.narrow)
            found = [None, None, None, None]
            if of_size or of_weight or of_modulation:
                found[1:] = _gradients_of_reads(given, rows, weight, of_size, of_weight, of_modulation)
            if of_x:
                found[0] = from_channels_last(_gradient_of_input(given, rows, x), x)
    first, second, third, fourth = (x.new_empty(0) if one is None else one for one in found)
    return first, second, third, fourth


def _gradients_of_reads(given: Operands, grad: Tensor, weight: Tensor, of_size: bool, of_matrices: bool,
                        of_modulation: bool) -> list[Tensor | None]:
    """Of size map, weight and modulation."""
    size, scale = given.size, given.size if given.modulation is None else given.modulation
    fixed_order = torch.are_deterministic_algorithms_enabled()

    def launch(blocks: Blocks) -> tuple[Tensor, Tensor, Tensor]:
        columns = given.groups * given.outer
        if given.narrow:
            parts = given.inner * triton.cdiv(columns, blocks['N'])
        else:
            parts = given.groups * triton.cdiv(given.inner, _wide(blocks)) * triton.cdiv(given.outer, blocks['N'])
        tiles = triton.cdiv(given.voxels, blocks['M'])
        each = triton.cdiv(tiles, max(1, min(tiles, PROGRAMS // (parts * given.taps))))
        splits = triton.cdiv(tiles, each)
        taps = given.taps
        sizes = size.new_zeros(parts * taps if fixed_order else 1, *size.shape) if of_size else size
        scales = scale.new_zeros(parts if fixed_order else 1, *scale.shape) if of_modulation else scale
        matrices = size.new_empty(splits, *given.matrices.shape) if of_matrices else size
        part = (size.numel(), scale.numel()) if fixed_order else (0, 0)
        head = (given.rows, size, scale, given.matrices, grad, sizes, scales, matrices, given.voxels, *given.shape,
                given.rows.shape[1])
        common: dict[str, Any] = dict(
            MODULATED=given.modulation is not None, OF_SIZE=of_size, OF_MODULATION=of_modulation,
            OF_MATRICES=of_matrices, ATOMIC=not fixed_order, **given.axes)
        grid = (parts * taps, splits)
        if given.narrow:
            narrow.reads_kernel[grid](*head, columns, each, *part, INNER=given.inner, OUTER=given.outer, **blocks,
                                      **common)
        else:
            dense.reads_kernel[grid](*head, grad.shape[1], given.inner, given.outer, each, *part,
                                     EVEN=given.inner % _wide(blocks) == 0, GROUPS=given.groups,
                                     PRECISION=given.precision, **blocks, **common)
        return sizes, scales, matrices

    name = f'reads{of_size:d}{of_modulation:d}{of_matrices:d}'
    sizes, scales, matrices = run_best(name, _class_of(given), grad, partial(_choices, 'reads', given, grad), launch)
    return [_sum(sizes) if of_size else None, _weight_of(_sum(matrices), given, weight) if of_matrices else None,
            _sum(scales) if of_modulation else None]


def _gradient_of_input(given: Operands, grad: Tensor, x: Tensor) -> Tensor:
    """(B, T, H, W, C)."""
    out = x.new_empty(len(x), *x.shape[2:], x.shape[1])
    lists = readers(given.size, given.modulation, given.voxels, given.cells, given.shape, given.axes,
                    torch.are_deterministic_algorithms_enabled())
    head = (grad, given.matrices, *lists, out, given.cells)

    def launch(blocks: Blocks) -> None:
        rows = triton.cdiv(given.cells, blocks['M'])
        if given.narrow:
            grid = (rows, triton.cdiv(x.shape[1], blocks['N']))
            narrow.input_kernel[grid](*head, grad.shape[1], x.shape[1], TAPS=given.taps, INNER=given.inner,
                                      OUTER=given.outer, **blocks)
            return
        grid = (rows, given.groups * triton.cdiv(given.inner, blocks['N']))
        dense.input_kernel[grid](*head, grad.shape[1], given.inner, given.outer, x.shape[1] // given.groups,
                                 TAPS=given.taps, GROUPS=given.groups, PRECISION=given.precision, **blocks)

    run_best('input', _class_of(given), x, partial(_choices, 'input', given, x), launch)
    return out


def _sum(parts: Tensor) -> Tensor:
    return parts[0] if len(parts) == 1 else parts.sum(0)


def _weight_of(matrices: Tensor, given: Operands, weight: Tensor) -> Tensor:
    """Matrices' gradient (K, G, c, o), or (K, c, O), as the weight's (O, c, kt, kh, kw)."""
    if given.narrow:
        return matrices.permute(2, 1, 0).reshape(weight.shape).to(weight.dtype)
    real = matrices[:, :, :weight.shape[1], :len(weight) // given.groups]
    return real.permute(1, 3, 2, 0).reshape(weight.shape).to(weight.dtype)


def _class_of(given: Operands) -> tuple[int, ...]:
    return (shape_class(given.voxels), given.groups, given.inner, given.outer, given.taps, given.axes['MAPS'],
            int(given.modulation is not None))


def _wide(blocks: Blocks) -> int:
    """Channels in that a program reads at once."""
    return 2 * blocks['Q'] if blocks['PAIR'] else blocks['Q']


def _choices(kernel: str, given: Operands, like: Tensor) -> list[Blocks]:
    """Blocks worth a try: M voxels or cells, Q channels that are summed over, N channels of the result."""
    if given.narrow:
        width = min(64, max(16, triton.next_power_of_2(given.groups * given.outer)))
        more = dict(UNROLL=2) if kernel == 'input' else {}
        return [dict(M=rows, N=width, num_warps=4, num_stages=1, **more) for rows in (32, 64, 16)]
    exact = like.dtype == torch.float32
    inner, outer = (max(LANE, min(128, triton.next_power_of_2(n))) for n in (given.inner, given.outer))
    found = []
    for rows, summed, width, entries, pair, warps in CHOICES[kernel, exact]:
        if kernel == 'input':
            blocks = dict(M=rows, Q=min(outer, summed), N=min(inner, width), E=entries)
        else:
            blocks = dict(M=rows, Q=min(inner, summed), N=min(outer, width), PAIR=int(pair and summed < inner))
        blocks |= dict(num_warps=warps, num_stages=1)
        if blocks not in found:
            found.append(blocks)
    return found


# M, Q, N, E, PAIR, warps; by kernel and whether the product is float32's.
CHOICES: dict[tuple[str, bool], list[tuple[int, ...]]] = {
    ('output', False): [(64, 64, 128, 0, 1, 4), (128, 64, 128, 0, 1, 8), (64, 64, 128, 0, 0, 8)],
    ('output', True): [(32, 32, 64, 0, 0, 4)],
    ('reads', False): [(64, 64, 128, 0, 1, 8), (128, 32, 128, 0, 1, 8), (32, 64, 128, 0, 1, 4)],
    ('reads', True): [(32, 32, 64, 0, 0, 4)],
    ('input', False): [(64, 128, 128, 32, 0, 4), (64, 128, 128, 64, 0, 8)],
    ('input', True): [(32, 32, 64, 32, 0, 4)],
}
