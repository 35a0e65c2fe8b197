"""SVFAP's fine-tuned files."""
from __future__ import annotations

import os

from torch import Tensor

from ..errors import CheckpointError
from ..release import Release, bring
from ..video_files import SVFAP_RULES
from .video_release import number_of, whole_release, without_head

WITNESS = 'temporal_downsamples.0.weight'
PLAIN, NARROW, HALVINGS = 12, 9, 2
TOKENS = 8


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """A fold's file under our names, with the sizes that it shows.

    Which of the blocks after the plain ones belong to which stage it does not show: they must be as many as in the
    release, 6 and 3.

    Raises:
        CheckpointError: for a tensor that is none of SVFAP's, a file without a classifier, or other stages.
    """
    encoder, _ = bring(without_head(state, path), SVFAP_RULES, path, 'SVFAP')
    narrow, stages = number_of('blocks', encoder, 'cross_attn'), number_of('stages', encoder)
    found = number_of('blocks', encoder) - narrow, narrow, stages
    if found != (PLAIN, NARROW, HALVINGS):
        raise CheckpointError(f'{path}: has {found[0]} plain blocks and {found[1]} after them in {found[2]} stages; '
                              f'SVFAP has {PLAIN}, and {NARROW} in {HALVINGS}: choose the file as it was released')
    tokens = len(encoder['stages.0.summary.mlp.2.bias'])
    return whole_release(state, encoder, {} if tokens == TOKENS else {'backbone.num_bottleneck_tokens': tokens},
                         'svfap')
