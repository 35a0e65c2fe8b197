"""Bottlenecks that see a clip's patch tokens as a video volume: down, mix in time and space, up."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from .grid import TokenGrid


class VolumeAdapter(nn.Module):
    """X + act(conv(X W_down)) W_up on patch tokens; every other token passes unchanged.

    The parent of FE-Adapter and ST-Adapter, which differ in the convolution, the activation and in which
    weights start at zero. Input and output are tokens (B·T, L, C).
    """

    def __init__(self, dim: int, width: int, conv: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.down = nn.Linear(dim, width)
        self.conv = conv
        self.act = act
        self.up = nn.Linear(width, dim)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        leading, patches, trailing = grid.split(x)
        volume = grid.to_volume(self.down(patches))             # (B·T, N, C) -> (B, r, T, H, W)
        mixed = grid.to_tokens(self.act(self.conv(volume)))     # -> (B·T, N, r)
        return torch.cat([leading, patches + self.up(mixed), trailing], dim=1)


def check_width(name: str, width: int, groups: int = 1) -> None:
    """Refuse a bottleneck width that is not positive or that the convolution's groups do not divide.

    Raises:
        ValueError: naming the width, the groups and the nearest width that fits.
    """
    if width < 1 or groups < 1 or width % groups:
        nearest = max(groups, round(width / max(groups, 1)) * groups)
        raise ValueError(f'{name}: width={width} must be positive and divisible by groups={groups}; width={nearest} '
                         'would fit')
