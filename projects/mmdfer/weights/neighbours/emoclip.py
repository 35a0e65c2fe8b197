"""EmoCLIP's released files (FG 2024): CLIP's two towers and a temporal transformer over the frames."""
from __future__ import annotations

import os

from torch import Tensor

from ..clip import OPENAI_TOWER, settle
from ..loading import rename
from ..release import Release, bring, prefixed, under
from .pre_norm import layers_in, pre_norm
from .sizes import others

WITNESS = 'temporal.pos_embedding'
SETS = ('dfew', 'ferv39k', 'mafw')
_TEMPORAL = 'cls_head.temporal.'
RULES = (
    (r'backbone\.visual\.(.+)', r'vision.\1'),
    (r'backbone\.(.+)', r'text.\1'),
    (r'temporal\.cls_token', f'{_TEMPORAL}cls_token'),
    (r'temporal\.pos_embedding', f'{_TEMPORAL}pos_embed'),
    *pre_norm(r'temporal\.temporal_transformer', f'{_TEMPORAL}layers'),
    ('logit_scale', 'cls_head.log_scale'))
HEADS = 8
PUBLISHED = {f'{_TEMPORAL}num_frames': 1023, f'{_TEMPORAL}num_layers': 2, f'{_TEMPORAL}head_channels': 2048,
             f'{_TEMPORAL}feedforward_channels': 512}


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """EmoCLIP's tensors, with the sizes that its temporal transformer has; nothing in it goes by class."""
    ours, _ = bring(state, RULES, path, 'emoclip')
    towers = {place: settle(rename(under(ours, f'{name}.'), OPENAI_TOWER))
              for name, place in (('vision', 'backbone.'), ('text', 'cls_head.text_encoder.'))}
    ours = {key: value for key, value in ours.items() if not key.startswith(('vision.', 'text.'))}
    for place, tower in towers.items():
        ours.update(prefixed(place, tower))
    found = {f'{_TEMPORAL}num_frames': ours[f'{_TEMPORAL}pos_embed'].shape[1] - 1,
             f'{_TEMPORAL}num_layers': layers_in(ours, r'cls_head\.temporal\.layers\.(\d+)\.'),
             f'{_TEMPORAL}head_channels': len(ours[f'{_TEMPORAL}layers.0.attn.qkv.weight']) // (3 * HEADS),
             f'{_TEMPORAL}feedforward_channels': len(ours[f'{_TEMPORAL}layers.0.ffn.layers.0.0.weight'])}
    return Release(ours, others(found, PUBLISHED), 'configs/neighbours/emoclip_dfew.py', sets=SETS,
                   orders=dict(dfew='official', ferv39k='dfer_clip', mafw='official'), whole=True,
                   note="its class descriptions are not in the file: give those of the authors' "
                        'class_descriptions.yml by --class-texts, with which its scores are the release\'s')
