"""TMA: S2D's temporal-modelling adapter, attention over the frames of each patch position."""
from __future__ import annotations

import torch
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn

from ..registry import MODELS
from .bottleneck import BottleneckAdapter
from .grid import TokenGrid


@MODELS.register_module()
class TemporalModelingAdapter(nn.Module):
    """x' = x + attn_T(GELU(x W_down)) W_up, then x' + S(LN(x')), on patch tokens (B·T, H·W, C).

    The first, temporal part attends over the T frames of each patch position, without positions in time and
    with no bias on queries, keys and values; S is a :class:`BottleneckAdapter` without skip. Both W_up start
    at zero, so a new adapter is the identity. Class token and prompts pass through. 740,928 parameters for
    C = 768, r = 192. S2D puts one before each block (``before_attn``).

    Args:
        dim: token width C.
        width: bottleneck width r of both parts; or give ``reduction``, r = C / reduction.
        reduction: see ``width``. Defaults to 4 when neither is given.
        num_heads: heads of the attention over time.

    Raises:
        ValueError: for a width that the heads do not divide, and as ``BottleneckAdapter``.
    """

    def __init__(self, dim: int, width: int | None = None, reduction: int | None = None, num_heads: int = 8) -> None:
        super().__init__()
        self.spatial = BottleneckAdapter(dim, width, reduction, skip=False)
        width = self.spatial.down.out_features
        if num_heads < 1 or width % num_heads:
            raise ValueError(f'TemporalModelingAdapter: num_heads={num_heads} does not divide the width {width}; choose '
                             'a divisor')
        self.down = nn.Linear(dim, width)
        self.act = nn.GELU()
        self.attn = MultiheadAttention(width, num_heads, qkv_bias=False)
        self.up = nn.Linear(width, dim)
        self.norm = nn.LayerNorm(dim)
        self.init_weights()

    def init_weights(self) -> None:
        """Make the adapter the identity again."""
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.spatial.init_weights()

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        leading, patches, trailing = grid.split(x)
        mixed = self.attn(grid.to_sequences(self.act(self.down(patches))))      # (B·H·W, T, r)
        patches = patches + self.up(grid.from_sequences(mixed, grid.patches))
        patches = patches + self.spatial(self.norm(patches), grid)
        return torch.cat([leading, patches, trailing], dim=1)
