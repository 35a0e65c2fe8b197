"""What the video encoders of the masked-autoencoder line share: tubelets, positions, the start from a file."""
from __future__ import annotations

import os

import torch
from mmaction.models.backbones.vit_mae import get_sinusoid_encoding
from mmcv.cnn.bricks.transformer import FFN, PatchEmbed
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

LN = dict(type='LN', eps=1e-6)
NEW = [dict(type='TruncNormal', layer='Linear', std=0.02, bias=0.), dict(type='Constant', layer='LayerNorm', val=1.)]


class VideoEncoder(BaseModule):
    """Clips (B, 3, T, H, W) as tokens (B, T'·H'·W', C) with a fixed position each; the parent of the encoders.

    A tubelet of 2 frames and 16x16 pixels is a token. Token n of T'·H'·W', counted from frame to frame and row to row,
    has the sinusoid of n as its position, which no file keeps.

    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` starts it from a file of its pre-training, a fine-tuned release
    or a checkpoint of this project (``load_file``); else it starts anew.

    Args:
        img_size: height and width of a clip in pixels.
        num_frames: its frames T.
        patch_size: pixels of a token's sides.
        tubelet_size: frames of a token.
        embed_dims: width C.
        with_cp: recompute blocks in the backward pass to save memory.
        init_cfg: see above.

    Raises:
        ValueError: for a clip that is no whole number of tokens.
    """

    def __init__(self, img_size: int, num_frames: int, patch_size: int, tubelet_size: int, embed_dims: int,
                 with_cp: bool = False, init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg=NEW if init_cfg is None else init_cfg)
        if img_size % patch_size or num_frames % tubelet_size:
            raise ValueError(f'{type(self).__name__}: clips of {num_frames} frames of {img_size}x{img_size} are no '
                             f'whole number of tokens of {tubelet_size} frames of {patch_size}x{patch_size}')
        self.embed_dims, self.with_cp = embed_dims, with_cp
        self.clip_shape = (num_frames, img_size, img_size)
        #: (T', H', W')
        self.token_shape = (num_frames // tubelet_size, img_size // patch_size, img_size // patch_size)
        kernel = (tubelet_size, patch_size, patch_size)
        self.patch_embed = PatchEmbed(3, embed_dims, conv_type='Conv3d', kernel_size=kernel, stride=kernel,
                                      padding=(0, 0, 0), dilation=(1, 1, 1))
        tokens = self.token_shape[0] * self.token_shape[1] * self.token_shape[2]
        self.register_buffer('pos_embed', get_sinusoid_encoding(tokens, embed_dims), persistent=False)

    def embed(self, x: Tensor) -> Tensor:
        """Tokens (B, T'·H'·W', C) of clips, with their positions.

        Raises:
            ValueError: for clips of another size.
        """
        if x.ndim != 5 or tuple(x.shape[2:]) != self.clip_shape:
            frames, size, _ = self.clip_shape
            raise ValueError(f'{type(self).__name__} expects clips (B, 3, {frames}, {size}, {size}), got '
                             f'{tuple(x.shape)}: sample and resize to that in the pipeline, or set '
                             'model.backbone.num_frames and img_size')
        return self.patch_embed(x)[0] + self.pos_embed

    def run(self, block: nn.Module, *tokens: Tensor) -> Tensor | tuple[Tensor, ...]:
        """A block's output, which is computed again in the backward pass if memory is to be saved."""
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(block, *tokens, use_reentrant=False)
        return block(*tokens)

    def load_file(self, path: str | os.PathLike) -> None:
        """Take the weights of a file, whole or not at all."""
        raise NotImplementedError

    def init_weights(self) -> None:
        """Start anew; a ``Pretrained`` file is read here."""
        pretrained = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        if pretrained.get('type') != 'Pretrained':
            super().init_weights()
        else:
            self.load_file(pretrained['checkpoint'])
            self._is_init = True


def feed_forward(embed_dims: int, mlp_ratio: float) -> FFN:
    """Linear, GELU, Linear; the block adds it and drops it as a path."""
    return FFN(embed_dims, int(embed_dims * mlp_ratio), act_cfg=dict(type='GELU'), ffn_drop=0., add_identity=False)
