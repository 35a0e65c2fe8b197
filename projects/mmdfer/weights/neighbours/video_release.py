"""What the fine-tuned files of MAE-DFER and SVFAP share."""
from __future__ import annotations

import os
import re
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from ..release import NUM_CLASSES, Release, prefixed

SETS = ('dfew', 'ferv39k', 'mafw')
#: All three sets in the order of DFEW's classes, MAFW in its own.
ORDERS = dict(dfew='official', ferv39k='dfer_clip', mafw='official')
_HEAD = ('head.weight', 'head.bias')
# What the configs have; a file of these sizes needs no settings of its own.
_USUAL = {'backbone.embed_dims': 512, 'backbone.patch_size': 16, 'cls_head.in_channels': 512}


def without_head(state: dict[str, Tensor], path: str | os.PathLike) -> dict[str, Tensor]:
    """The tensors of the encoder.

    Raises:
        CheckpointError: for a file without a classifier, such as one of pre-training.
    """
    if any(key not in state for key in _HEAD):
        raise CheckpointError(f'{path}: has no classifier ({", ".join(_HEAD)}); choose a fine-tuned file; one of '
                              'pre-training is given to a training by --image-checkpoint')
    return {key: value for key, value in state.items() if key not in _HEAD}


def number_of(part: str, state: dict[str, Tensor], inner: str = '') -> int:
    """How many of a list of modules there are: of ``blocks``, those whose names hold ``inner``."""
    found = (re.match(rf'{part}\.(\d{{1,6}})\.{inner}', key) for key in state)
    return len({match[1] for match in found if match})


def whole_release(state: dict[str, Tensor], encoder: dict[str, Tensor], sizes: dict[str, Any], system: str) -> Release:
    """The release of an encoder under our names, and of the classifier in ``state``.

    Args:
        state: the file's tensors.
        encoder: the encoder's, under our names.
        sizes: entries of the config's model, which stay away where they are the config's own.
        system: the stem of its configs.
    """
    projection = encoder['patch_embed.projection.weight']
    sizes = {'backbone.embed_dims': projection.shape[0], 'backbone.patch_size': projection.shape[-1],
             'cls_head.in_channels': projection.shape[0], **sizes}
    settings = {key: value for key, value in sizes.items() if _USUAL.get(key) != value}
    classifier = {f'cls_head.fc.{key.removeprefix("head.")}': state[key].float() for key in _HEAD}
    return Release(dict(prefixed('backbone.', encoder), **classifier),
                   {NUM_CLASSES: len(state['head.weight']), **settings}, f'neighbours/{system}_dfew', sets=SETS,
                   orders=ORDERS, whole=True)
