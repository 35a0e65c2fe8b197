"""JointViT: VideoMAE's vision transformer, all tokens of a clip in one attention, with adapter slots in its blocks."""
from __future__ import annotations

import os

import numpy as np
import torch
from mmengine.model import ModuleList
from torch import Tensor, nn
from torch.nn.functional import linear

from ..adapters import TokenGrid
from ..registry import MODELS
from ..weights.video_files import load_video_mae
from .adapter_block import AdapterBlock
from .adapter_configs import AdapterConfigs
from .adapter_vit import architecture
from .tower import AdapterTower
from .video_encoder import LN, VideoEncoder


@MODELS.register_module()
class JointViT(AdapterTower, VideoEncoder):
    """Clips (B, 3, T, H, W), or images (B, 3, H, W), -> the norm of the tokens' mean, (B, 1, C).

    Blocks attend over all T'·H'·W' tokens of a clip, with biases for queries and values alone. An image is a clip of
    one frame: it is repeated to a tubelet, whose place is a clip's first. Adapters see T' frames of H'·W' patches, in
    every slot of :class:`AdapterBlock`. MMAction2's ``VisionTransformer`` is the same model, in whose blocks there is
    no place for an adapter.

    Args:
        arch: as :class:`AdapterViT` has it.
        img_size, num_frames, patch_size, tubelet_size: of clips and tokens, see :class:`VideoEncoder`.
        adapters, freeze, lora: as ``AdapterViT`` has them; by default everything trains.
        drop_path_rate: stochastic depth of the last block, rising linearly from 0.
        with_cp, init_cfg: see :class:`VideoEncoder`.

    Raises:
        ValueError: for an unknown architecture, adapter, slot or block, and as ``VideoEncoder``.
    """

    def __init__(self, arch: str | dict = 'base', img_size: int = 160, num_frames: int = 16, patch_size: int = 16,
                 tubelet_size: int = 2, adapters: AdapterConfigs = (), freeze: bool = False, lora: dict | None = None,
                 drop_path_rate: float = 0., with_cp: bool = False, init_cfg: dict | None = None) -> None:
        sizes = architecture(arch)
        super().__init__(img_size, num_frames, patch_size, tubelet_size, sizes['embed_dims'], init_cfg=init_cfg)
        self.tubelet_size = tubelet_size
        self.layers = ModuleList([
            JointBlock(self.embed_dims, sizes['num_heads'], sizes['feedforward_channels'], drop_path_rate=float(rate),
                       norm_cfg=LN) for rate in np.linspace(0, drop_path_rate, sizes['num_layers'])
        ])
        self.fc_norm = nn.LayerNorm(self.embed_dims, eps=LN['eps'])
        self.adopt_adapters(adapters, freeze, with_cp, lora)

    def load_file(self, path: str | os.PathLike) -> None:
        """Take the weights of a file of VideoMAE's, whole or not at all."""
        load_video_mae(self, path)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x)                                          # (B, T'·H'·W', C)
        height, width = self.token_shape[1:]
        grid = TokenGrid(tokens.shape[1] // (height * width), height, width, leading=0)
        frames = self.run_blocks(tokens.reshape(-1, grid.tokens, self.embed_dims), grid)
        return self.fc_norm(frames.reshape(tokens.shape).mean(dim=1, keepdim=True))

    def embed(self, x: Tensor) -> Tensor:
        """Tokens (B, T'·H'·W', C) with their positions, of a clip or of an image, a clip of one frame."""
        if x.ndim == 4:
            x = x.unsqueeze(2)
        if x.ndim != 5 or x.shape[2] != 1 or tuple(x.shape[3:]) != self.clip_shape[1:]:
            return super().embed(x)
        tokens = self.patch_embed(x.expand(-1, -1, self.tubelet_size, -1, -1))[0]
        return tokens + self.pos_embed[:, :tokens.shape[1]]


class JointBlock(AdapterBlock):
    """:class:`AdapterBlock` whose attention joins the frames: tokens (B·T', L, C) attend over the T'·L of their clip.

    Queries and values have a bias and keys have none.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.attn.qkv = QueryValueLinear(self.attn.qkv.in_features)

    def _attend(self, z: Tensor, grid: TokenGrid) -> Tensor:
        return self.attn(z.reshape(-1, grid.frames * z.shape[1], z.shape[2])).reshape(z.shape)


class QueryValueLinear(nn.Linear):
    """The joint layer of queries, keys and values, C -> 3 C, with biases for queries and values."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias]))
