"""JointViT: VideoMAE's vision transformer, all tokens of a clip in one attention, with adapter slots in its blocks."""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from mmaction.models.backbones.vit_mae import get_sinusoid_encoding
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from ..adapters import TokenGrid
from ..registry import MODELS
from ..weights.video_vit import load_video_vit
from .adapter_block import AdapterBlock
from .adapter_configs import AdapterConfigs
from .adapter_vit import architecture
from .tower import AdapterTower


@MODELS.register_module()
class JointViT(AdapterTower, BaseModule):
    """(B, 3, T, H, W), or images (B, 3, H, W), -> the norm of the tokens' mean, (B, 1, D).

    A token is a patch of ``tubelet`` frames; blocks attend over all T' · H' · W' of a clip, with biases on queries and
    values alone, as VideoMAE's and its line's do. Positions are sinusoids of the flat index and are not stored. An
    image is repeated to one tubelet, whose place is the clip's first. Adapters see T' frames of H' × W' patches, in
    every slot of :class:`AdapterBlock`.

    Parameter names are those of :class:`AdapterViT` as far as both have them, with ``layers.<i>.attn.qkv.q_bias`` and
    ``v_bias``, and ``fc_norm``. ``init_cfg=dict(type='Pretrained', checkpoint=...)`` reads VideoMAE's files
    (:func:`mmdfer.weights.video_vit.load_video_vit`).

    Args:
        arch: as ``AdapterViT`` has it.
        img_size: side of the frames, in pixels.
        patch_size: side of a patch.
        num_frames: frames T of a clip.
        tubelet: frames of a token.
        adapters, freeze, lora, with_cp: as ``AdapterViT`` has them; by default everything trains.
        drop_path_rate: stochastic depth of the last block, rising linearly from 0.

    Raises:
        ValueError: for sizes that do not divide, an unknown architecture, adapter, slot or block; in ``forward`` for
            clips of another length or size.
    """

    def __init__(self, arch: str | dict = 'base', img_size: int = 160, patch_size: int = 16, num_frames: int = 16,
                 tubelet: int = 2, adapters: AdapterConfigs = (), freeze: bool = False, lora: dict | None = None,
                 drop_path_rate: float = 0., with_cp: bool = False, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        sizes = architecture(arch)
        if img_size % patch_size or num_frames % tubelet:
            raise ValueError(f'JointViT: img_size={img_size} must be a multiple of patch_size={patch_size}, and '
                             f'num_frames={num_frames} of tubelet={tubelet}')
        self.embed_dims, self.img_size, self.num_frames, self.tubelet = sizes['embed_dims'], img_size, num_frames, tubelet
        self.side = img_size // patch_size
        kernel = (tubelet, patch_size, patch_size)
        self.patch_embed = nn.ModuleDict(dict(projection=nn.Conv3d(3, self.embed_dims, kernel, kernel)))
        tokens = num_frames // tubelet * self.side**2
        self.register_buffer('pos_embed', get_sinusoid_encoding(tokens, self.embed_dims), persistent=False)
        rates = np.linspace(0, drop_path_rate, sizes['num_layers'])
        self.layers = ModuleList([
            JointBlock(self.embed_dims, sizes['num_heads'], sizes['feedforward_channels'], drop_path_rate=float(rate),
                       norm_cfg=dict(type='LN', eps=1e-6)) for rate in rates
        ])
        self.fc_norm = nn.LayerNorm(self.embed_dims, eps=1e-6)
        self.adopt_adapters(adapters, freeze, with_cp, lora)

    def init_weights(self) -> None:
        """Initialise; a ``Pretrained`` file is read here."""
        pretrained = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        if pretrained.get('type') != 'Pretrained':
            super().init_weights()
            return
        load_video_vit(self, pretrained['checkpoint'])
        self._is_init = True

    def forward(self, x: Tensor) -> Tensor:
        tokens, grid = self.embed(self._as_clip(x))
        tokens = self.run_blocks(tokens, grid)
        clips = tokens.reshape(-1, grid.frames * grid.tokens, self.embed_dims)
        return self.fc_norm(clips.mean(dim=1, keepdim=True))    # (B, T'·H'·W', D) -> (B, 1, D)

    def _as_clip(self, x: Tensor) -> Tensor:
        """Clips (B, 3, T, H, W) of T frames, or of one tubelet for an image."""
        if x.ndim == 4:
            x = x.unsqueeze(2)
        if x.ndim != 5 or x.shape[2] not in (1, self.num_frames) or x.shape[3:] != (self.img_size, self.img_size):
            side = self.img_size
            raise ValueError(f'JointViT expects clips (B, 3, {self.num_frames}, {side}, {side}) or images (B, 3, {side}, '
                             f'{side}), got {tuple(x.shape)}: sample and resize so, or set num_frames and img_size')
        return x.expand(-1, -1, self.tubelet, -1, -1) if x.shape[2] == 1 else x

    def embed(self, clips: Tensor) -> tuple[Tensor, TokenGrid]:
        """Clips (B, 3, T, H, W) as tokens (B·T', H'·W', D) with positions, and their grid."""
        volume = self.patch_embed['projection'](clips)          # (B, D, T', H', W')
        grid = TokenGrid(volume.shape[2], self.side, self.side, leading=0)
        tokens = volume.flatten(2).transpose(1, 2)              # (B, T'·H'·W', D)
        tokens = tokens + self.pos_embed[:, :tokens.shape[1]]
        return tokens.reshape(-1, grid.tokens, self.embed_dims), grid


class JointBlock(AdapterBlock):
    """:class:`AdapterBlock` whose attention joins the frames: tokens (B·T', L, C) attend over the T' · L of their clip.

    Queries and values have a bias and keys have none.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.attn.qkv = QueryValueLinear(self.attn.qkv.in_features)

    def _attend(self, z: Tensor, grid: TokenGrid) -> Tensor:
        clips = z.reshape(-1, grid.frames * z.shape[1], z.shape[2])
        return self.attn(clips).reshape(z.shape)


class QueryValueLinear(nn.Linear):
    """The joint layer of queries, keys and values, C -> 3 C, with biases for queries and values."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        return F.linear(x, self.weight, bias)
