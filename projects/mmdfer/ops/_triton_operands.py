"""What the Triton kernels of D2Conv3D are given: rows, matrices, sizes and the numbers of the convolution."""
from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ._sampling import Geometry
from ._triton_blocks import shape_class

LANE = 16
"""Channels a group are padded to a multiple of this, the least that a matrix product takes."""

NARROW = 8
"""Groups of at most so many channels in and out are worked on channel by channel."""

LARGEST = 2 ** 31 - 1
"""Kernels count in 32 bits."""


class Operands(NamedTuple):
    """Arguments of a convolution as the kernels take them.

    Args:
        rows: input, (R, G·c), channels padded where groups are wide.
        size, modulation: float32, contiguous.
        matrices: (G, K, c, o), padded likewise; of narrow groups (K, c, O).
        narrow: whether groups are.
        inner, outer: c and o of ``matrices``.
        voxels, cells: of the output and the input, clips and all.
        shape: output's volume, T, H, W, T', H', W'.
        axes: numbers of the axes, by the kernels' names.
    """
    rows: Tensor
    size: Tensor
    modulation: Tensor | None
    matrices: Tensor
    narrow: bool
    groups: int
    inner: int
    outer: int
    voxels: int
    cells: int
    shape: tuple[int, ...]
    axes: dict[str, Any]

    @property
    def taps(self) -> int:
        return self.axes['KT'] * self.axes['KH'] * self.axes['KW']


def matrices_of(weight: Tensor, geometry: Geometry) -> Tensor:
    """(O, c, kt, kh, kw) -> ``Operands.matrices``."""
    groups, (out, inner) = geometry.groups, weight.shape[:2]
    outer = out // groups
    if _is_narrow(inner, outer):
        return weight.reshape(out, inner, -1).permute(2, 1, 0).contiguous()
    matrices = weight.reshape(groups, outer, inner, -1).permute(0, 3, 2, 1)
    lacking = -outer % LANE, -inner % LANE
    return (F.pad(matrices, (0, lacking[0], 0, lacking[1])) if any(lacking) else matrices).contiguous()


def operands(x: Tensor, size: Tensor, weight: Tensor, modulation: Tensor | None, geometry: Geometry,
             matrices: Tensor) -> Operands:
    """The checked arguments of ``d2conv3d`` for the kernels; copies what does not lie as it should."""
    groups = geometry.groups
    narrow = _is_narrow(weight.shape[1], len(weight) // groups)
    output = tuple(size.shape[2:])
    return Operands(
        rows=channel_rows(x, groups, narrow), size=size.contiguous(),
        modulation=None if modulation is None else modulation.contiguous(), matrices=matrices, narrow=narrow,
        groups=groups, inner=matrices.shape[-2], outer=matrices.shape[-1] // (groups if narrow else 1),
        voxels=len(x) * math.prod(output), cells=len(x) * math.prod(x.shape[2:]),
        shape=(math.prod(output), *x.shape[2:], *output), axes=axes_of(geometry, size.shape[1]))


def _is_narrow(inner: int, outer: int) -> bool:
    return inner <= NARROW and outer <= NARROW


def channel_rows(image: Tensor, groups: int, narrow: bool) -> Tensor:
    """(B, C, T, H, W) -> (B·T·H·W, C), the channels of each wide group padded."""
    rows = image.permute(0, 2, 3, 4, 1).reshape(-1, groups, image.shape[1] // groups)
    lacking = 0 if narrow else -rows.shape[2] % LANE
    return (F.pad(rows, (0, lacking)) if lacking else rows).flatten(1).contiguous()


def class_of(given: Operands, voxels: int) -> tuple[int, ...]:
    """What tells convolutions from one another for which other blocks may be best."""
    return (shape_class(voxels), given.groups, given.inner, given.outer, given.taps, given.axes['MAPS'],
            int(given.modulation is not None))


def sum_of(parts: Tensor) -> Tensor:
    """Over the first axis; no copy of one part."""
    return parts[0] if len(parts) == 1 else parts.sum(0)


def axes_of(geometry: Geometry, maps: int) -> dict[str, Any]:
    """Numbers of the axes, by the kernels' names; ``maps`` is S."""
    numbers: dict[str, Any] = dict(MAPS=maps, REACH_T=geometry.kernel[0] // 2)
    for axis, letter in enumerate('THW'):
        kernel, dilation = geometry.kernel[axis], geometry.dilation[axis]
        numbers |= {f'K{letter}': kernel, f'STRIDE_{letter}': geometry.stride[axis], f'DILATION_{letter}': dilation,
                    f'OFFSET_{letter}': dilation * (kernel // 2) - geometry.padding[axis]}
    return numbers


def fits_kernels(x: Tensor, size: Tensor, weight: Tensor) -> bool:
    """Whether everything can be counted in 32 bits."""
    channels = max(LANE * weight.shape[0], LANE * x.shape[1])
    taps = weight.shape[2] * weight.shape[3] * weight.shape[4]
    cells, voxels = x.numel() // max(1, x.shape[1]), size.numel() // size.shape[1]
    columns = voxels // max(1, len(x)) * taps * channels            # of one clip
    return max(cells * max(channels, taps), voxels * max(channels, 8 * taps), columns) <= LARGEST


def lanes_of(channels: int) -> int:
    """Channels with their padding."""
    return channels + -channels % LANE


def bottleneck_fits(cells: int, volume: tuple[int, int, int], inner: int, outer: int, taps: int) -> bool:
    """Whether a dense convolution from ``inner`` to as many channels is wide, and all can be counted in 32 bits."""
    lanes = lanes_of(inner)
    largest = max(cells * max(lanes, 8 * taps), math.prod(volume) * taps * lanes)
    return inner == outer and not _is_narrow(inner, outer) and largest <= LARGEST


def on_device_of(tensor: Tensor) -> AbstractContextManager:
    """Kernels start on the current device; within this it is the tensor's."""
    elsewhere = tensor.is_cuda and tensor.device.index != torch.cuda.current_device()
    return torch.cuda.device(tensor.device) if elsewhere else nullcontext()


def without_autocast(tensor: Tensor) -> AbstractContextManager:
    """Within, products have the type of what is multiplied."""
    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()
