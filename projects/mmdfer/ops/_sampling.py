"""Where the taps of a D2Conv3D fall, and with which weights they are read.

The taps of one voxel form a product grid, so a position is worked out once an axis and shared by all taps that meet
there. A tap beside the centre lies between two cells of its axis, the middle tap lies on the voxel's own cell. A 3×3×3
kernel so reads 5·5·5 = 125 cells, not 27·8 = 216.

Symbols: N output voxels, E entries (cells read) of one axis, P entries of the height-width plane.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

SIZE_MAPS = {'x': 1, 'xy': 2, 'xyz': 3}
# The channel of the size map that t, h and w follow, by the number of channels.
AXIS_CHANNELS = {1: (None, 0, 0), 2: (None, 0, 1), 3: (0, 1, 2)}


class Geometry(NamedTuple):
    """The numbers of a convolution, each as (t, h, w)."""
    kernel: tuple[int, int, int]
    stride: tuple[int, int, int]
    padding: tuple[int, int, int]
    dilation: tuple[int, int, int]
    groups: int

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """(T, H, W) of the input to (T', H', W') of the output."""
        t, h, w = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in
                   zip(shape, self.kernel, self.stride, self.padding, self.dilation))
        return t, h, w


class Axis(NamedTuple):
    """The cells that the taps of one axis read.

    Args:
        index: cell, (N, E) of int32, clamped into the axis.
        weight: its share, (N, E), 0 outside.
        slope: derivative of the share by the size, (N, E); ``None`` where the size is fixed.
        taps: the tap of every entry, ascending.
    """
    index: Tensor
    weight: Tensor
    slope: Tensor | None
    taps: list[int]


class Slab(NamedTuple):
    """All reads of some taps that share one step in time, (N, E) each.

    Args:
        step: the tap in time.
        taps: which of the kh·kw taps of a frame.
        index: row of the projected table, which holds these taps for every voxel of the input.
        weight: share, modulation included.
        share: the same without modulation.
        slopes: derivative of ``weight`` by each channel of the size map.
        tap_sizes: how many entries each tap has for each entry in time.
    """
    step: int
    taps: slice
    index: Tensor
    weight: Tensor
    share: Tensor
    slopes: list[Tensor]
    tap_sizes: list[int]


def axis_entries(size: Tensor | None, axis: int, length: int, geometry: Geometry, grid: tuple[int, ...],
                 like: Tensor) -> Axis:
    """Entries of one axis: tap b is read at ``index·stride - padding + dilation·(k//2) + b·size``.

    Args:
        size: (B, T', H', W') dilation of every voxel on this axis, ``None`` for 1 everywhere.
        axis: 0 for t, 1 for h, 2 for w.
        length: cells of the input on this axis.
        geometry: of the convolution.
        grid: (B, T', H', W').
        like: gives device and dtype of the shares.
    """
    reach = geometry.kernel[axis] // 2
    dilation = geometry.dilation[axis]
    steps, upper, taps = [], [], []
    for tap, step in enumerate(range(-reach, reach + 1)):
        corners = (0, 1) if size is not None and step != 0 else (0,)
        for corner in corners:
            steps.append(step * dilation)
            upper.append(corner)
            taps.append(tap)
    step, upper = like.new_tensor(steps), like.new_tensor(upper)

    centre = torch.arange(grid[axis + 1], device=like.device, dtype=like.dtype)
    centre = centre * geometry.stride[axis] - geometry.padding[axis] + dilation * reach
    centre = centre.view([-1 if i == axis + 1 else 1 for i in range(5)])
    if size is None:
        position = centre + step
    else:
        # The clamp keeps a runaway size within int32; what lies beyond is outside either way.
        position = (centre + step * size.unsqueeze(-1)).clamp(-2, length + 1)
    corner = position.floor() + upper
    inside = (corner >= 0) & (corner < length)
    weight = (1 - (position - corner).abs()) * inside
    slope = None if size is None else (step * (2 * upper - 1)) * inside
    # A size that is not a number has no cell: the second clamp keeps the read in bounds.
    index = corner.int().clamp_(0, length - 1)

    def rows(entries: Tensor) -> Tensor:
        return entries.expand(*grid, len(steps)).reshape(-1, len(steps))

    return Axis(rows(index), rows(weight), None if slope is None else rows(slope), taps)


class SamplingGrid:
    """The reads of a convolution, handed out in slabs of taps.

    Args:
        size: (B, S, T', H', W'), S as in ``SIZE_MAPS``.
        modulation: (B, K, T', H', W') or ``None``.
        shape: (T, H, W) of the input.
        geometry: of the convolution.
        slopes: whether the slabs carry derivatives by the size.
    """

    def __init__(self, size: Tensor, modulation: Tensor | None, shape: tuple[int, ...], geometry: Geometry,
                 slopes: bool = False) -> None:
        self.channel_of_axis = AXIS_CHANNELS[size.shape[1]]
        self.plane_taps = geometry.kernel[1] * geometry.kernel[2]
        grid = (size.shape[0], *size.shape[2:])
        maps = [None if channel is None else size[:, channel] for channel in self.channel_of_axis]
        self.time, high, wide = (
            axis_entries(maps[axis], axis, shape[axis], geometry, grid, size) for axis in range(3))
        self._join_plane(high, wide, shape, geometry, slopes)
        clip = torch.arange(grid[0], device=size.device, dtype=torch.int32) * shape[0]
        clip = clip.repeat_interleave(grid[1] * grid[2] * grid[3]).unsqueeze(1)
        self.time_row = (self.time.index + clip) * (shape[1] * shape[2])
        self.modulation = None
        if modulation is not None:  # (B, K, T', H', W') -> (N, kt, kh·kw)
            scale = modulation.permute(0, 2, 3, 4, 1)
            self.modulation = scale.reshape(-1, geometry.kernel[0], self.plane_taps)

    def _join_plane(self, high: Axis, wide: Axis, shape: tuple[int, ...], geometry: Geometry, slopes: bool) -> None:
        """Products of the two axes of a frame, (N, P), the entries of one tap side by side."""
        entries = sorted((i * geometry.kernel[2] + j, a, b) for a, i in enumerate(high.taps)
                         for b, j in enumerate(wide.taps))
        taps = [tap for tap, _, _ in entries]
        self.tap_sizes = [taps.count(tap) for tap in range(self.plane_taps)]
        self.tap_of_entry, a, b = torch.tensor(entries, device=high.index.device).unbind(1)
        self.plane_row = (high.index * shape[2])[:, a] + wide.index[:, b]
        weight_h, weight_w = high.weight[:, a], wide.weight[:, b]
        self.plane_weight = weight_h * weight_w
        self.plane_slopes = []
        if slopes:
            slope_h, slope_w = high.slope[:, a] * weight_w, weight_h * wide.slope[:, b]
            shared = self.channel_of_axis[1] == self.channel_of_axis[2]
            self.plane_slopes = [slope_h + slope_w] if shared else [slope_h, slope_w]

    def slabs(self, width: int) -> Iterator[Slab]:
        """All taps, at most ``width`` of one step in time at once."""
        for step in range(self.time.taps[-1] + 1):
            for start in range(0, self.plane_taps, width):
                yield self._slab(step, slice(start, min(start + width, self.plane_taps)))

    def _slab(self, step: int, taps: slice) -> Slab:
        first = self.time.taps.index(step)
        t = slice(first, first + self.time.taps.count(step))  # entries in time
        first = sum(self.tap_sizes[:taps.start])
        p = slice(first, first + sum(self.tap_sizes[taps]))  # entries in the plane
        width = taps.stop - taps.start
        tap = (self.tap_of_entry[p] - taps.start).int()
        index = _outer(torch.add, self.time_row[:, t] * width, self.plane_row[:, p] * width + tap)
        share = _outer(torch.mul, self.time.weight[:, t], self.plane_weight[:, p])
        factors = [(self.time.weight, slope) for slope in self.plane_slopes]
        if self.plane_slopes and self.time.slope is not None:
            factors.insert(0, (self.time.slope, self.plane_weight))
        if self.modulation is None:
            slopes = [_outer(torch.mul, time[:, t], plane[:, p]) for time, plane in factors]
            return Slab(step, taps, index, share, share, slopes, self.tap_sizes[taps])
        scale = self.modulation[:, step][:, self.tap_of_entry[p]]
        weight = _outer(torch.mul, self.time.weight[:, t], self.plane_weight[:, p] * scale)
        slopes = [_outer(torch.mul, time[:, t], plane[:, p] * scale) for time, plane in factors]
        return Slab(step, taps, index, weight, share, slopes, self.tap_sizes[taps])


def _outer(combine: Callable[[Tensor, Tensor], Tensor], time: Tensor, plane: Tensor) -> Tensor:
    """(N, E_t) with (N, P) -> (N, E_t·P)."""
    return combine(time.unsqueeze(2), plane.unsqueeze(1)).flatten(1)
