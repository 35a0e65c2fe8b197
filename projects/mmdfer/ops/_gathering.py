"""D2Conv3D in operators that every runtime has, for models that leave PyTorch.

The sums are those of :mod:`._autograd`: multiply every input voxel by the weight of every tap, then let each output
voxel add up the rows it reads. No size of a clip is a number here, so that an exported graph takes clips of any number
and length, and no sum of bags, which other runtimes lack or run slowly. A frame's taps are read in one go: a graph of
few large steps is traced and run faster than one of many small ones.

Symbols: R input voxels, N output voxels, E entries (cells read), C channels in, O channels out.
"""
from __future__ import annotations

import torch
from torch import Tensor

from ._projection import tap_matrices
from ._sampling import AXIS_CHANNELS, Geometry


def gathered(x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
             geometry: Geometry) -> Tensor:
    """The checked arguments of ``d2conv3d`` in, (B, O, T', H', W') out."""
    ones = torch.ones_like(size[:, 0])                                      # (B, T', H', W')
    maps = [None if channel is None else size[:, channel] for channel in AXIS_CHANNELS[int(size.shape[1])]]
    (t, t_share, t_taps), (h, h_share, h_taps), (w, w_share, w_taps) = (
        _entries(maps[axis], ones, axis, x.shape[axis + 2], geometry) for axis in range(3))
    height, width, wide = x.shape[3], x.shape[4], geometry.kernel[2]
    clip = (ones.cumsum(0) - 1).to(torch.int64).reshape(-1, 1)
    t = (clip * x.shape[2] + t) * (height * width)                          # (N, E of t)
    pairs = [(a, b) for a in range(len(h_taps)) for b in range(len(w_taps))]
    a, b = ([pair[place] for pair in pairs] for place in (0, 1))
    tap = [h_taps[i] * wide + w_taps[j] for i, j in pairs]
    plane, share = h[:, a] * width + w[:, b], h_share[:, a] * w_share[:, b]                 # (N, E of h and w)
    scale = None if modulation is None else modulation.permute(0, 2, 3, 4, 1).reshape(
        -1, geometry.kernel[0], geometry.kernel[1] * wide)
    table, matrices = x.permute(0, 2, 3, 4, 1).reshape(-1, x.shape[1]), tap_matrices(weight, geometry.groups)
    rows: Tensor | None = None
    for step, matrix in enumerate(matrices.unbind(0)):                      # taps at one step in time
        here = [place for place, of in enumerate(t_taps) if of == step]
        taps = matrix.shape[2]
        index = (t[:, here].unsqueeze(2) + plane.unsqueeze(1)) * taps + torch.tensor(tap, device=x.device)
        weights = share if scale is None else share * scale[:, step][:, tap]
        weights = t_share[:, here].unsqueeze(2) * weights.unsqueeze(1)      # (N, 1 or 2, E of h and w)
        reads = _projected(table, matrix).to(size.dtype)[index.flatten(1)]  # (N, E, O)
        part = (weights.flatten(1).unsqueeze(1) @ reads).squeeze(1)
        rows = part if rows is None else rows + part
    assert rows is not None                                                 # a kernel has a tap
    rows = rows if bias is None else rows + bias
    out = rows.reshape(-1, *size.shape[2:], weight.shape[0])                # (N, O) -> (B, T', H', W', O)
    return out.permute(0, 4, 1, 2, 3).to(x.dtype)


def _entries(size: Tensor | None, ones: Tensor, axis: int, length: int,
             geometry: Geometry) -> tuple[Tensor, Tensor, list[int]]:
    """Cells that the taps of one axis read, (N, E), their shares, 0 outside, and the tap of each entry.

    Args:
        size: (B, T', H', W') dilation on this axis, ``None`` for 1 everywhere.
        ones: (B, T', H', W'); counted along the axis they are the voxels' places.
        axis: 0 for t, 1 for h, 2 for w.
        length: cells of the input on this axis.
    """
    reach, dilation = geometry.kernel[axis] // 2, geometry.dilation[axis]
    centre = (ones.cumsum(axis + 1) - 1) * geometry.stride[axis] - geometry.padding[axis] + dilation * reach
    corners, shares, taps = [], [], []
    for tap, step in enumerate(range(-reach, reach + 1)):
        if size is None or step == 0:
            entries = [(centre + step * dilation, ones)]
        else:
            # The clamp keeps a runaway size within reach of an index; what lies beyond is outside either way.
            position = (centre + step * dilation * size).clamp(-2, length + 1)
            below = position.floor()
            entries = [(below, 1 - (position - below)), (below + 1, position - below)]
        for corner, share in entries:
            corners.append(corner.clamp(0, length - 1))
            shares.append(share * ((corner >= 0) & (corner < length)))
            taps.append(tap)
    return (torch.stack(corners, dim=-1).to(torch.int64).flatten(0, 3), torch.stack(shares, dim=-1).flatten(0, 3),
            taps)


def _projected(table: Tensor, matrix: Tensor) -> Tensor:
    """(R, C), (G, c, K, o) -> (R·K, O)."""
    groups, inner, taps, outer = matrix.shape
    if groups == 1:
        return (table @ matrix[0].flatten(1)).unflatten(1, (taps, outer)).flatten(0, 1)
    if inner == outer == 1:
        return (table.unsqueeze(1) * matrix[:, 0, :, 0].T).flatten(0, 1)    # (R, 1, C) · (K, C)
    return torch.einsum('rgc,gcko->rkgo', table.unflatten(1, (groups, inner)), matrix).flatten(2).flatten(0, 1)
