"""Contrastive training of clips against the texts of their classes (EmoCLIP, supervised)."""
from __future__ import annotations

import torch
from torch import Tensor

from ..registry import MODELS
from .caption_head import CaptionContrastiveHead
from .clip_text_head import unit


@MODELS.register_module()
class ClassContrastiveHead(CaptionContrastiveHead):
    """CLIP's symmetric loss over clips and the texts of their labels; predicts as :class:`CLIPTextHead` does.

    EmoCLIP (Foteinopoulou and Patras, FG 2024), trained with labels: the caption of a clip is the description of its
    class. Clips of one class have equal texts, which are each other's matches; ``equal_negatives=True`` is the
    release's loss.

    Args:
        kwargs: of :class:`CaptionContrastiveHead`.

    Raises:
        ValueError: for classes of several texts, and for mixed labels.
    """

    trains_on_labels = True

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if len(self.prompt_learner.owners) != self.num_classes:
            raise ValueError(f'ClassContrastiveHead: {len(self.prompt_learner.owners)} texts of {self.num_classes} '
                             'classes; a clip is held against one text: give each class one')

    def loss(self, feats: Tensor, data_samples: list, **kwargs) -> dict[str, Tensor]:
        """``loss_contrast`` of clip features (B, T, D) or (B, D)."""
        labels = torch.stack([sample.gt_label for sample in data_samples])
        if labels.is_floating_point():
            raise ValueError('ClassContrastiveHead: mixed labels have no one text: leave the blending out of '
                             'data_preprocessor')
        labels = labels.flatten().to(feats.device)
        clips = self.pool(feats)
        tokens = self.prompt_learner.tokens[labels]
        if self.prompt_learner.fixed_texts:
            texts = unit(self.text_encoder.cached_text_features(self.prompt_learner.tokens))
        else:
            texts = self.text_features(clips)
        return self.contrast(clips, texts[labels], tokens)
