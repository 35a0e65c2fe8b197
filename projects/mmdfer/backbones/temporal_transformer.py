"""DFER-CLIP's temporal transformer: frame features to one feature of the clip (BMVC 2023)."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..registry import MODELS
from .pre_norm import PreNormLayers


@MODELS.register_module()
class TemporalTransformer(BaseModule):
    """A learned class token before the frames, positions, pre-norm layers: (B, T, D) -> (B, D).

    The output is the class token after the last layer, without a further norm. Layers are mmpretrain's,
    without bias on queries, keys and values as in the release, whose ``to_qkv``, ``to_out.0``, ``net.0``
    and ``net.3`` are ``attn.qkv``, ``attn.proj``, ``ffn.layers.0.0`` and ``ffn.layers.1`` here, and whose
    two norms are ``ln1`` and ``ln2``. GELU is the release's, by the tanh.

    Args:
        in_channels: feature width D.
        num_frames: longest clip T; a shorter one takes the first positions.
        num_layers: layers, one in the paper.
        num_heads: heads.
        head_channels: channels of a head. Defaults to D / num_heads.
        feedforward_channels: width of the MLP.
        drop_rate: dropout after attention and within the MLP.
        act_cfg: activation of the MLP. Defaults to GELU by the tanh; ``dict(type='GELU')`` is the exact one.
    """

    def __init__(self, in_channels: int = 512, num_frames: int = 16, num_layers: int = 1, num_heads: int = 8,
                 feedforward_channels: int = 1024, drop_rate: float = 0., act_cfg: dict | None = None,
                 init_cfg: dict | None = None, head_channels: int | None = None) -> None:
        super().__init__(init_cfg)
        if num_heads < 1 or head_channels is None and in_channels % num_heads:
            raise ValueError(f'TemporalTransformer: num_heads={num_heads} does not divide in_channels={in_channels}')
        self.cls_token = nn.Parameter(torch.randn(1, 1, in_channels))
        self.pos_embed = nn.Parameter(torch.randn(1, num_frames + 1, in_channels))
        self.layers = PreNormLayers(num_layers, channels=in_channels, num_heads=num_heads, drop_rate=drop_rate,
                                    feedforward_channels=feedforward_channels, head_channels=head_channels,
                                    act_cfg=act_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """Feature of the clip.

        Args:
            x: frame features (B, T, D).

        Returns:
            (B, D).

        Raises:
            ValueError: for an input of another rank or width, or more frames than there are positions.
        """
        longest, width = self.pos_embed.shape[1] - 1, self.pos_embed.shape[2]
        if x.ndim != 3 or x.shape[2] != width or x.shape[1] > longest:
            raise ValueError(f'TemporalTransformer expects frame features (B, T, {width}) with T <= {longest}, got '
                             f'{tuple(x.shape)}: set in_channels and num_frames to match')
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)        # (B, 1 + T, D)
        x = x + self.pos_embed[:, :x.shape[1]]
        return self.layers(x)[:, 0]
