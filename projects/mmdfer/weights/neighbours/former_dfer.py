"""Former-DFER's released file (:class:`mmdfer.backbones.FormerDFER`)."""
from __future__ import annotations

import os
from math import isqrt

from torch import Tensor

from ..release import NUM_CLASSES, Release, bring
from .pre_norm import layers_in, pre_norm
from .sizes import others

RULES = (
    (r's_former\.pos_embedding', 'backbone.pos_embed'),
    *pre_norm(r's_former\.spatial_transformer', 'backbone.spatial'),
    (r's_former\.(.+)', r'backbone.resnet.\1'),
    (r't_former\.pos_embedding', 'backbone.temporal.pos_embed'),
    (r't_former\.cls_token', 'backbone.temporal.cls_token'),
    *pre_norm(r't_former\.spatial_transformer', 'backbone.temporal.layers'),
    (r'fc\.(weight|bias)', r'cls_head.fc.\1'))
WITNESS = 't_former.cls_token'
STRIDE = 16                                     # of the stage whose map the tokens are
PUBLISHED = {'backbone.image_size': 112, 'backbone.num_frames': 16, 'backbone.base_channels': 64,
             'backbone.temporal.num_layers': 3, 'cls_head.in_channels': 512}


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """Former-DFER's tensors, with the sizes that they have."""
    ours, _ = bring(state, RULES, path, 'former_dfer')
    found = {'backbone.image_size': STRIDE * isqrt(ours['backbone.pos_embed'].shape[1]),
             'backbone.num_frames': ours['backbone.temporal.pos_embed'].shape[1] - 1,
             'backbone.base_channels': len(ours['backbone.resnet.conv1.weight']),
             'backbone.temporal.num_layers': layers_in(ours, r'backbone\.temporal\.layers\.(\d+)\.'),
             'cls_head.in_channels': ours['cls_head.fc.weight'].shape[1]}
    settings = {NUM_CLASSES: len(ours['cls_head.fc.weight']), **others(found, PUBLISHED)}
    return Release(ours, settings, 'configs/neighbours/former_dfer_dfew.py', sets=('dfew', 'ferv39k'),
                   frames=found['backbone.num_frames'], orders=dict(dfew='official', ferv39k='dfer_clip'), whole=True)
