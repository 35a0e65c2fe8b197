"""IAL's released file (:class:`mmdfer.backbones.IALNet`, :class:`mmdfer.heads.IALHead`)."""
from __future__ import annotations

import os

from torch import Tensor

from ..release import NUM_CLASSES, Release, bring
from .pre_norm import pre_norm
from .sizes import others

_STAGE = r's_former\.layer([1-3])\.0'
RULES = (
    (r's_former\.pos_embedding_pos', 'backbone.spatial_pos_embed'),
    (r's_former\.pos_embedding', 'backbone.pos_embed'),
    *pre_norm(r's_former\.pos_transformer', 'backbone.spatial'),
    *pre_norm(r's_former\.temporal_transformer', 'backbone.temporal'),
    *((rf's_former\.layer{stage}\.0\.AUX_fc\.([01])\.weight', rf'cls_head.aux.{stage - 1}.\1.weight')
      for stage in (1, 2, 3)),
    (rf'{_STAGE}\.(gc|fc1|fc2)\.0\.weight', r'backbone.layer\1.\2.weight'),
    (rf'{_STAGE}\.(.+)', r'backbone.layer\1.\2'),
    (r's_former\.(.+)', r'backbone.\1'),
    (r'fc_f\.(weight|bias)', r'cls_head.fc.\1'))
WITNESS = 's_former.pos_embedding_pos'
HEADS, STRIDE = 4, 4
PUBLISHED = {'backbone.image_size': 112, 'backbone.num_frames': 16, 'backbone.channels': [64, 128, 256],
             'backbone.head_channels': 32, 'backbone.spatial_feedforward': 256, 'backbone.temporal_feedforward': 512,
             'cls_head.in_channels': 4096, 'cls_head.aux_channels': [64, 128, 256]}


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """IAL's tensors, with the sizes that they have; those that compute nothing are kept, as the count is."""
    ours, _ = bring(state, RULES, path, 'ial')
    channels = [len(ours[f'backbone.layer{stage}.conv1.weight']) for stage in (1, 2, 3)]
    found = {'backbone.image_size': STRIDE * ours['backbone.layer1.gc.weight'].shape[-1],
             'backbone.num_frames': ours['backbone.pos_embed'].shape[1],
             'backbone.channels': channels,
             'backbone.head_channels': len(ours['backbone.spatial.0.attn.qkv.weight']) // (3 * HEADS),
             'backbone.spatial_feedforward': len(ours['backbone.spatial.0.ffn.layers.0.0.weight']),
             'backbone.temporal_feedforward': len(ours['backbone.temporal.0.ffn.layers.0.0.weight']),
             'cls_head.in_channels': ours['cls_head.fc.weight'].shape[1],
             'cls_head.aux_channels': channels}
    settings = {NUM_CLASSES: len(ours['cls_head.fc.weight']), **others(found, PUBLISHED)}
    # Its code reads DFEW alone.
    return Release(ours, settings, 'configs/neighbours/ial_dfew.py', sets=('dfew', 'ferv39k'),
                   frames=found['backbone.num_frames'], orders=dict(dfew='official'), whole=True)
