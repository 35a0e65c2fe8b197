"""TMA as S2D's release computes it: attention over time and a bottleneck, with no residual inside."""
from __future__ import annotations

from collections.abc import Iterable

from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn

from ..registry import MODELS
from .base import Adapter
from .bottleneck import BottleneckAdapter
from .grid import TokenGrid

_STD = 0.02


@MODELS.register_module()
class S2DTemporalAdapter(Adapter):
    """S(LN(T(x))), what is added to tokens x (B·T, L, C), with T(x) = attn_T(GELU(x W_down)) W_up.

    S2D's temporal-modelling adapter (Chen et al., TAFFC) in the form of its release: T attends over the frames of each
    token position, without positions in time and with no bias on queries, keys and values; S is a
    :class:`BottleneckAdapter`; neither has a residual inside. 740,928 parameters for C = 768, r = 192. S2D gives it
    normed patch tokens before each block (:class:`mmdfer.backbones.S2DViT`); in a slot that reads the stream itself,
    such as ``before_attn``, ``norm_input`` makes it S(LN(T(LN x))). :class:`TemporalModelingAdapter` is another
    function, with two residuals.

    Linear layers start at a truncated normal of 0.02 and biases at zero, as in the release. There S starts so too, so
    that a new model is not the frozen one; here its W_up starts at zero, unless ``zero_init=False``.

    Args:
        dim: token width C.
        width: bottleneck width r of both parts; or give ``reduction``, r = C / reduction.
        reduction: see ``width``. Defaults to 4 when neither is given.
        num_heads: heads of the attention over time.
        norm_input: a LayerNorm of its own before T.
        patches_alone: leave class token and prompts as they are, as S2D does; towers of texts have no patches.
        zero_init: start W_up of S at zero.

    Raises:
        ValueError: for a width that the heads do not divide, and as ``BottleneckAdapter``.
    """

    def __init__(self, dim: int, width: int | None = None, reduction: int | None = None, num_heads: int = 8,
                 norm_input: bool = False, patches_alone: bool = False, zero_init: bool = True) -> None:
        super().__init__(zero_init)
        if patches_alone:
            self.tokens = 'patches'
        spatial = BottleneckAdapter(dim, width, reduction, zero_init=False)
        width = spatial.down.out_features
        if num_heads < 1 or width % num_heads:
            raise ValueError(f'S2DTemporalAdapter: num_heads={num_heads} does not divide the width {width}; choose a '
                             'divisor')
        self.input_norm = nn.LayerNorm(dim) if norm_input else nn.Identity()
        self.down = nn.Linear(dim, width)
        self.act = nn.GELU()
        self.attn = MultiheadAttention(width, num_heads, qkv_bias=False)
        self.up = nn.Linear(width, dim)
        self.norm = nn.LayerNorm(dim)
        self.spatial = spatial
        self.init_weights()

    def zeroed(self) -> Iterable[nn.Parameter]:
        return self.spatial.up.parameters()

    def init_weights(self) -> None:
        """The release's start, and S's last layer at zero if it starts so."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=_STD)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        super().init_weights()

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        # (B·T, L, C) -> (B·L, T, r) -> (B·T, L, C)
        mixed = self.attn(grid.to_sequences(self.act(self.down(self.input_norm(x)))))
        return self.spatial(self.norm(self.up(grid.from_sequences(mixed, x.shape[1]))), grid)
