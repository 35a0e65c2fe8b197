"""The blocks of D2Conv3D on a CPU: whose columns are read at once, and by which threads.

Symbols: N output voxels, K taps, G groups, C channels in, c = C/G, O channels out, n voxels of a block.
"""
from __future__ import annotations

import functools
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import ModuleType

import torch
from torch import Tensor

from ..imports import compiled
from ._layouts import voxel_rows
from ._sampling import AXIS_CHANNELS, Geometry
from .choosing import forced

BLOCK_ELEMENTS = 1 << 19
"""Numbers in a block of columns at most: 2 MiB, about what a core has for itself."""
LEAST_VOXELS = 64
"""Of a clip, for a thread to be worth its start."""
LEAST_WORK = 1 << 20
"""Products of a clip below which the compiled reads are not worth their start, which takes a second."""


def by_columns(x: Tensor, weight: Tensor, geometry: Geometry) -> bool:
    """Whether a call is for this path; a matter of the shape of one clip, so that no batch changes a prediction."""
    if x.device.type != 'cpu' or x.dtype == torch.float64 or not len(x):
        return False
    if type(x) not in (Tensor, torch.nn.Parameter) or torch.compiler.is_compiling():    # shapes without values
        return False
    if forced() == 'torch' or weight.shape[1] == 1 and weight.shape[0] != geometry.groups:
        return False
    t, h, w = geometry.output_shape(x.shape[2:])
    return t * h * w * weight.numel() >= LEAST_WORK and kernels() is not None


def kernels() -> ModuleType | None:
    """The compiled reads, or ``None`` where there are none."""
    return compiled('ops._columns', 'D2Conv3D is computed in plain PyTorch')


class Reads:
    """One call's positions, in the form that the kernels take.

    Args:
        x: (B, C, T, H, W); size: (B, S, T', H', W'); modulation: (B, K, T', H', W') or ``None``.
        weight: (O, c, kt, kh, kw).
    """

    def __init__(self, x: Tensor, size: Tensor, modulation: Tensor | None, weight: Tensor, geometry: Geometry) -> None:
        self.depthwise = weight.shape[1] == 1                       # one product a channel is no GEMM
        self.groups = 1 if self.depthwise else geometry.groups
        self.table = rows_of(x)                                     # (R, C)
        self.sizes = rows_of(size)                                  # (N, S)
        self.scales = None if modulation is None else rows_of(modulation)           # (N, K)
        self.taps, self.clips = weight[0, 0].numel(), len(x)
        self.clip = len(self.sizes) // self.clips                   # voxels of one
        self.plan = plan(x.shape[2:], geometry, AXIS_CHANNELS[size.shape[1]], (x.shape[1], self.groups))
        self.where = (self.sizes.data_ptr(), 0 if self.scales is None else self.scales.data_ptr(),
                      self.plan.data_ptr())
        self.cuts = self._cuts()
        self.threads = min(torch.get_num_threads(), len(self.cuts) - 1)
        self.shares = self._shares()
        words = -(-12 * max(geometry.kernel) // 16) * 16            # lines of the cache, which threads do not share
        self.rooms = torch.empty(self.threads, words, dtype=torch.int64)
        self.entries = [room.data_ptr() for room in self.rooms]     # of a voxel, for each thread

    def share_out(self, work: Callable[[int, Iterator[tuple[int, int, Tensor]]], None]) -> None:
        """Call ``work`` with the number of a thread and its blocks: each has some in a row, and waits for nobody.

        A block is its first and last voxel and memory for its columns, (G, n, K, c): clips, or a part of one. Products
        take one thread each within it.
        """
        if self.threads == 1:
            work(0, self._blocks(self.cuts))
            return

        def run(thread: int) -> None:
            work(thread, self._blocks(self.cuts[self.shares[thread]:self.shares[thread + 1] + 1]))

        pool = _pool(os.getpid(), torch.get_num_threads())          # one for all: few blocks take some of its threads
        for done in [pool.submit(run, thread) for thread in range(self.threads)]:
            done.result()

    @property
    def share_no_clip(self) -> bool:
        """Whether no clip's blocks go to two threads."""
        return all(self.cuts[place] % self.clip == 0 for place in self.shares)

    def _blocks(self, cuts: Sequence[int]) -> Iterator[tuple[int, int, Tensor]]:
        width = self.taps * self.table.shape[1]
        room = torch.empty(max(stop - start for start, stop in zip(cuts, cuts[1:])) * width)
        for start, stop in zip(cuts, cuts[1:]):
            yield start, stop, room[:(stop - start) * width].view(self.groups, stop - start, self.taps, -1)

    def _cuts(self) -> list[int]:
        """Where blocks begin, and where the last ends: enough of them for the threads, of whole clips if they are."""
        most, threads = max(1, BLOCK_ELEMENTS // (self.taps * self.table.shape[1])), torch.get_num_threads()
        end = self.clips * self.clip
        if most >= self.clip and self.clips >= threads:
            step = min(most // self.clip, self.clips // threads)
            return [*range(0, end, step * self.clip), end]
        parts = max(-(-self.clip // most), min(-(-threads // self.clips), self.clip // LEAST_VOXELS), 1)
        return [clip * self.clip + self.clip * part // parts for clip in range(self.clips)
                for part in range(parts)] + [end]

    def _shares(self) -> list[int]:
        """Which of the cuts begin a thread's blocks, and the last: between clips, if there are enough."""
        blocks = len(self.cuts) - 1
        if self.clips < self.threads:
            return [blocks * thread // self.threads for thread in range(self.threads + 1)]
        starts = [self.clips * thread // self.threads * self.clip for thread in range(self.threads + 1)]
        return [bisect_left(self.cuts, start) for start in starts]

    def fill(self, columns: Tensor, start: int, stop: int, thread: int = 0) -> None:
        """Write the columns of the voxels from ``start`` to ``stop``."""
        kernels().fill_columns(self.table.data_ptr(), *self.where, self.entries[thread], start, stop,
                               columns[0].numel(), columns.data_ptr())

    def spread(self, columns: Tensor, start: int, stop: int, table: Tensor, thread: int = 0) -> None:
        """Add columns to the cells they were read from."""
        kernels().spread_columns(columns.data_ptr(), *self.where, self.entries[thread], start, stop,
                                 columns[0].numel(), table.data_ptr())

    def slopes(self, columns: Tensor, start: int, stop: int, of_sizes: Tensor, of_scales: Tensor | None,
               thread: int = 0) -> None:
        """Add the gradients of sizes (N, S) and modulation (N, K), from those of the columns."""
        scales = 0 if of_scales is None else of_scales.data_ptr()
        kernels().slopes_of_columns(columns.data_ptr(), self.table.data_ptr(), *self.where, self.entries[thread], start,
                                    stop, columns[0].numel(), of_sizes.data_ptr(), scales)


def plan(shape: Sequence[int], geometry: Geometry, maps: tuple[int | None, ...], channels: tuple[int, int]) -> Tensor:
    """What the kernels are told of a call, (8, 3).

    Rows, each as (t, h, w): the map of sizes that an axis follows, -1 for none; the shape of the input and of the
    output; kernel, stride, padding and dilation; at last C, G and 0.
    """
    followed = [-1 if channel is None else channel for channel in maps]
    return torch.tensor([followed, shape, geometry.output_shape(tuple(shape)), *geometry[:4], (*channels, 0)])


def rows_of(image: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B·T·H·W, C), contiguous float32."""
    return voxel_rows(image.detach().float()).contiguous()


def pieces(start: int, stop: int, least: int = 8) -> list[tuple[int, int]]:
    """The range cut for the threads that PyTorch may use, none shorter than ``least``."""
    count = max(1, min(torch.get_num_threads(), (stop - start) // least))
    cuts = [start + (stop - start) * i // count for i in range(count + 1)]
    return list(zip(cuts, cuts[1:]))


def side_by_side(run: Callable[..., None], arguments: Sequence[tuple[int, ...]]) -> None:
    """Call ``run`` with the number of a thread and each of the arguments, in threads of one pool; the first in this."""
    if len(arguments) > 1:
        pool = _pool(os.getpid(), torch.get_num_threads())
        waiting = [pool.submit(run, thread, *given) for thread, given in enumerate(arguments[1:], 1)]
    run(0, *arguments[0])
    if len(arguments) > 1:
        for future in waiting:
            future.result()


@functools.lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process, those of a parent are gone after a fork; PyTorch takes no more threads within them."""
    wanted = torch.get_num_threads()
    pool, all_there = ThreadPoolExecutor(threads, thread_name_prefix='d2conv3d'), Barrier(threads)

    def alone() -> None:
        all_there.wait()                                        # or one thread might do this for all of them
        torch.set_num_threads(1)

    for ready in [pool.submit(alone) for _ in range(threads)]:
        ready.result()
    torch.set_num_threads(wanted)                               # what threads that come later begin with, too
    return pool
