"""Forward and backward of D2Conv3D on a CPU with numba: columns in blocks that fit the cache, and one GEMM a block.

The same function as :mod:`._autograd` in the other order, gather first and multiply then. It is faster where the reads
are compiled, since a column is written once into the cache and never leaves it, and its cost besides the GEMMs of a
plain convolution is 125 cells a voxel. The sums of the reads are taken in one order, however many threads there are.

Symbols: N output voxels, K taps, G groups, C channels in, c = C/G, O channels out, o = O/G, n voxels of a block.
"""
from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import torch
from mmengine.logging import print_log
from torch import Tensor

from ._projection import voxel_rows
from ._sampling import AXIS_CHANNELS, Geometry
from .choosing import forced

BLOCK_ELEMENTS = 1 << 19
"""Numbers in a block of columns: 2 MiB, about what a core has for itself."""
LEAST_WORK = 1 << 20
"""Products of a clip below which the compiled reads are not worth their start, which takes a second."""


def usable(x: Tensor, weight: Tensor, geometry: Geometry) -> bool:
    """Whether a call is for this path; a matter of the shape of one clip, so that no batch changes a prediction."""
    if x.device.type != 'cpu' or x.dtype == torch.float64 or not len(x):
        return False
    if type(x) not in (Tensor, torch.nn.Parameter) or torch.compiler.is_compiling():    # shapes without values
        return False
    if forced() == 'torch' or weight.shape[1] == 1 and weight.shape[0] != geometry.groups:
        return False
    t, h, w = geometry.output_shape(x.shape[2:])
    return t * h * w * weight.numel() >= LEAST_WORK and kernels() is not None


@functools.cache
def kernels() -> ModuleType | None:
    """The compiled reads, or ``None`` where numba is not there or does not work; the log says so once."""
    try:
        from . import _columns
    except ImportError:                          # an extra: the other path needs no word
        return None
    except Exception as error:
        print_log(f'D2Conv3D: numba does not work here ({error}); computing in plain PyTorch', logger='current')
        return None
    return _columns


class Reads:
    """One call's positions, in the form that the kernels take.

    Args:
        x: (B, C, T, H, W); size: (B, S, T', H', W'); modulation: (B, K, T', H', W') or ``None``.
        weight: (O, c, kt, kh, kw).
    """

    def __init__(self, x: Tensor, size: Tensor, modulation: Tensor | None, weight: Tensor, geometry: Geometry) -> None:
        self.depthwise = weight.shape[1] == 1                       # one product a channel is no GEMM
        groups = 1 if self.depthwise else geometry.groups
        self.table = rows_of(x)                                     # (R, C)
        self.sizes = rows_of(size)                                  # (N, S)
        self.scales = None if modulation is None else rows_of(modulation)           # (N, K)
        self.taps, self.voxels = weight[0, 0].numel(), len(self.sizes)
        self.columns_shape = groups, self.taps, x.shape[1] // groups                # without n
        self.clip = self.voxels // len(x)
        self.plan = plan(size.shape, x.shape, geometry, groups)
        self.entries = 12 * max(geometry.kernel)                    # numbers of a voxel's entries, 8 bytes each
        self.where = (self.sizes.data_ptr(), 0 if self.scales is None else self.scales.data_ptr(),
                      self.plan.data_ptr())

    def blocks(self) -> Iterator[tuple[int, int]]:
        step = max(1, BLOCK_ELEMENTS // (self.taps * self.table.shape[1]))
        for start in range(0, self.voxels, step):
            yield start, min(start + step, self.voxels)

    def room(self) -> Tensor:
        """For the columns of a block, (G, n, K, c)."""
        groups, taps, inner = self.columns_shape
        most = max(stop - start for start, stop in self.blocks())
        return torch.empty(groups * most * taps * inner)

    def view(self, room: Tensor, start: int, stop: int) -> Tensor:
        groups, taps, inner = self.columns_shape
        return room[:groups * (stop - start) * taps * inner].view(groups, stop - start, taps, inner)

    def fill(self, columns: Tensor, start: int, stop: int) -> None:
        """Write the columns of the voxels from ``start`` to ``stop``."""
        table, stride, out = self.table.data_ptr(), columns[0].numel(), columns.data_ptr()

        def run(begin: int, end: int) -> None:
            room = torch.empty(self.entries, dtype=torch.int64)
            kernels().fill_columns(table, *self.where, room.data_ptr(), start, begin, end, stride, out)

        side_by_side(run, pieces(start, stop))

    def spread(self, columns: Tensor, start: int, stop: int, table: Tensor) -> None:
        """Add columns to the cells they were read from: whole clips side by side, or some channels of each."""
        given, stride, out = columns.data_ptr(), columns[0].numel(), table.data_ptr()

        def run(begin: int, end: int, low: int, high: int) -> None:
            room = torch.empty(self.entries, dtype=torch.int64)
            kernels().spread_columns(given, *self.where, room.data_ptr(), start, begin, end, stride, low, high, out)

        inner = columns.shape[3]
        cuts = sorted({start, stop, *range(-(-start // self.clip) * self.clip, stop, self.clip)})
        threads = torch.get_num_threads()
        if len(cuts) > 2 * threads:
            cuts = [cuts[(len(cuts) - 1) * i // threads] for i in range(threads + 1)]
            side_by_side(run, [(begin, end, 0, inner) for begin, end in zip(cuts, cuts[1:])])
        else:
            side_by_side(run, [(start, stop, low, high) for low, high in pieces(0, inner, least=16)])

    def slopes(self, columns: Tensor, start: int, stop: int, of_sizes: Tensor, of_scales: Tensor | None) -> None:
        """Add the gradients of sizes (N, S) and modulation (N, K), from those of the columns."""
        given, table, stride, sizes = columns.data_ptr(), self.table.data_ptr(), columns[0].numel(), of_sizes.data_ptr()
        scales = 0 if of_scales is None else of_scales.data_ptr()

        def run(begin: int, end: int) -> None:
            room = torch.empty(self.entries, dtype=torch.int64)
            kernels().slopes_of_columns(given, table, *self.where, room.data_ptr(), start, begin, end, stride, sizes,
                                        scales)

        side_by_side(run, pieces(start, stop))


def forward(x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
            geometry: Geometry) -> Tensor:
    """The checked arguments of ``d2conv3d`` in, (B, T', H', W', O) of float32 out."""
    reads = Reads(x, size, modulation, weight, geometry)
    matrix = _matrix(weight, reads.columns_shape[0])                # (G, K·c, o)
    out, room = torch.empty(reads.voxels, weight.shape[0]), reads.room()
    for start, stop in reads.blocks():
        columns = reads.view(room, start, stop)
        reads.fill(columns, start, stop)
        if reads.depthwise:
            out[start:stop] = columns[0].mul_(matrix.view(columns.shape[2:])).sum(1)
        elif len(matrix) == 1:
            torch.mm(columns[0].flatten(1), matrix[0], out=out[start:stop])
        else:
            out[start:stop] = torch.bmm(columns.flatten(2), matrix).transpose(0, 1).flatten(1)
    if bias is not None:
        out += bias
    return out.view(len(x), *size.shape[2:], -1)


def backward(grad: Tensor, x: Tensor, size: Tensor, weight: Tensor, modulation: Tensor | None, geometry: Geometry,
             need_x: bool, need_size: bool, need_weight: bool, need_modulation: bool) -> tuple[Tensor | None, ...]:
    """Gradients of x, size, weight and modulation, in their dtypes; ``None`` for what nobody wants.

    Args:
        grad: (B, T', H', W', O), float32.
    """
    reads = Reads(x, size, modulation, weight, geometry)
    groups = reads.columns_shape[0]
    rows = grad.flatten(0, 3)                                       # (N, O)
    matrix = _matrix(weight, groups)
    of_matrix = torch.zeros_like(matrix) if need_weight else None
    of_table = torch.zeros_like(reads.table) if need_x else None
    of_sizes = torch.zeros_like(reads.sizes)
    of_scales = torch.zeros_like(reads.scales) if need_modulation else None
    room = reads.room()
    for start, stop in reads.blocks():
        columns, given = reads.view(room, start, stop), rows[start:stop]
        if need_weight:
            reads.fill(columns, start, stop)
            _add_weight_gradient(of_matrix, columns, given, reads.depthwise)
        if not (need_x or need_size or need_modulation):
            continue
        _columns_gradient(columns, matrix, given, reads.depthwise)
        if need_size or need_modulation:
            reads.slopes(columns, start, stop, of_sizes, of_scales)
        if need_x:
            reads.spread(columns, start, stop, of_table)
    return (_as_image(of_table, x), _as_image(of_sizes, size) if need_size else None,
            _as_weight(of_matrix, weight) if need_weight else None, _as_image(of_scales, modulation))


def plan(size: tuple[int, ...], x: tuple[int, ...], geometry: Geometry, groups: int) -> Tensor:
    """What the kernels are told of a call, (8, 3).

    Rows, each as (t, h, w): the map of sizes that an axis follows, -1 for none; the shape of the input and of the
    output; kernel, stride, padding and dilation; at last C, G and 0.
    """
    maps = [-1 if channel is None else channel for channel in AXIS_CHANNELS[size[1]]]
    return torch.tensor([maps, x[2:], size[2:], *geometry[:4], (x[1], groups, 0)])


def _add_weight_gradient(of_matrix: Tensor, columns: Tensor, grad: Tensor, depthwise: bool) -> None:
    """(G, n, K, c), (n, O) added to (G, K·c, o). Overwrites the columns of a depthwise layer."""
    if depthwise:
        of_matrix += columns[0].mul_(grad.unsqueeze(1)).sum(0).flatten().view_as(of_matrix)
    else:
        by_group = grad.unflatten(1, (len(columns), -1)).transpose(0, 1)
        of_matrix.baddbmm_(columns.flatten(2).transpose(1, 2), by_group)


def _columns_gradient(columns: Tensor, matrix: Tensor, grad: Tensor, depthwise: bool) -> None:
    """Write the gradient of the columns, (G, n, K, c), from that of the output, (n, O)."""
    if depthwise:
        torch.mul(grad.unsqueeze(1), matrix.view(columns.shape[2:]), out=columns[0])
    else:
        by_group = grad.unflatten(1, (len(columns), -1)).transpose(0, 1)
        torch.bmm(by_group, matrix.transpose(1, 2), out=columns.flatten(2))


def _matrix(weight: Tensor, groups: int) -> Tensor:
    """(O, c, kt, kh, kw) -> (G, K·c, o), and (1, K·C, 1) for a depthwise layer."""
    taps = weight.detach().float().flatten(2)                       # (O, c, K)
    if weight.shape[1] == 1 and groups == 1:
        return taps[:, 0].T.reshape(1, -1, 1)
    return taps.unflatten(0, (groups, -1)).permute(0, 3, 2, 1).reshape(groups, -1, len(weight) // groups)


def _as_weight(matrix: Tensor, weight: Tensor) -> Tensor:
    """The inverse of ``_matrix``."""
    inner, taps = weight.shape[1], weight[0, 0].numel()
    if matrix.shape[2] == 1 and inner == 1:
        return matrix.view(taps, -1).T.reshape(weight.shape).to(weight.dtype)
    return matrix.unflatten(1, (taps, inner)).permute(0, 3, 2, 1).reshape(weight.shape).to(weight.dtype)


def rows_of(image: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B·T·H·W, C), contiguous float32."""
    return voxel_rows(image.detach().float()).contiguous()


def _as_image(rows: Tensor | None, like: Tensor | None) -> Tensor | None:
    """(B·T·H·W, C) -> (B, T, H, W, C)."""
    return None if rows is None else rows.view(like.shape[0], *like.shape[2:], -1)


def pieces(start: int, stop: int, least: int = 8) -> list[tuple[int, int]]:
    """The range cut for the threads that PyTorch may use, none shorter than ``least``."""
    count = max(1, min(torch.get_num_threads(), (stop - start) // least))
    cuts = [start + (stop - start) * i // count for i in range(count + 1)]
    return list(zip(cuts, cuts[1:]))


def side_by_side(run: Callable[..., None], arguments: Sequence[tuple[int, ...]]) -> None:
    """Call ``run`` with each of the arguments, in threads of one pool; the first in this one."""
    waiting = [_pool(os.getpid(), torch.get_num_threads()).submit(run, *given) for given in arguments[1:]]
    run(*arguments[0])
    for future in waiting:
        future.result()


@functools.lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process: those of a parent are gone after a fork."""
    return ThreadPoolExecutor(threads, thread_name_prefix='d2conv3d')
