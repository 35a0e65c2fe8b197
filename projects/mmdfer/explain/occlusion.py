"""How much a class depends on each frame of a clip, by hiding it; for any recognizer."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from .rollout import clip_logits

CHUNK = 4
"""Clips that run at once."""


@torch.no_grad()
def hidden_frames(model: nn.Module, clip: Tensor, samples: list | None = None, target: int | None = None) -> Tensor:
    """What the probability of a class loses when a frame is hidden, frame by frame.

    A hidden frame is the mean of the clip's frames, so that nothing new is seen and its place in time stays.

    Args:
        model: a recognizer in evaluation mode.
        clip: one clip as the model's preprocessor gives it, (1, 1, 3, T, H, W) or (1, T, 3, H, W).
        samples: the clip's sample in a list, for models that read maps or captions.
        target: the class. Defaults to the predicted one.

    Returns:
        (T,) in [-1, 1]; below 0 for a frame without which the class is more probable.

    Raises:
        ValueError: for several views, and logits that are no numbers.
    """
    probabilities = clip_logits(model, clip, samples).softmax(dim=0)
    target = int(probabilities.argmax()) if target is None else target
    axis = 3 if clip.ndim == 6 else 1
    frames, mean = clip.shape[axis], clip.mean(dim=axis)
    kept = []
    for start in range(0, frames, CHUNK):
        chosen = list(range(start, min(start + CHUNK, frames)))
        hidden = clip.repeat(len(chosen), *[1] * (clip.ndim - 1))
        for row, frame in enumerate(chosen):
            hidden[row].select(axis - 1, frame).copy_(mean[0])
        logits = model.extract_feat(hidden, stage='head', data_samples=samples and samples * len(chosen))[0]
        kept.append(logits.softmax(dim=1)[:, target])
    return (probabilities[target] - torch.cat(kept)).cpu()
