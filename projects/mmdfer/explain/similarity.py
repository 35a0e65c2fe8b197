"""How near the video feature of clips lies to the text of every class."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from .features import frames_of


@torch.no_grad()
def text_similarity(model: nn.Module, inputs: Tensor, samples: list | None = None) -> tuple[Tensor, Tensor | None]:
    """Cosines of the clips' video features with the texts of the classes, averaged over views.

    Args:
        model: a recognizer with a head of texts, in evaluation mode.
        inputs: clips as the model's preprocessor gives them, (B, views, 3, T, H, W).
        samples: their samples.

    Returns:
        (B, K), and (B, K) with the negative texts, ``None`` for a head without them; on the CPU.

    Raises:
        ValueError: for a head without texts.
    """
    head = model.cls_head
    if not hasattr(head, 'similarity'):
        raise ValueError(f'{type(head).__name__} has no class texts, so that a clip is near to none: similarities are '
                         'of CLIPTextHead, FineCLIPERHead and CaptionContrastiveHead')
    x, _ = model.extract_feat(inputs, data_samples=samples, test_mode=True)
    clips = head.pool(frames_of(x, model))
    negative = None
    if hasattr(head, 'texts'):
        texts, others = head.texts()
        positive, negative = clips @ texts.T, None if others is None else clips @ others.T
    else:
        positive = head.similarity(clips)
    return _views(positive, inputs), None if negative is None else _views(negative, inputs)


def _views(cosines: Tensor, inputs: Tensor) -> Tensor:
    return cosines.unflatten(0, (len(inputs), -1)).mean(dim=1).float().cpu()
