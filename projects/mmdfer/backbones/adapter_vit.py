"""AdapterViT: an image vision transformer over the frames of a clip, with adapter slots in its blocks."""
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from mmengine.model import ModuleList
from mmpretrain.models.backbones.vision_transformer import VisionTransformer
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn

from ..adapters import TokenGrid
from ..registry import MODELS
from ..weights import load_vit
from .adapter_block import AdapterBlock
from .adapter_configs import AdapterConfigs
from .temporal_embedding import embed_time, new_temporal_embedding
from .tower import AdapterTower

_SIZES = {
    'tiny': (192, 12, 3),
    'small': (384, 12, 6),
    'base': (768, 12, 12),
    'large': (1024, 24, 16),
}
ARCHITECTURES = {
    name: dict(embed_dims=dim, num_layers=depth, num_heads=heads, feedforward_channels=4 * dim)
    for name, (dim, depth, heads) in _SIZES.items()
}
OUTPUTS = ('cls_token', 'avg_featmap')


def architecture(arch: str | dict) -> dict:
    """Sizes of a ViT from its name, or as they are given.

    Raises:
        ValueError: for an unknown name.
    """
    if isinstance(arch, dict):
        return dict(arch)
    if not isinstance(arch, str) or arch not in ARCHITECTURES:
        raise ValueError(f'arch={arch!r} is not known: choose one of {sorted(ARCHITECTURES)} or give a dict of '
                         'embed_dims, num_layers, num_heads and feedforward_channels')
    return dict(ARCHITECTURES[arch])


@MODELS.register_module()
class AdapterViT(AdapterTower, VisionTransformer):
    """mmpretrain's ViT over frames: (B, 3, T, H, W) -> class tokens of the frames (B, T, D), or means of their patches.

    Adapters stand in the config by name, each with the slot and the blocks it goes to; other keys are the
    adapter's own arguments, and ``None`` in a name's place leaves an adapter out. A ``drop_path`` is the last
    block's and rises linearly from 0 over the blocks::

        adapters=dict(fe=dict(type='FEAdapter', slot='before_attn', blocks='all', width=116))

    With ``freeze`` everything but the adapters, LoRA and the temporal embedding keeps its weights, stays in
    eval mode whatever the model's mode, and blocks before the first adapter keep no graph. Parameter names
    are those of mmpretrain's ``VisionTransformer``, with ``layers.<i>.adapters.<name>`` beside them.
    ``init_cfg=dict(type='Pretrained', checkpoint=...)`` reads any format that :func:`mmdfer.weights.load_vit`
    knows and refuses a file of another architecture.

    Args:
        arch: ``'tiny'``, ``'small'``, ``'base'``, ``'large'`` (timm's sizes), or a dict with
            ``embed_dims``, ``num_layers``, ``num_heads`` and ``feedforward_channels``.
        adapters: adapter configs by name; empty for the plain image model on each frame. A list is read, too.
        freeze: train adapters and the like alone. ``False`` trains everything.
        lora: arguments of LoRA in every block, e.g. ``dict(rank=8, targets=['qkv'])``; see
            :func:`mmdfer.backbones.lora.add_lora`. Needs ``freeze``.
        temporal_embedding: length T of a learned embedding (1, T, D) of the frames, as in AIM, zero at the
            start, added to every token of frame t before ``pre_norm``; clips of another length get it
            resized. 0 for none.
        tune_final_norm: train the last norm although ``freeze`` is set.
        tune_norms: train every LayerNorm of the image model although ``freeze`` is set.
        tune_cls_token: train the class token although ``freeze`` is set.
        drop_path_rate: stochastic depth of the last block, rising linearly from 0.
        with_cp: recompute blocks in the backward pass to save memory; works over frozen parts.
        layer_cfg: further arguments of every block, e.g. another activation.
        frozen_dtype: ``'bfloat16'`` keeps the weights of the frozen linear layers so, beside float32 adapters: half
            their memory, and under ``AmpOptimWrapper(dtype='bfloat16')`` no cast of them at every step. It rounds each
            of them by at most 2^-9; a tunable file that was trained over rounded weights asks for the same line.
        num_segments: frames of a clip when they come one by one, as from ``Recognizer2D``.
        proj_dim: width of a projection without bias after the last norm, such as CLIP's; ``None`` for none.
        average_frames: average the class tokens over T before the last norm, as ST-Adapter does, so that the
            features of a clip's frames are all alike. By default the norm comes first.
        out_type: ``'cls_token'``, or ``'avg_featmap'`` for the mean of a frame's patches and mmpretrain's norm
            after it (``ln2``), which takes ``final_norm=False``, as in image models whose ``fc_norm`` it is.
        kwargs: mmpretrain's own arguments, such as ``img_size``, ``patch_size``, ``pre_norm``.

    Raises:
        ValueError: for an unknown architecture, adapter, slot, block, kind of output or type of frozen weights.
    """

    block: type[AdapterBlock] = AdapterBlock

    def __init__(self, arch: str | dict = 'base', adapters: AdapterConfigs = (), freeze: bool = True,
                 drop_path_rate: float = 0., with_cp: bool = False, layer_cfg: dict | None = None,
                 num_segments: int = 1, proj_dim: int | None = None, lora: dict | None = None,
                 temporal_embedding: int = 0, tune_final_norm: bool = False, average_frames: bool = False,
                 tune_norms: bool = False, tune_cls_token: bool = False, out_type: str = 'cls_token',
                 frozen_dtype: str | None = None, **kwargs) -> None:
        if out_type not in OUTPUTS:
            raise ValueError(f'AdapterViT: out_type={out_type!r} is not known: choose one of {", ".join(OUTPUTS)}')
        super().__init__(arch=architecture(arch), out_type=out_type, **kwargs)
        self.num_segments, self.average_frames = num_segments, average_frames
        self.reads_class_token = out_type == 'cls_token'
        self.layers = self._build_blocks(drop_path_rate, kwargs, layer_cfg or {})
        self.out_proj = nn.Linear(self.embed_dims, proj_dim, bias=False) if proj_dim else None
        self.temporal_embedding = new_temporal_embedding(temporal_embedding, self.embed_dims)
        tuned = [f'{name}.' for name, module in self.named_modules() if tune_norms and isinstance(module, nn.LayerNorm)]
        tuned += [name for name, chosen in (('ln1.', tune_final_norm), ('cls_token', tune_cls_token)) if chosen]
        self.adopt_adapters(adapters, freeze, with_cp, lora, tuple(tuned), frozen_dtype)

    def _build_blocks(self, drop_path_rate: float, kwargs: dict, layer_cfg: dict) -> ModuleList:
        shared = dict(
            embed_dims=self.embed_dims,
            num_heads=self.arch_settings['num_heads'],
            feedforward_channels=self.arch_settings['feedforward_channels'],
            norm_cfg=kwargs.get('norm_cfg', dict(type='LN', eps=1e-6)))
        shared.update((key, kwargs[key]) for key in ('drop_rate', 'qkv_bias', 'layer_scale_init_value')
                      if key in kwargs)
        shared.update(layer_cfg)
        rates = np.linspace(0, drop_path_rate, self.num_layers)
        return ModuleList([self.block(drop_path_rate=float(rate), **shared) for rate in rates])

    def init_weights(self) -> None:
        """Initialise; a ``Pretrained`` file is read here, whatever its format."""
        pretrained = self.init_cfg if isinstance(self.init_cfg, dict) else {}
        if pretrained.get('type') != 'Pretrained':
            super().init_weights()
            return
        load_vit(self, pretrained['checkpoint'])
        self._is_init = True

    def forward(self, x: Tensor, prompts: Tensor | None = None,
                deep_prompts: Sequence[Tensor] | None = None) -> Tensor:
        """Feature of every frame after the last norm, and the projection where there is one.

        Args:
            x: clips (B, 3, T, H, W), or frames (B·T, 3, H, W) of clips of T = ``num_segments`` frames.
            prompts: n further tokens (n, D) of every frame, behind its patches and without position.
            deep_prompts: J - 1 tensors (n, D), of which the i-th takes the prompts' place before block i + 2.

        Returns:
            (B, T, D), or (B·T, D) for frames; D is ``proj_dim`` with a projection.

        Raises:
            ValueError: for an input of another rank, frames that make no whole clips, deep prompts without
                prompts, or prompts that fit neither the width nor the depth.
        """
        if x.ndim not in (4, 5):
            raise ValueError(f'AdapterViT expects clips (B, 3, T, H, W) or frames (B, 3, H, W), got {tuple(x.shape)}: '
                             "format the clip with FormatShape(input_format='NCTHW')")
        clips = x if x.ndim == 5 else self._gather_clips(x)
        batch, _, frames = clips.shape[:3]
        # (B, 3, T, H, W) -> (B, T, 3, H, W) -> (B·T, 3, H, W)
        tokens = self.encode(clips.transpose(1, 2).flatten(0, 1), frames, prompts, deep_prompts)
        if self.reads_class_token:
            read = tokens[:, 0]
        else:
            end = tokens.shape[1] - (0 if prompts is None else prompts.shape[-2])
            read = tokens[:, self.num_extra_tokens:end].mean(dim=1)
        features = read.reshape(batch, frames, -1)               # (B·T, D) -> (B, T, D)
        if self.average_frames:
            features = features.mean(dim=1, keepdim=True).expand_as(features)
        if self.final_norm:
            features = self.ln1(features)
        if not self.reads_class_token:
            features = self.ln2(features)
        if self.out_proj is not None:
            features = self.out_proj(features)
        return features if x.ndim == 5 else features.flatten(0, 1)

    def encode(self, images: Tensor, frames: int, prompts: Tensor | None = None,
               deep_prompts: Sequence[Tensor] | None = None) -> Tensor:
        """Images (B·T, 3, H, W) as tokens (B·T, L, D) after the last block."""
        tokens, grid = self.embed(images, frames, prompts)
        return self.run_prompted(tokens, grid, deep_prompts)

    def run_prompted(self, tokens: Tensor, grid: TokenGrid, deep_prompts: Sequence[Tensor] | None = None,
                    before: Callable[[int, Tensor], Tensor] | None = None) -> Tensor:
        """:meth:`run_blocks` with deep prompts behind the patches."""
        self._check_deep(deep_prompts, grid)
        return self.run_blocks(tokens, grid, deep_prompts, grid.tokens - grid.trailing, before)

    @staticmethod
    def _check_deep(deep_prompts: Sequence[Tensor] | None, grid: TokenGrid) -> None:
        for prompt in () if deep_prompts is None else deep_prompts:
            if prompt.shape[-2] != grid.trailing:
                raise ValueError(f'a deep prompt of {prompt.shape[-2]} tokens has {grid.trailing} places: give as many '
                                 'tokens in prompts as in each of deep_prompts')

    def _gather_clips(self, frames: Tensor) -> Tensor:
        """Frames (B·T, 3, H, W) as clips (B, 3, T, H, W)."""
        if len(frames) % self.num_segments:
            raise ValueError(f'AdapterViT: {len(frames)} frames make no whole clips of num_segments='
                             f'{self.num_segments}: set it to the number of frames that the pipeline samples')
        return frames.unflatten(0, (-1, self.num_segments)).transpose(1, 2)

    def embed(self, images: Tensor, frames: int, prompts: Tensor | None = None) -> tuple[Tensor, TokenGrid]:
        """Images (B·T, 3, H, W) as tokens (B·T, L, D) with class token, position and prompts, and their grid."""
        patches, resolution = self.patch_embed(images)
        return self.place(patches, resolution, frames, prompts)

    def place(self, patches: Tensor, resolution: tuple[int, int], frames: int,
              prompts: Tensor | None = None) -> tuple[Tensor, TokenGrid]:
        """Embedded patches (B·T, H·W, D) with class token, position and prompts, and their grid."""
        tokens = torch.cat([self.cls_token.expand(patches.shape[0], -1, -1), patches], dim=1)
        tokens = tokens + resize_pos_embed(
            self.pos_embed, self.patch_resolution, resolution, mode=self.interpolate_mode,
            num_extra_tokens=self.num_extra_tokens)
        if self.temporal_embedding is not None:
            tokens = embed_time(tokens, self.temporal_embedding, frames)
        tokens, trailing = self.drop_after_pos(tokens), 0
        if prompts is not None:
            tokens, trailing = torch.cat([tokens, self.expand_prompts(prompts, tokens)], dim=1), prompts.shape[-2]
        height, width = resolution
        return self.pre_norm(tokens), TokenGrid(frames, height, width, self.num_extra_tokens, trailing)
