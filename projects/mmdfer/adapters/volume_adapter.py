"""Bottlenecks that see a clip's patch tokens as a video volume: down, mix in time and space, up."""
from __future__ import annotations

from torch import Tensor, nn

from .base import Adapter
from .grid import TokenGrid


class VolumeAdapter(Adapter):
    """act(conv(X W_down)) W_up, what is added to patch tokens X (B·T, H·W, C).

    The parent of FE-Adapter and ST-Adapter, which differ in the convolution, the activation and in which
    weights start at zero.
    """

    tokens = 'patches'

    def __init__(self, dim: int, width: int, conv: nn.Module, act: nn.Module, zero_init: bool = True) -> None:
        super().__init__(zero_init)
        self.down = nn.Linear(dim, width)
        self.conv = conv
        self.act = act
        self.up = nn.Linear(width, dim)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        volume = grid.to_volume(self.down(x))                   # (B·T, H·W, C) -> (B, r, T, H, W)
        mixed = grid.to_tokens(self.act(self.conv(volume)))     # -> (B·T, H·W, r)
        return self.up(mixed)


def check_width(name: str, width: int, groups: int = 1) -> None:
    """Refuse a bottleneck width that is not positive or that the convolution's groups do not divide.

    Raises:
        ValueError: naming the width, the groups and the nearest width that fits.
    """
    if width < 1 or groups < 1 or width % groups:
        nearest = max(groups, round(width / max(groups, 1)) * groups)
        raise ValueError(f'{name}: width={width} must be positive and divisible by groups={groups}; width={nearest} '
                         'would fit')
