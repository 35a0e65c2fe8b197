"""M3DFEL's released file (:class:`mmdfer.backbones.M3DFEL`)."""
from __future__ import annotations

import os

from torch import Tensor

from ..release import NUM_CLASSES, Release, bring
from .sizes import others

_BLOCK = r'features\.(\d)\.(\d)'
RULES = (
    (r'features\.0\.0\.weight', 'backbone.resnet.conv1.conv.weight'),
    (r'features\.0\.1\.(.+)', r'backbone.resnet.conv1.bn.\1'),
    (rf'{_BLOCK}\.conv(\d)\.0\.weight', r'backbone.resnet.layer\1.\2.conv\3.conv.weight'),
    (rf'{_BLOCK}\.conv(\d)\.1\.(.+)', r'backbone.resnet.layer\1.\2.conv\3.bn.\4'),
    (rf'{_BLOCK}\.downsample\.0\.weight', r'backbone.resnet.layer\1.\2.downsample.conv.weight'),
    (rf'{_BLOCK}\.downsample\.1\.(.+)', r'backbone.resnet.layer\1.\2.downsample.bn.\3'),
    (r'to_qkv\.weight', 'backbone.qkv.weight'),
    (r'(lstm|norm)\.(.+)', r'backbone.\1.\2'),
    (r'pwconv\.(weight|bias)', r'backbone.conv.\1'),
    (r'fc\.(weight|bias)', r'cls_head.fc.\1'))
WITNESS = 'pwconv.weight'
INSTANCE = 4                                    # frames
PUBLISHED = {'backbone.num_frames': 16, 'backbone.resnet.base_channels': 64, 'backbone.resnet_channels': 512,
             'backbone.hidden': 512, 'cls_head.in_channels': 1024}


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """M3DFEL's tensors, with the sizes that they have; instances are of 4 frames, which a file does not tell."""
    ours, _ = bring(state, RULES, path, 'm3dfel')
    found = {'backbone.num_frames': INSTANCE * ours['backbone.conv.weight'].shape[1],
             'backbone.resnet.base_channels': len(ours['backbone.resnet.conv1.conv.weight']),
             'backbone.resnet_channels': ours['backbone.lstm.weight_ih_l0'].shape[1],
             'backbone.hidden': ours['backbone.lstm.weight_hh_l0'].shape[1],
             'cls_head.in_channels': ours['cls_head.fc.weight'].shape[1]}
    settings = {NUM_CLASSES: len(ours['cls_head.fc.weight']), **others(found, PUBLISHED)}
    # Its loader of FERV39k reads numbers that the set's own lists do not have, so that its order there is not known.
    return Release(ours, settings, 'configs/neighbours/m3dfel_dfew.py', sets=('dfew', 'ferv39k'),
                   frames=found['backbone.num_frames'], orders=dict(dfew='official'), whole=True)
