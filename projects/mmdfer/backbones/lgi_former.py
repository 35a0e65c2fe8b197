"""LGI-Former, MAE-DFER's encoder: attention in regions of a clip, among their tokens, and back (ACM MM 2023)."""
from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from mmcv.cnn.bricks import DropPath
from mmengine.model import ModuleList
from torch import Tensor, nn

from ..registry import MODELS
from ..weights.video_files import load_lgi_former
from .cross_attention import CrossAttention
from .video_encoder import VideoEncoder, feed_forward


class LGIBlock(nn.Module):
    """Local attention, global attention, local-global interaction, MLP (MAE-DFER, Sec. 3.2).

    On R region tokens r (B, R, C) and the S local tokens x (B, R, S, C) of each region::

        [r, x] += MHSA(LN [r, x])            in each region, over its 1 + S tokens
        r      += MHSA(LN r)                 over the R region tokens
        x      += MHCA(LN x -> LN r)         all R·S local tokens of a clip to its R region tokens
        [r, x] += MLP(LN [r, x])

    A path is dropped for a whole region in the first and the last step, for a whole clip between them.

    Args:
        embed_dims: width C.
        num_heads: heads of each attention.
        mlp_ratio: hidden width of the MLP over C.
        drop_path: share of paths that are dropped in training.
    """

    def __init__(self, embed_dims: int, num_heads: int, mlp_ratio: float, drop_path: float) -> None:
        super().__init__()
        for name in ('local', 'global', 'interaction'):
            setattr(self, f'{name}_norm', nn.LayerNorm(embed_dims, eps=1e-6))
            setattr(self, f'{name}_attn', CrossAttention(embed_dims, num_heads))
        self.context_norm = nn.LayerNorm(embed_dims, eps=1e-6)
        self.ffn_norm = nn.LayerNorm(embed_dims, eps=1e-6)
        self.ffn = feed_forward(embed_dims, mlp_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(self, regions: Tensor, local: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([regions[:, :, None], local], dim=2).flatten(0, 1)         # (B·R, 1 + S, C)
        both = both + self.drop_path(self.local_attn(self.local_norm(both)))
        regions, local = both[:, 0].unflatten(0, regions.shape[:2]), both[:, 1:]
        regions = regions + self.drop_path(self.global_attn(self.global_norm(regions)))
        local = local.unflatten(0, regions.shape[:2]).flatten(1, 2)                 # (B, R·S, C)
        local = local + self.drop_path(self.interaction_attn(self.interaction_norm(local), self.context_norm(regions)))
        local = local.unflatten(1, (regions.shape[1], -1))                          # (B, R, S, C)
        both = torch.cat([regions[:, :, None], local], dim=2).flatten(0, 1)
        both = (both + self.drop_path(self.ffn(self.ffn_norm(both)))).unflatten(0, regions.shape[:2])
        return both[:, :, 0], both[:, :, 1:]


@MODELS.register_module()
class LGIFormer(VideoEncoder):
    """Clips (B, 3, T, H, W) -> the clip's feature (B, 1, C): the mean of the region tokens, normed.

    The tokens of a clip fall into regions of 2x5x10, counted over time, rows and columns; one learned token without
    position goes ahead of each. Its code also reads out the local tokens, by default even, which is not what was run.
    In the last block the local tokens are changed for nobody: these parameters count, as in the release, and learn
    nothing.

    Args:
        img_size, num_frames, patch_size, tubelet_size: of clips and tokens, see :class:`VideoEncoder`.
        embed_dims: width C.
        depth: blocks.
        num_heads: heads of each attention.
        mlp_ratio: hidden width of a block's MLP over C.
        region_size: tokens of a region over time, rows and columns.
        drop_path_rate: stochastic depth of the last block, rising linearly from 0.
        with_cp: recompute blocks in the backward pass to save memory.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)`` reads MAE-DFER's files, of pre-training and fine-tuned.

    Raises:
        ValueError: for regions that do not tile a clip's tokens.
    """

    def __init__(self, img_size: int = 160, num_frames: int = 16, patch_size: int = 16, tubelet_size: int = 2,
                 embed_dims: int = 512, depth: int = 16, num_heads: int = 8, mlp_ratio: float = 4.,
                 region_size: Sequence[int] = (2, 5, 10), drop_path_rate: float = 0.1, with_cp: bool = False,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(img_size, num_frames, patch_size, tubelet_size, embed_dims, with_cp, init_cfg)
        if len(region_size) != 3 or any(tokens % size for tokens, size in zip(self.token_shape, region_size)):
            raise ValueError(f'LGIFormer: region_size={tuple(region_size)} does not tile the {self.token_shape} tokens '
                             'of a clip over time, rows and columns')
        self.region_size = tuple(region_size)
        self.regions = tuple(tokens // size for tokens, size in zip(self.token_shape, self.region_size))
        number = self.regions[0] * self.regions[1] * self.regions[2]
        self.region_tokens = nn.Parameter(torch.zeros(number, embed_dims))
        rates = torch.linspace(0, drop_path_rate, depth, device='cpu').tolist()
        self.blocks = ModuleList([LGIBlock(embed_dims, num_heads, mlp_ratio, rate) for rate in rates])
        self.fc_norm = nn.LayerNorm(embed_dims, eps=1e-6)

    def init_weights(self) -> None:
        """Start anew, region tokens at N(0, 0.02); a ``Pretrained`` file is read here."""
        nn.init.trunc_normal_(self.region_tokens, std=0.02)
        super().init_weights()

    def load_file(self, path: str | os.PathLike) -> None:
        """Read a release's file, of pre-training or fine-tuned, or a checkpoint of this project."""
        load_lgi_former(self, path)

    def forward(self, x: Tensor) -> Tensor:
        local = self._by_region(self.embed(x))
        regions = self.region_tokens.repeat(len(x), 1, 1)
        for block in self.blocks:
            regions, local = self.run(block, regions, local)
        return self.fc_norm(regions.mean(dim=1, keepdim=True))

    def _by_region(self, tokens: Tensor) -> Tensor:
        """(B, T'·H'·W', C) -> (B, regions, tokens of a region, C)."""
        sizes = [size for pair in zip(self.regions, self.region_size) for size in pair]
        tokens = tokens.unflatten(1, sizes)                         # (B, nT, t, nH, h, nW, w, C)
        return tokens.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4, 6).flatten(1, 3)
