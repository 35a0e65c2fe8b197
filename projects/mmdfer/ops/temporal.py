"""Depthwise convolution over time alone, as products with shifted clips where that is faster."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .exporting import is_exporting


def convolve_over_time(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A depthwise convolution with zero padding over T: (B, C, T, H, W), (C, 1, k, 1, 1), k odd, (C,) -> like ``x``.

    A sum of k products of the clip, moved by a frame each, with a number for each channel.
    """
    taps, frames = weight.flatten(1).unbind(1), x.shape[2]
    rows = F.pad(x.movedim(1, -1), (0, 0) * 3 + (len(taps) // 2, ) * 2)         # (B, T + k - 1, H, W, C)
    out = rows[:, :frames] * taps[0]
    for shift, tap in enumerate(taps[1:], start=1):
        out = torch.addcmul(out, rows[:, shift:shift + frames], tap)
    return (out if bias is None else out + bias).movedim(-1, 1)


class DepthwiseConv3d(nn.Conv3d):
    """``nn.Conv3d`` with a group for each channel, stride 1 and zero padding that keeps the size.

    On CUDA a kernel of (k, 1, 1) goes by :func:`convolve_over_time`: cuDNN takes many times as long for it.
    """

    def __init__(self, channels: int, kernel_size: tuple[int, int, int]) -> None:
        t, h, w = kernel_size
        super().__init__(channels, channels, kernel_size, padding=(t // 2, h // 2, w // 2), groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_cuda or self.kernel_size[1:] != (1, 1) or is_exporting():
            return super().forward(x)
        given = [x, self.weight, self.bias]
        if torch.is_autocast_enabled('cuda'):
            given = [tensor.to(torch.get_autocast_dtype('cuda')) for tensor in given]
        return convolve_over_time(*given)
