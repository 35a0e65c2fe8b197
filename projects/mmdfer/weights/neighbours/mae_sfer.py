"""MAE-SFER's released files: image classifiers, and the masked autoencoders that they start from."""
from __future__ import annotations

import os
from collections.abc import Mapping

from torch import Tensor

from ..errors import CheckpointError
from ..release import IMAGE_CLASSES, Release, bring
from .vit_names import VIT_RULES

#: A name by which such a file is known.
WITNESS = 'blocks.0.attn.qkv.bias'
HEAD = 'head.weight'
#: The sets' configs are of ViT-B/16.
SIZES, PATCH = {192: 'tiny', 384: 'small', 768: 'base'}, 16
_RULES = (
    *VIT_RULES,
    (r'norm\.(weight|bias)', r'backbone.ln1.\1'),
    (r'head\.(weight|bias)', r'head.fc.\1'),
)


def is_pretraining(state: Mapping[str, Tensor]) -> bool:
    """Whether a file is a masked autoencoder's, which has no classifier."""
    return WITNESS in state and HEAD not in state


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """A fine-tuned classifier's file.

    Raises:
        CheckpointError: for a tensor that is not its own, or a width that no config has.
    """
    ours, unused = bring(state, _RULES, path, 'MAE-SFER', ['mask_token', r'decoder_.+'])
    if 'head.fc.weight' not in ours:
        raise CheckpointError(f'{path}: has no classifier; give it by --image-checkpoint, as it is')
    classes, width = ours['head.fc.weight'].shape
    patch = ours['backbone.patch_embed.projection.weight'].shape[-1]
    if width not in SIZES:
        raise CheckpointError(f'{path}: head.weight has a width of {width}; MAE-SFER was released with widths of '
                              f'{", ".join(map(str, SIZES))}')
    settings: dict = {IMAGE_CLASSES: classes}
    if width != 768:
        settings |= {'backbone.arch': SIZES[width], 'head.in_channels': width}
    note = "its classes are taken to be in the order of the set's own numbers, which the release does not tell"
    if patch != PATCH:
        settings['backbone.patch_size'] = patch
        note += (f'; it is called a /16 model and has patches of {patch}, for which its code passed over the masked '
                 "autoencoder's patch and position tensors in silence")
    return Release(ours, settings, 'configs/image_fer/mae_sfer_vitb_rafdb.py', unused=unused, whole=True, note=note,
                   sets=('rafdb', 'affectnet', 'affectnet7', 'ferplus'))
