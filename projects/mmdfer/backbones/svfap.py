"""SVFAP's encoder: a pyramid over time with a bottleneck over space (TPSBT)."""
from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from mmaction.models.backbones.vit_mae import Attention, Block
from mmcv.cnn.bricks import DropPath
from mmengine.model import ModuleList
from torch import Tensor, nn

from ..registry import MODELS
from ..weights.video_files import load_svfap
from .cross_attention import CrossAttention
from .video_encoder import LN, VideoEncoder, feed_forward

SUMMARY_WIDTH = 128


class BottleneckBlock(nn.Module):
    """Attention to the other tokens, among themselves, MLP: x += MHCA(LN x -> LN y); x += MHSA(LN x); x += MLP(LN x).

    Args:
        embed_dims: width C of both.
        num_heads: heads of each attention.
        mlp_ratio: hidden width of the MLP over C.
        drop_path: share of a clip's paths that are dropped in training.
    """

    def __init__(self, embed_dims: int, num_heads: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        self.cross_norm = nn.LayerNorm(embed_dims, eps=1e-6)
        self.context_norm = nn.LayerNorm(embed_dims, eps=1e-6)
        self.cross_attn = CrossAttention(embed_dims, num_heads)
        self.norm1 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.attn = Attention(embed_dims, num_heads)
        self.norm2 = nn.LayerNorm(embed_dims, eps=1e-6)
        self.mlp = feed_forward(embed_dims, mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = x + self.drop_path(self.cross_attn(self.cross_norm(x), self.context_norm(context)))
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class SpatialSummary(nn.Module):
    """Tokens (N, L, C) -> K bottleneck tokens (N, K, C): means over the L with weights softmax_L MLP(LN x).

    Args:
        embed_dims: width C.
        num_tokens: K.
    """

    def __init__(self, embed_dims: int, num_tokens: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dims, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(embed_dims, SUMMARY_WIDTH), nn.GELU(), nn.Linear(SUMMARY_WIDTH, num_tokens))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.mlp(self.norm(x)).softmax(dim=1)             # (N, L, K)
        return weights.transpose(1, 2) @ x


class Stage(nn.Module):
    """Where a stage after the first begins: half as many frames, and a few tokens for each.

    Args:
        embed_dims: width C.
        num_tokens: bottleneck tokens of a frame.
    """

    def __init__(self, embed_dims: int, num_tokens: int) -> None:
        super().__init__()
        self.halve = nn.Conv1d(embed_dims, embed_dims, kernel_size=2, stride=2)
        self.summary = SpatialSummary(embed_dims, num_tokens)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, L, C) -> (B, T/2, L, C) and (B, T/2·K, C)."""
        batch, frames = x.shape[:2]
        x = self.halve(x.permute(0, 2, 3, 1).flatten(0, 1))         # (B·L, C, T/2)
        x = x.unflatten(0, (batch, -1)).permute(0, 3, 1, 2)         # (B, T/2, L, C)
        summary = self.summary(x.flatten(0, 1)).unflatten(0, (batch, frames // 2))
        return x, summary.flatten(1, 2)


@MODELS.register_module()
class SVFAP(VideoEncoder):
    """Clips (B, 3, T, H, W) -> the clip's feature (B, 1, C): the mean of the last stage's tokens, normed.

    The first stage is a plain ViT on all tokens. Each further one halves their frames by a convolution over time, and
    makes K tokens of each frame's: these attend to the full set, to each other, and so on block by block, and in the
    last block the full set attends to them, and is full again.

    Args:
        img_size, num_frames, patch_size, tubelet_size: of clips and tokens, see :class:`VideoEncoder`.
        embed_dims: width C.
        depths: blocks of the stages.
        num_bottleneck_tokens: K.
        num_heads: heads of each attention.
        mlp_ratio: hidden width of a block's MLP over C.
        drop_path_rate: stochastic depth of the last block, rising linearly from 0.
        with_cp: recompute blocks in the backward pass to save memory.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` reads SVFAP's files, of pre-training and fine-tuned.

    Raises:
        ValueError: for frames that cannot be halved for each stage, or a stage without blocks.
    """

    def __init__(self, img_size: int = 160, num_frames: int = 16, patch_size: int = 16, tubelet_size: int = 2,
                 embed_dims: int = 512, depths: Sequence[int] = (12, 6, 3), num_bottleneck_tokens: int = 8,
                 num_heads: int = 8, mlp_ratio: float = 4., drop_path_rate: float = 0.1, with_cp: bool = False,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(img_size, num_frames, patch_size, tubelet_size, embed_dims, with_cp, init_cfg)
        halvings = len(depths) - 1
        if min(depths, default=0) < 1 or self.token_shape[0] % 2 ** halvings:
            raise ValueError(f'SVFAP: depths={tuple(depths)} need a block or more a stage, and {halvings} halvings of '
                             f'the {self.token_shape[0]} steps in time of a clip; give a multiple of '
                             f'{tubelet_size * 2 ** halvings} as num_frames')
        self.depths = tuple(depths)
        rates = torch.linspace(0, drop_path_rate, sum(depths), device='cpu').tolist()
        plain = [Block(embed_dims, num_heads, mlp_ratio, drop_path_rate=rate, norm_cfg=LN)
                 for rate in rates[:depths[0]]]
        narrow = [BottleneckBlock(embed_dims, num_heads, mlp_ratio, rate) for rate in rates[depths[0]:]]
        self.blocks = ModuleList([*plain, *narrow])
        self.stages = ModuleList([Stage(embed_dims, num_bottleneck_tokens) for _ in range(halvings)])
        self.fc_norm = nn.LayerNorm(embed_dims, eps=1e-6)

    def load_file(self, path: str | os.PathLike) -> None:
        """Read a release's file, of pre-training or fine-tuned, or a checkpoint of this project."""
        load_svfap(self, path)

    def forward(self, x: Tensor) -> Tensor:
        x, blocks = self.embed(x), iter(self.blocks)
        for _ in range(self.depths[0]):
            x = self.run(next(blocks), x)
        frames = self.token_shape[0]
        for depth, stage in zip(self.depths[1:], self.stages):
            full, few = stage(x.unflatten(1, (frames, -1)))
            full, frames = full.flatten(1, 2), frames // 2
            for _ in range(depth - 1):
                few = self.run(next(blocks), few, full)
            x = self.run(next(blocks), full, few)
        return self.fc_norm(x.mean(dim=1, keepdim=True))
