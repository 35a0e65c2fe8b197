"""AIM's embedding of the frames: one learned vector a frame, added to all its tokens (ICLR 2023)."""
from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor, nn

from ..ops.exporting import is_exporting


def new_temporal_embedding(frames: int, dim: int) -> nn.Parameter | None:
    """Zeros (1, T, D) to be learned, or None for 0 frames.

    Raises:
        ValueError: for a negative number of frames.
    """
    if frames < 0:
        raise ValueError(f'temporal_embedding={frames}: expected the number of frames of a clip, or 0 for none')
    return nn.Parameter(torch.zeros(1, frames, dim)) if frames else None


def embed_time(tokens: Tensor, embedding: Tensor, frames: int) -> Tensor:
    """Tokens (B·T, L, D) plus the embedding (1, T', D) of their frame, resized linearly if T' is not T."""
    exporting = is_exporting()                  # where a clip of the embedding's own length is resized to it, too
    if exporting or embedding.shape[1] != frames:
        if not exporting:
            _say_resized(embedding.shape[1], frames)
        embedding = F.interpolate(embedding.transpose(1, 2), size=frames, mode='linear').transpose(1, 2)
    # (B·T, L, D) -> (B, T, L, D) + (1, T, 1, D) -> (B·T, L, D)
    clips = tokens.reshape(-1, frames, *tokens.shape[1:])
    return (clips + embedding.unsqueeze(2)).flatten(0, 1)


@cache
def _say_resized(old: int, new: int) -> None:
    """Once for each pair of lengths."""
    print_log(f'temporal embedding of {old} frames resized to clips of {new}', logger='current')
