"""Files of VideoMAE and of what stands on it, brought to the names of ``JointViT``."""
from __future__ import annotations

import os
import re

import torch
from torch import Tensor, nn

from ..trained_on import FIELD, TrainedOn
from .errors import CheckpointError, tensors_as_named
from .loading import LoadReport, TowerFile, as_float, fill, rename, strip_prefixes
from .reading import read_checkpoint
from .states import find_state_dict

#: VideoMAE's names, as patterns of a name's beginning, and ours.
VIDEO_MAE = (
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^blocks\.(\d+)\.norm(\d)\.', r'layers.\1.ln\2.'),
    (r'^blocks\.(\d+)\.attn\.(q|v)_bias$', r'layers.\1.attn.qkv.\2_bias'),
    (r'^blocks\.(\d+)\.mlp\.fc1\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^blocks\.(\d+)\.mlp\.fc2\.', r'layers.\1.ffn.layers.1.'),
    (r'^blocks\.(\d+)\.attn\.', r'layers.\1.attn.'))
# A pre-training file has its encoder's tensors behind ``encoder.``, beside the decoder's.
_PREFIXES = ('module.', 'model.', 'backbone.', 'encoder.')
_TOWER = re.compile(r'^(patch_embed\.|layers\.\d+\.|fc_norm\.)')
_WITNESS = re.compile(r'^layers\.0\.attn\.qkv\.q_bias$')


def load_video_vit(tower: nn.Module, path: str | os.PathLike) -> LoadReport:
    """Load VideoMAE's encoder, from a file of its pre-training or fine-tuning, into a :class:`JointViT`.

    Adapters of the tower keep their start. In a file of pre-training the last norm is the tokens'; that of their mean
    starts anew.

    Raises:
        CheckpointError: for a file of another model, width, depth or tubelet, or that lacks weights.
    """
    checkpoint = read_checkpoint(path)
    with tensors_as_named(path):
        file = _to_joint(as_float(find_state_dict(checkpoint, path)), path)
    report = fill(tower, file, path, _remedy, 'model.backbone.arch, patch_size and tubelet')
    meta = checkpoint.get('meta') or {}
    if FIELD in meta:                           # what training here has left is told of what goes on from it
        setattr(tower, FIELD, TrainedOn.from_meta(meta, str(path)))
    return report


def _remedy(key: str) -> str:
    if '.moe_layer.' in key:
        return 'it is a release of S4D with its experts: convert it by mmdfer convert release s4d, and load that'
    return 'the file is of another depth: set model.backbone.arch to match'


def _to_joint(state: dict[str, Tensor], path: str | os.PathLike) -> TowerFile:
    names = rename(strip_prefixes(state, _PREFIXES), VIDEO_MAE)
    if not any(_WITNESS.match(key) for key in names):
        raise CheckpointError(f'{path}: no VideoMAE encoder is recognised in its keys (such as {sorted(state)[:4]}; '
                              'blocks.0.attn.q_bias is missing); choose a file of VideoMAE, or of a system on it')
    kept = {key: tensor for key, tensor in names.items() if _TOWER.match(key)}
    notes = []
    if 'fc_norm.weight' not in kept:
        norm = kept['layers.0.ln1.weight']
        kept.update({'fc_norm.weight': torch.ones_like(norm), 'fc_norm.bias': torch.zeros_like(norm)})
        notes.append('the norm of the mean of tokens (fc_norm) starts anew')
    dropped = {key: tuple(tensor.shape) for key, tensor in names.items() if key not in kept}
    return TowerFile(kept, 'VideoMAE', dropped, notes)
