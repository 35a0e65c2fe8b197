"""Forward and backward of D2Conv3D: project, then gather.

An im2col would write 27·C columns a voxel and multiply them by the weight. The other order is cheaper: multiply
every input voxel by the weight of every tap first (one GEMM), then let each output voxel sum the rows it reads. That
sum is an ``embedding_bag`` with a share for each row, and its result has O numbers a voxel, not 27·C. It runs over a
slab of taps and a few clips at once, so that the projected table stays small; backward works the table out again.

The gradient of the projected table is the transposed sum: sorted by the row they read, the same entries make an
``embedding_bag`` over the gradient of the output. Nothing is added atomically, so the result is the same in every run.

Symbols: R input voxels, N output voxels, K taps of a slab, E entries of a voxel, C channels in, O channels out.
"""
from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._layouts import from_channels_last, voxel_rows
from ._projection import project, project_to_input, project_to_weight, tap_matrices, tap_matrices_to_weight
from ._sampling import Geometry, SamplingGrid, Slab

# Elements of a projected table. On a CPU it should stay within the caches, and be small enough for the allocator to
# keep its pages; on an accelerator it should fill the device.
TABLE_ELEMENTS = {'cpu': 1 << 21}
TABLE_ELEMENTS_DEFAULT = 1 << 26


class D2Conv3dFunction(torch.autograd.Function):
    """The checked arguments of ``d2conv3d`` in, (B, O, T', H', W') out."""

    @staticmethod
    def forward(ctx, x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
                geometry: Geometry) -> Tensor:
        ctx.save_for_backward(x, size, weight, modulation)
        ctx.geometry = geometry
        matrices = tap_matrices(weight, geometry.groups)
        out = size.new_zeros(x.shape[0], *size.shape[2:], weight.shape[0])  # (B, T', H', W', O)
        with torch.autocast(x.device.type, enabled=False):
            clips_at_once, taps_at_once = chunk_sizes(x, weight)
            for clips in chunks(len(x), clips_at_once):
                table, rows = voxel_rows(x[clips]), out[clips].flatten(0, 3)
                grid = _sampling_grid(clips, x, size, modulation, geometry)
                for slab in grid.slabs(taps_at_once):
                    matrix = matrices[slab.step][:, :, slab.taps]
                    rows += gather(project(table, matrix).to(size.dtype), slab.index, slab.weight)
            if bias is not None:
                out += bias
        return from_channels_last(out, x)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, size, weight, modulation = ctx.saved_tensors
        need_x, need_size, need_weight, need_bias, need_modulation, _ = ctx.needs_input_grad
        grad = grad.to(size.dtype).permute(0, 2, 3, 4, 1).contiguous()  # (B, T', H', W', O)
        matrices = tap_matrices(weight, ctx.geometry.groups)
        grad_x = _zeros_channels_last(x, size.dtype) if need_x else None
        grad_size = _zeros_channels_last(size, size.dtype) if need_size else None
        grad_modulation = _zeros_channels_last(modulation, size.dtype) if need_modulation else None
        grad_matrices = torch.zeros_like(matrices, dtype=size.dtype) if need_weight else None

        def through_reads(slab: Slab, clips: slice, table: Tensor, matrix: Tensor) -> None:
            projected, rows = project(table, matrix).to(size.dtype), grad[clips].flatten(0, 3)
            if need_size:
                grad_size[clips].flatten(0, 3).add_(slope_gradient(projected, slab, rows))
            if need_modulation:
                scales = grad_modulation[clips].view(len(rows), len(matrices), -1)
                scales[:, slab.step, slab.taps] = tap_gradient(projected, slab, rows)

        def through_rows(slab: Slab, clips: slice, table: Tensor, matrix: Tensor) -> None:
            length = len(table) * matrix.shape[2]
            spread = scatter(grad[clips].flatten(0, 3), slab.index, slab.weight, length).to(x.dtype)
            if need_x:
                grad_x[clips].flatten(0, 3).add_(project_to_input(spread, matrix))
            if need_weight:
                grad_matrices[slab.step][:, :, slab.taps] += project_to_weight(spread, table, matrix)

        with torch.autocast(x.device.type, enabled=False):
            clips_at_once, taps_at_once = chunk_sizes(x, weight)
            for clips in chunks(len(x), clips_at_once):
                table = voxel_rows(x[clips])
                grid = _sampling_grid(clips, x, size, modulation, ctx.geometry, need_size)
                for slab in grid.slabs(taps_at_once):
                    matrix = matrices[slab.step][:, :, slab.taps]
                    if need_size or need_modulation:
                        through_reads(slab, clips, table, matrix)
                    if need_x or need_weight:
                        through_rows(slab, clips, table, matrix)
        return (from_channels_last(grad_x, x), from_channels_last(grad_size, size),
                tap_matrices_to_weight(grad_matrices, weight) if need_weight else None,
                grad.sum((0, 1, 2, 3)).to(weight.dtype) if need_bias else None,
                from_channels_last(grad_modulation, modulation), None)


def gather(table: Tensor, index: Tensor, share: Tensor) -> Tensor:
    """Weighted sum of rows: (R·K, O), (N, E), (N, E) -> (N, O)."""
    return F.embedding_bag(index, table, per_sample_weights=share, mode='sum')


def scatter(rows: Tensor, index: Tensor, share: Tensor, length: int) -> Tensor:
    """The transpose of ``gather``: (N, O), (N, E), (N, E) -> (length, O)."""
    key, order = index.flatten().sort(stable=True)
    first = torch.searchsorted(key, torch.arange(length, device=key.device), out_int32=True)
    source = order.div(index.shape[1], rounding_mode='floor').int()
    return F.embedding_bag(source, rows, first, per_sample_weights=share.flatten()[order], mode='sum')


def slope_gradient(table: Tensor, slab: Slab, grad: Tensor) -> Tensor:
    """Gradient of the sizes, (N, S): what the output would move by, against its gradient."""
    moves = [gather(table, slab.index, slope) for slope in slab.slopes]
    return torch.stack([(move * grad).sum(1) for move in moves], dim=1)


def tap_gradient(table: Tensor, slab: Slab, grad: Tensor) -> Tensor:
    """Gradient of the modulation, (N, K): each tap's own read against the output's gradient."""
    length, sizes = len(slab.index), slab.tap_sizes
    first = torch.tensor(sizes, device=table.device).cumsum(0).roll(1)
    first[0] = 0
    # The entries of a tap lie side by side within each of the slab's entries in time.
    bags = torch.arange(0, slab.index.numel(), sum(sizes), device=table.device).unsqueeze(1)
    reads = F.embedding_bag(slab.index.flatten(), table, (bags + first).flatten().int(),
                            per_sample_weights=slab.share.flatten(), mode='sum')
    reads = reads.view(length, -1, len(sizes), table.shape[1]).sum(1)
    return (reads @ grad.unsqueeze(2)).squeeze(2)


def chunk_sizes(x: Tensor, weight: Tensor) -> tuple[int, int]:
    """How many clips, and how many taps of one step in time, fit one projected table."""
    budget = TABLE_ELEMENTS.get(x.device.type, TABLE_ELEMENTS_DEFAULT)
    per_tap = x.shape[2] * x.shape[3] * x.shape[4] * weight.shape[0]
    taps = weight.shape[3] * weight.shape[4]
    slabs = math.ceil(taps / max(1, budget // per_tap))
    return max(1, budget // (per_tap * taps)), math.ceil(taps / slabs)


def chunks(length: int, step: int) -> Iterator[slice]:
    """0 to ``length`` in slices of at most ``step``."""
    for start in range(0, length, step):
        yield slice(start, start + step)


def _zeros_channels_last(image: Tensor, dtype: torch.dtype) -> Tensor:
    return image.new_zeros(image.shape[0], *image.shape[2:], image.shape[1], dtype=dtype)


def _sampling_grid(clips: slice, x: Tensor, size: Tensor, modulation: Tensor | None, geometry: Geometry,
                   slopes: bool = False) -> SamplingGrid:
    scale = None if modulation is None else modulation[clips]
    return SamplingGrid(size[clips], scale, x.shape[2:], geometry, slopes)
