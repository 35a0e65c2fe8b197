"""The transformer layers of the line after Former-DFER: pre-norm, and heads of any width."""
from __future__ import annotations

from mmengine.model import ModuleList
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn

TANH_GELU = dict(type='GELU', approximate='tanh')


class PreNormLayer(TransformerEncoderLayer):
    """x += attn(ln1 x); x += ffn(ln2 x), on tokens (N, L, D).

    mmpretrain's layer, without bias on queries, keys and values, and with GELU by the tanh. The heads may be of another
    width than D / heads, so that attention works in heads · head_channels channels and comes back to D.

    Args:
        channels: D.
        num_heads: heads.
        feedforward_channels: width of the MLP.
        head_channels: channels of a head. Defaults to D / heads.
        drop_rate: dropout after attention and within the MLP.
        act_cfg: activation of the MLP. Defaults to GELU by the tanh.

    Raises:
        ValueError: if the heads do not divide D, and no width of a head is given.
    """

    def __init__(self, channels: int, num_heads: int, feedforward_channels: int, head_channels: int | None = None,
                 drop_rate: float = 0., act_cfg: dict | None = None) -> None:
        inner = channels if head_channels is None else num_heads * head_channels
        if num_heads < 1 or inner < 1 or head_channels is None and channels % num_heads:
            raise ValueError(f'PreNormLayer: num_heads={num_heads} does not divide channels={channels}; choose one '
                             'that does, or give head_channels')
        fits = inner == channels
        super().__init__(channels, num_heads if fits else 1, feedforward_channels, drop_rate=drop_rate, qkv_bias=False,
                         act_cfg=act_cfg or TANH_GELU)
        if not fits:
            self.attn = MultiheadAttention(inner, num_heads, input_dims=channels, proj_drop=drop_rate, qkv_bias=False)
            self.attn.proj = nn.Linear(inner, channels)


class PreNormLayers(ModuleList):
    """Layers one after the other, without a norm behind the last.

    Args:
        num_layers: how many.
        kwargs: of :class:`PreNormLayer`.
    """

    def __init__(self, num_layers: int, **kwargs) -> None:
        super().__init__([PreNormLayer(**kwargs) for _ in range(num_layers)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = layer(x)
        return x
