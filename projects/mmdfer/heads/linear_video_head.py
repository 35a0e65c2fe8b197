"""The linear classifier on the mean of frame features, or on what a temporal model makes of them."""
from __future__ import annotations

import torch
from mmaction.models.heads import BaseHead
from torch import Tensor, nn

from ..class_order import Axis
from ..registry import MODELS
from .classes import required_classes


@MODELS.register_module()
class LinearVideoHead(BaseHead):
    """Mean over T, dropout, linear: (B, T, D) -> logits (B, K).

    Loss, label smoothing, mixed targets and the averaging of test views are ``BaseHead``'s.

    Args:
        num_classes: number of classes K; a run's config gets it from the data.
        in_channels: feature width D.
        dropout: probability of an element to be zeroed before the classifier.
        init_std: standard deviation of the classifier's initial weights.
        temporal: config of what takes the mean's place, (B, T, D) -> (B, D), such as a ``TemporalTransformer``.
        kwargs: ``BaseHead``'s own arguments. Defaults differ in ``average_clips='prob'``, without which an
            axis of views remains, and in ``topk=(1, )``, which costs one synchronisation less a step.

    Raises:
        ValueError: without a number of classes.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 768, dropout: float = 0.,
                 init_std: float = 0.02, average_clips: str | None = 'prob', topk: tuple[int, ...] = (1, ),
                 temporal: dict | None = None, **kwargs) -> None:
        num_classes = required_classes(num_classes, type(self).__name__)
        super().__init__(num_classes, in_channels, average_clips=average_clips, topk=topk, **kwargs)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(in_channels, num_classes)
        self.init_std = init_std
        self.temporal = MODELS.build(temporal) if temporal else None

    def class_axes(self) -> dict[str, Axis]:
        """The classifier's rows go by class."""
        return {'fc.weight': 0, 'fc.bias': 0}

    def init_weights(self) -> None:
        """Small normal weights, zero bias."""
        nn.init.trunc_normal_(self.fc.weight, std=self.init_std)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor, **kwargs) -> Tensor:
        return self.classify(self.dropout(self.pool(x)))            # (B, T, D) -> (B, D) -> (B, K)

    def classify(self, features: Tensor) -> Tensor:
        """Logits (B, K) of clips' features (B, D)."""
        logits = self.fc(features)
        # BaseHead hands logits to NumPy, which knows no bfloat16.
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def pool(self, x: Tensor) -> Tensor:
        """One feature of a clip, (B, T, D) -> (B, D)."""
        return x.mean(dim=1) if self.temporal is None else self.temporal(x)


@MODELS.register_module()
class ImageHead(LinearVideoHead):
    """The same for single images, beside the head of a run: its classes are another set's, and not the run's."""

    def class_axes(self) -> dict[str, Axis]:
        """None of its rows goes by a class of the run."""
        return {}
