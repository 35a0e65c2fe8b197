"""Starts the Triton kernels of D2Conv3D: output, and the gradients that are wanted."""
from __future__ import annotations

import torch
from torch import Tensor

from . import _triton_narrow_launch as narrow, _triton_wide_launch as wide
from ._layouts import from_channels_last
from ._sampling import Geometry
from ._triton_operands import channel_rows, matrices_of, on_device_of, operands, without_autocast


def launch_output(x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
                  geometry: Geometry, matrices: Tensor | None = None) -> Tensor:
    """The checked arguments of ``d2conv3d`` in, (B, O, T', H', W') out; ``matrices`` are the weight's, if known."""
    out = x.new_empty(len(x), *size.shape[2:], len(weight))                     # (B, T', H', W', O)
    if out.numel():
        with on_device_of(x), without_autocast(x):
            matrices = matrices_of(weight, geometry) if matrices is None else matrices
            given = operands(x, size, weight, modulation, geometry, matrices)
            (narrow if given.narrow else wide).write_output(given, bias, out.flatten(0, 3))
    return from_channels_last(out, x)


def launch_gradients(grad: Tensor, x: Tensor, size: Tensor, weight: Tensor, modulation: Tensor | None,
                     geometry: Geometry, wanted: list[bool], matrices: Tensor | None = None
                     ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, size, weight and modulation; what is not ``wanted`` of them is an empty tensor."""
    given_all = (x, size, weight, modulation)
    if grad.numel() == 0 or x.numel() == 0:
        found = [torch.zeros_like(tensor) if wish else None for wish, tensor in zip(wanted, given_all)]
    else:
        with on_device_of(x), without_autocast(x):
            matrices = matrices_of(weight, geometry) if matrices is None else matrices
            given = operands(x, size, weight, modulation, geometry, matrices)
            rows = channel_rows(grad.to(x.dtype), geometry.groups, given.narrow)
            found = (narrow if given.narrow else wide).gradients(given, rows, x, weight, wanted)
    first, second, third, fourth = (x.new_empty(0) if one is None else one for one in found)
    return first, second, third, fourth
