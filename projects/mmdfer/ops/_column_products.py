"""Forward and backward of D2Conv3D on a CPU with numba: columns in blocks that fit the cache, and one GEMM a block.

The same function as :mod:`._autograd` in the other order, gather first and multiply then. It is faster where the reads
are compiled, since a column is written once into the cache and never leaves it, and its cost besides the GEMMs of a
plain convolution is 125 cells a voxel. Each thread has blocks of its own from beginning to end; sums over the blocks of
several threads are added in the order of the threads, so a number of threads always gives the same figures.

Symbols: N output voxels, K taps, G groups, C channels in, c = C/G, O channels out, o = O/G, n voxels of a block.
"""
from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._column_blocks import Reads
from ._layouts import from_channels_last
from ._sampling import Geometry


class ColumnsConv3d(torch.autograd.Function):
    """The checked arguments of ``d2conv3d`` in, (B, O, T', H', W') out, in memory by channels last if asked for."""

    @staticmethod
    def forward(ctx, x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
                geometry: Geometry, channels_last: bool) -> Tensor:
        ctx.save_for_backward(x, size, weight, modulation)
        ctx.geometry = geometry
        with torch.autocast('cpu', enabled=False):
            reads = Reads(x, size, modulation, weight, geometry)
            out = Rows.empty(len(x), len(weight), size.shape[2:], channels_last)
            matrix = _matrix(weight, reads.groups)
            shift = None if bias is None else bias.detach().float()

            def run(thread: int, blocks: Iterator[tuple[int, int, Tensor]]) -> None:
                for start, stop, columns in blocks:
                    reads.fill(columns, start, stop, thread)
                    if reads.depthwise or reads.groups > 1:
                        out.write(start, stop, _product(columns, matrix, reads.depthwise), shift)
                    else:
                        out.multiply(start, stop, columns[0].flatten(1), matrix[0], shift)

            reads.share_out(run)
            return out.image.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, size, weight, modulation = ctx.saved_tensors
        need_x, need_size, need_weight, need_bias, need_modulation, *_ = ctx.needs_input_grad
        with torch.autocast('cpu', enabled=False):
            grad = grad.float()
            rows = Rows(grad)
            reads = Reads(x, size, modulation, weight, ctx.geometry)
            matrix = _matrix(weight, reads.groups)
            of_matrices = _zeros(matrix, reads.threads if need_weight else 0)
            of_tables = _zeros(reads.table, 0 if not need_x else 1 if reads.share_no_clip else reads.threads)
            of_sizes = torch.zeros_like(reads.sizes) if need_size or need_modulation else None
            of_scales = torch.zeros_like(reads.scales) if need_modulation else None

            def run(thread: int, blocks: Iterator[tuple[int, int, Tensor]]) -> None:
                for start, stop, columns in blocks:
                    given = rows.read(start, stop)
                    if need_weight:
                        reads.fill(columns, start, stop, thread)
                        _add_weight_gradient(of_matrices[thread], columns, given, reads.depthwise)
                    if need_x or of_sizes is not None:
                        _columns_gradient(columns, matrix, given, reads.depthwise)
                    if of_sizes is not None:
                        reads.slopes(columns, start, stop, of_sizes, of_scales, thread)
                    if need_x:
                        reads.spread(columns, start, stop, of_tables[thread % len(of_tables)], thread)

            reads.share_out(run)
            of_matrix, of_table = _total(of_matrices), _total(of_tables)
        return (_as_image(of_table, x), _as_image(of_sizes, size) if need_size else None,
                _as_weight(of_matrix, weight) if need_weight else None,
                grad.sum((0, 2, 3, 4)).to(weight.dtype) if need_bias else None, _as_image(of_scales, modulation), None,
                None)


class Rows:
    """An image (B, O, T', H', W'), read and written by blocks of voxels (O, n), without a copy where memory allows."""

    def __init__(self, image: Tensor) -> None:
        self.image = image
        self.clip = image.shape[2] * image.shape[3] * image.shape[4]
        by_channels = image.permute(0, 2, 3, 4, 1)
        self.table = by_channels.flatten(0, 3) if by_channels.is_contiguous() else None         # (N, O)
        self.clips = None if self.table is not None else image.contiguous().flatten(2)          # (B, O, T'·H'·W')

    @classmethod
    def empty(cls, clips: int, channels: int, shape: tuple[int, ...], channels_last: bool) -> Rows:
        if channels_last:
            return cls(torch.empty(clips, *shape, channels).permute(0, 4, 1, 2, 3))
        return cls(torch.empty(clips, channels, *shape))

    def read(self, start: int, stop: int) -> Tensor:
        """The voxels of a block of :class:`Reads`, (O, n)."""
        if self.table is not None:
            return self.table[start:stop].T
        return self._block(start, stop).transpose(0, 1).flatten(1)

    def write(self, start: int, stop: int, block: Tensor, shift: Tensor | None) -> None:
        """Put a block (O, n) plus a shift (O,) there."""
        if self.table is not None:
            out = self.table[start:stop].T.unsqueeze(1)
        else:
            out = self._block(start, stop).transpose(0, 1)                                      # (O, clips, part)
        if shift is None:
            out.copy_(block.view(out.shape))
        else:
            torch.add(block.view(out.shape), shift.view(-1, 1, 1), out=out)

    def multiply(self, start: int, stop: int, columns: Tensor, matrix: Tensor, shift: Tensor | None) -> None:
        """Put the product of columns (n, K·C) and a matrix (O, K·C) there, plus a shift (O,)."""
        if self.table is not None:
            out = torch.mm(columns, matrix.T, out=self.table[start:stop])
        else:
            out = self._block(start, stop)
            columns = columns.unflatten(0, (len(out), -1)).transpose(1, 2)
            torch.bmm(matrix.expand(len(out), -1, -1), columns, out=out)
            shift = None if shift is None else shift.unsqueeze(1)
        if shift is not None:
            out += shift

    def _block(self, start: int, stop: int) -> Tensor:
        """(B, O, T'·H'·W') -> (clips, O, part of a clip), where blocks are clips or a part of one."""
        first, inside = divmod(start, self.clip)
        last = -(-stop // self.clip)
        return self.clips[first:last, :, inside:inside + (stop - start) // (last - first)]


def _zeros(like: Tensor, count: int) -> list[Tensor]:
    return [torch.zeros_like(like) for _ in range(count)]


def _total(parts: list[Tensor]) -> Tensor | None:
    """The sum of the threads' parts, in their order; ``None`` of none."""
    for part in parts[1:]:
        parts[0].add_(part)
    return parts[0] if parts else None


def _product(columns: Tensor, matrix: Tensor, depthwise: bool) -> Tensor:
    """(G, n, K, c), (G, o, K·c) -> (O, n). Overwrites the columns of a depthwise layer."""
    if depthwise:
        return columns[0].mul_(matrix).sum(1).T.contiguous()
    return torch.bmm(matrix, columns.flatten(2).transpose(1, 2)).flatten(0, 1)


def _add_weight_gradient(of_matrix: Tensor, columns: Tensor, grad: Tensor, depthwise: bool) -> None:
    """(G, n, K, c), (O, n) added to (G, o, K·c). Overwrites the columns of a depthwise layer."""
    if depthwise:
        of_matrix += columns[0].mul_(grad.T.unsqueeze(1)).sum(0)
    elif len(of_matrix) == 1:
        of_matrix[0].addmm_(grad, columns[0].flatten(1))
    else:
        of_matrix.baddbmm_(grad.unflatten(0, (len(columns), -1)), columns.flatten(2))


def _columns_gradient(columns: Tensor, matrix: Tensor, grad: Tensor, depthwise: bool) -> None:
    """Write the gradient of the columns, (G, n, K, c), from that of the output, (O, n)."""
    if depthwise:
        torch.mul(grad.T.unsqueeze(1), matrix, out=columns[0])
    elif len(matrix) == 1:
        torch.mm(grad.T, matrix[0], out=columns[0].flatten(1))
    else:
        torch.bmm(grad.unflatten(0, (len(columns), -1)).transpose(1, 2), matrix, out=columns.flatten(2))


def _matrix(weight: Tensor, groups: int) -> Tensor:
    """(O, c, kt, kh, kw) -> (G, o, K·c), and (K, C) for a depthwise layer."""
    taps = weight.detach().float().flatten(2)                       # (O, c, K)
    if weight.shape[1] == 1:
        return taps[:, 0].T.contiguous()
    return taps.transpose(1, 2).reshape(groups, len(weight) // groups, -1)


def _as_weight(matrix: Tensor, weight: Tensor) -> Tensor:
    """The inverse of ``_matrix``."""
    out, inner = weight.shape[:2]
    if inner == 1:
        return matrix.T.reshape(weight.shape).to(weight.dtype)
    return matrix.view(out, -1, inner).transpose(1, 2).reshape(weight.shape).to(weight.dtype)


def _as_image(rows: Tensor | None, like: Tensor | None) -> Tensor | None:
    """(B·T·H·W, C) -> (B, C, T, H, W), in the dtype and memory format of ``like``."""
    return None if rows is None else from_channels_last(rows.view(like.shape[0], *like.shape[2:], -1), like)
