"""MAE-DFER's fine-tuned files."""
from __future__ import annotations

import os

from torch import Tensor

from ..release import Release, bring
from ..video_files import LGI_FORMER_RULES
from .video_release import number_of, whole_release, without_head

WITNESS = 'lg_region_tokens'
DEPTH = 16


def convert(state: dict[str, Tensor], path: str | os.PathLike) -> Release:
    """A fold's file under our names, with the sizes that it shows.

    Raises:
        CheckpointError: for a tensor that is none of MAE-DFER's, or a file without a classifier.
    """
    encoder, _ = bring(without_head(state, path), LGI_FORMER_RULES, path, 'MAE-DFER')
    depth = number_of('blocks', encoder)
    return whole_release(state, encoder, {} if depth == DEPTH else {'backbone.depth': depth}, 'mae_dfer')
