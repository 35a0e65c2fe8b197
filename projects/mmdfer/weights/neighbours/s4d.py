"""S4D's released files."""
from __future__ import annotations

import os

from torch import Tensor

from ..release import NUM_CLASSES, Release, bring
from ..video_files import VIDEO_MAE_RULES
from .sizes import extent, others, vit_settings

_BLOCK, _LAYER = r'blocks\.(\d+)\.', r'backbone.layers.\1.'
_EXPERTS, _EXPERT = _LAYER + 'adapters.experts.', r'moe_layer\.experts\.(\d+)\.'
RULES = (
    *((theirs, f'backbone.{ours}') for theirs, ours in VIDEO_MAE_RULES),
    (_BLOCK + r'moe_layer\.router\.topkroute_linear\.(.+)', _EXPERTS + r'router.\2'),
    (_BLOCK + r'moe_layer\.router\.noise_linear\.(.+)', _EXPERTS + r'noise.\2'),
    (_BLOCK + _EXPERT + r'fc1\.(.+)', _EXPERTS + r'experts.\2.down.\3'),
    (_BLOCK + _EXPERT + r'fc2\.(.+)', _EXPERTS + r'experts.\2.up.\3'),
    (r'head\.video\.(.+)', r'cls_head.fc.\1'),
    (r'head\.image\.(.+)', r'image_head.fc.\1'),
)
CONFIG = 'neighbours/s4d_dfew'
SIZES = {
    'backbone.arch.embed_dims': 768, 'backbone.arch.num_layers': 12, 'backbone.arch.num_heads': 12,
    'backbone.arch.feedforward_channels': 3072, 'backbone.patch_size': 16, 'backbone.tubelet_size': 2,
    'backbone.adapters.experts.width': 192, 'backbone.adapters.experts.num_experts': 8, 'cls_head.in_channels': 768,
    'image_head.in_channels': 768, 'image_head.num_classes': 7,
}
WITNESS = 'head.video.weight'
ORDERS = dict(dfew='official', ferv39k='alphabetical', mafw='alphabetical')


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """VideoMAE's ViT with its experts, and both heads. That a token has two experts is in no tensor.

    Raises:
        CheckpointError: for a tensor of another system.
    """
    ours, _ = bring(state, RULES, path, 'S4D')
    blocks = sorted({int(name.split('.')[2]) for name in ours if '.adapters.experts.' in name})
    adapter = f'backbone.layers.{blocks[0] if blocks else 0}.adapters.experts.'
    found = {
        'backbone.tubelet_size': extent(ours, 'backbone.patch_embed.projection.weight', 2),
        'backbone.adapters.experts.width': extent(ours, f'{adapter}experts.0.down.bias'),
        'backbone.adapters.experts.num_experts': extent(ours, f'{adapter}router.bias'),
        'cls_head.in_channels': extent(ours, 'cls_head.fc.weight', 1),
        'image_head.in_channels': extent(ours, 'image_head.fc.weight', 1),
        'image_head.num_classes': extent(ours, 'image_head.fc.bias'),
    }
    settings: dict[str, int | str] = {**vit_settings(ours, SIZES, path), **others(found, SIZES)}
    if blocks and blocks != list(range(6, 12)):
        settings['backbone.adapters.experts.blocks'] = ','.join(str(block + 1) for block in blocks)
    classes = extent(ours, 'cls_head.fc.bias')
    return Release(ours, {NUM_CLASSES: classes or 0, **settings}, CONFIG, sets=tuple(ORDERS), orders=ORDERS, whole=True)
