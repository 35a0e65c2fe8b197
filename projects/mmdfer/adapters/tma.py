"""TMA after S2D's figure: attention over the frames of each patch position, with residuals within."""
from __future__ import annotations

from collections.abc import Iterable

from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn

from ..registry import MODELS
from .base import Adapter
from .bottleneck import BottleneckAdapter
from .grid import TokenGrid


@MODELS.register_module()
class TemporalModelingAdapter(Adapter):
    """T(x) + S(LN(x + T(x))), what is added to patch tokens x (B·T, H·W, C), with T(x) = attn_T(GELU(x W_down)) W_up.

    The temporal part T attends over the frames of each patch position, without positions in time and with no
    bias on queries, keys and values; S is a :class:`BottleneckAdapter`. Both W_up start at zero. Class token
    and prompts stay as they are. 740,928 parameters for C = 768, r = 192. S2D puts one before each block
    (``before_attn``). In S2D's release neither part has a residual inside, and T reads normed tokens: that is
    :class:`S2DTemporalAdapter`, of as many parameters.

    Args:
        dim: token width C.
        width: bottleneck width r of both parts; or give ``reduction``, r = C / reduction.
        reduction: see ``width``. Defaults to 4 when neither is given.
        num_heads: heads of the attention over time.
        zero_init: start both W_up at zero.

    Raises:
        ValueError: for a width that the heads do not divide, and as ``BottleneckAdapter``.
    """

    tokens = 'patches'

    def __init__(self, dim: int, width: int | None = None, reduction: int | None = None, num_heads: int = 8,
                 zero_init: bool = True) -> None:
        super().__init__(zero_init)
        self.spatial = BottleneckAdapter(dim, width, reduction, zero_init=zero_init)
        width = self.spatial.down.out_features
        if num_heads < 1 or width % num_heads:
            raise ValueError(f'TemporalModelingAdapter: num_heads={num_heads} does not divide the width {width}; '
                             'choose a divisor')
        self.down = nn.Linear(dim, width)
        self.act = nn.GELU()
        self.attn = MultiheadAttention(width, num_heads, qkv_bias=False)
        self.up = nn.Linear(width, dim)
        self.norm = nn.LayerNorm(dim)
        self.init_weights()

    def zeroed(self) -> Iterable[nn.Parameter]:
        return *self.up.parameters(), *self.spatial.zeroed()

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        mixed = self.attn(grid.to_sequences(self.act(self.down(x))))            # (B·H·W, T, r)
        temporal = self.up(grid.from_sequences(mixed, grid.patches))
        return temporal + self.spatial(self.norm(x + temporal), grid)
