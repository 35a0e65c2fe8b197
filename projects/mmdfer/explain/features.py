"""The feature of a clip's frames, as the head classifies it."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


@torch.no_grad()
def video_features(model: nn.Module, inputs: Tensor, samples: list | None = None) -> Tensor:
    """Features of clips, averaged over their views.

    Of a head of texts it is the unit feature that meets the texts (of FineCLIPER that of the frames alone), of any
    other head what its last linear layer reads.

    Args:
        model: a recognizer in evaluation mode.
        inputs: clips as the model's preprocessor gives them, (B, views, 3, T, H, W) or (B, T, 3, H, W).
        samples: their samples.

    Returns:
        (B, D), float32, on the CPU.

    Raises:
        ValueError: for a head without either.
    """
    x, kwargs = model.extract_feat(inputs, data_samples=samples, test_mode=True)
    head = model.cls_head
    if hasattr(head, 'pool'):
        found = head.pool(frames_of(x, model))
    else:
        found = _read_by_last_linear(head, x, kwargs)
    return found.unflatten(0, (len(inputs), -1)).mean(dim=1).float().cpu()


def frames_of(x: Any, model: nn.Module) -> Any:
    """The frames' own feature, of a model that sees clips in several ways.

    Raises:
        ValueError: for one that does not look at the frames.
    """
    if isinstance(x, (Tensor, tuple)):          # a tuple is what the head reads in parts, such as snippets
        return x
    names = [name for name, one in model.modalities.items() if one.per_view and name in x]
    if not names:
        raise ValueError(f'{type(model).__name__}: none of its modalities {", ".join(model.modalities)} is of the '
                         'frames, so there is no video feature')
    return x[names[0]]


def _read_by_last_linear(head: nn.Module, x: Any, kwargs: dict) -> Tensor:
    layers = [module for module in head.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ValueError(f'{type(head).__name__}: has neither class texts nor a linear layer, so that it is not known '
                         'what the feature of a clip is')
    read: list[Tensor] = []
    hook = layers[-1].register_forward_pre_hook(lambda layer, args: read.append(args[0]))
    try:
        head(x, **kwargs)
    finally:
        hook.remove()
    return read[-1].flatten(1)
