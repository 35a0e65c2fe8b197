"""S2D's released files: the folds of its video models, and the stages of its image model."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..release import NUM_CLASSES, Release, bring
from .vit_names import VIT_RULES

#: A name by which such a file is known.
WITNESS = 'prompt_blocks.0.TMA.norm.weight'
STAGES = 'backbone.s2d_stages.'
_STAGE = rf'{STAGES}blocks.\1.'
_TMA = r'prompt_blocks\.(\d+)\.TMA\.'
_STAGE_RULES = (
    (r'patch_embed_prompt\.proj\.(weight|bias)', rf'{STAGES}embed.\1'),
    (r'prompt_norms\.(\d+)\.(weight|bias)', rf'{STAGES}norms.\1.\2'),
    (r'prompt_blocks\.(\d+)\.conv0_0\.(weight|bias)', rf'{_STAGE}down.\2'),
    (r'prompt_blocks\.(\d+)\.conv0_1\.(weight|bias)', rf'{_STAGE}down_landmarks.\2'),
    (r'prompt_blocks\.(\d+)\.conv1x1\.(weight|bias)', rf'{_STAGE}up.\2'),
    (r'prompt_blocks\.(\d+)\.fovea\.smooth', rf'{_STAGE}beta'),
    (rf'{_TMA}T_Adapter\.D_fc1\.(weight|bias)', rf'{_STAGE}temporal.down.\2'),
    (rf'{_TMA}T_Adapter\.D_fc2\.(weight|bias)', rf'{_STAGE}temporal.up.\2'),
    (rf'{_TMA}T_Adapter\.attn\.(qkv\.weight|proj\.weight|proj\.bias)', rf'{_STAGE}temporal.attn.\2'),
    (rf'{_TMA}norm\.(weight|bias)', rf'{_STAGE}temporal.norm.\2'),
    (rf'{_TMA}S_Adapter\.D_fc1\.(weight|bias)', rf'{_STAGE}temporal.spatial.down.\2'),
    (rf'{_TMA}S_Adapter\.D_fc2\.(weight|bias)', rf'{_STAGE}temporal.spatial.up.\2'),
)
_RULES = (
    *VIT_RULES,
    (r'temporal_embedding', r'backbone.\g<0>'),
    (r'ln_post\.(weight|bias)', r'backbone.ln1.\1'),
    (r'head\.fc_cls\.(weight|bias)', r'cls_head.fc.\1'),
    *_STAGE_RULES,
)
#: By what a file of S2D's image stage, too, is known.
_STAGE_NAMES = re.compile(r'patch_embed_prompt\.|prompt_norms\.|prompt_blocks\.')
ANCHORS = 16
#: The release's name for the file of its landmark net.
LANDMARKS = 'mobilefacenet_model_best.pth.tar'


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """A fold's file of S2D's video model. The landmark net is no part of it.

    Raises:
        CheckpointError: for a tensor that is not S2D's, or a file without a classifier.
    """
    ours, unused = bring(state, _RULES, path, 'S2D', [r'(.+\.)?landmark.*'])
    ours = _as_linear(ours)
    if 'cls_head.fc.weight' not in ours:
        raise CheckpointError(f'{path}: has no classifier (head.fc_cls.weight); choose the file of the fine-tuned '
                              'video model')
    classes, width = ours['cls_head.fc.weight'].shape
    # What training here keeps beside the weights, and the release does not know.
    ours.update({
        'cls_head.anchors': torch.zeros(classes, ANCHORS, width),
        'cls_head.anchor_scores': torch.zeros(classes, ANCHORS, classes),
        'cls_head.anchor_counts': torch.zeros(classes, dtype=torch.long),
        f'{STAGES}landmarks.digest': torch.zeros(32, dtype=torch.uint8)
    })
    settings = {NUM_CLASSES: classes, 'backbone.landmarks.checkpoint': LANDMARKS}
    return Release(ours, settings, 'configs/neighbours/s2d_dfew.py', sets=('dfew', 'ferv39k', 'mafw'),
                   orders=dict(dfew='official', ferv39k='alphabetical', mafw='alphabetical'), unused=unused, whole=True,
                   note='the landmark net is a file of its own')


def stage_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """S2D's stages by their names in :class:`mmdfer.backbones.s2d.Stages`; nothing of a plain ViT's file."""
    stages = {name: tensor for name, tensor in state.items() if _STAGE_NAMES.match(name)}
    ours, _ = bring(stages, _STAGE_RULES, 'the file', 'S2D')
    return {name.removeprefix(STAGES): tensor for name, tensor in _as_linear(ours).items()}


def _as_linear(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """1×1 convolutions of the stages as linear layers of tokens."""
    return {name: tensor.flatten(1) if name.startswith(STAGES) and tensor.ndim == 4 else tensor
            for name, tensor in state.items()}
