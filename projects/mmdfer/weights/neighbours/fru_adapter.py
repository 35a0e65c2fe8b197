"""FRU-Adapter's released files."""
from __future__ import annotations

import os

from torch import Tensor

from ..release import NUM_CLASSES, Release, bring
from .sizes import extent, fused, others, vit_settings
from .vit_names import VIT_RULES

_UNIT, _ADAPTER = r'tsea_blocks\.(\d+)\.', r'backbone.layers.\1.adapters.fru.'
RULES = (
    *VIT_RULES,
    (r'fc_norm\.(.+)', r'backbone.ln2.\1'),
    (_UNIT + r'linear1\.(.+)', _ADAPTER + r'down.\2'),
    (_UNIT + r'linear2\.(.+)', _ADAPTER + r'up.\2'),
    (_UNIT + r'T_linear1\.(.+)', _ADAPTER + r'weigh.\2'),
    (_UNIT + r'ln\.(.+)', _ADAPTER + r'norm.\2'),
    (_UNIT + r'TFormer\.norm\.(.+)', _ADAPTER + r'temporal_norm.\2'),
    (_UNIT + r'TFormer\.proj_output\.(.+)', _ADAPTER + r'attn.proj.\2'),
    (_UNIT + r'TFormer\.proj_([QKV])\.(.+)', _ADAPTER + r'attn.\2.\3'),
    (r'classifier\.fc1\.(.+)', r'cls_head.proj.\1'),
    (r'classifier\.norm\.(.+)', r'cls_head.norm.\1'),
    (r'classifier\.fc2\.(.+)', r'cls_head.fc.\1'),
    (r'head\.(.+)', r'cls_head.image_head.\1'),
)
CONFIG = 'neighbours/fru_adapter_dfew'
SIZES = {
    'backbone.arch.embed_dims': 1024, 'backbone.arch.num_layers': 24, 'backbone.arch.num_heads': 16,
    'backbone.arch.feedforward_channels': 4096, 'backbone.patch_size': 16, 'backbone.img_size': 224,
    'backbone.adapters.fru.width': 128, 'backbone.adapters.fru.frames': 16, 'cls_head.in_channels': 1024,
    'cls_head.image_classes': 1000,
}
WITNESS = 'tsea_blocks.0.T_linear1.weight'
ORDERS = dict(dfew='official', ferv39k='dfer_clip', mafw='official')


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """The ViT with its adapters, the classifier, and the image model's head that nothing runs.

    Raises:
        CheckpointError: for a tensor of another system, or one that is missing.
    """
    ours, _ = bring(state, RULES, path, 'FRU-Adapter')
    ours = fused(ours, '.adapters.fru.attn.', ('Q', 'K', 'V'), path)
    adapter = 'backbone.layers.0.adapters.fru.'
    frames = extent(ours, f'{adapter}weigh.bias')
    sizes = vit_settings(ours, SIZES, path) | others({
        'backbone.adapters.fru.width': extent(ours, f'{adapter}down.bias'),
        'backbone.adapters.fru.frames': frames,
        'cls_head.in_channels': extent(ours, 'cls_head.proj.bias'),
        'cls_head.image_classes': extent(ours, 'cls_head.image_head.bias') or 0,
    }, SIZES)
    classes = extent(ours, 'cls_head.fc.bias')
    return Release(ours, {NUM_CLASSES: classes or 0, **sizes}, CONFIG, sets=tuple(ORDERS), frames=frames, orders=ORDERS,
                   whole=True)
