"""IAL's head: classes from the mean over time, a loss for intensity and auxiliary classifiers within the network."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..class_order import Axis
from ..registry import MODELS
from .linear_video_head import LinearVideoHead


@MODELS.register_module()
class IALHead(LinearVideoHead):
    """Logits from the mean over time; in training CE + 0.1 · IAL + 0.05 · aux₁₂₈ + 0 · aux₂₅₆, as the release has it.

    An auxiliary classifier, Linear(Linear(·)) without bias or activation between, reads the mean over the frames of
    what a :class:`mmdfer.backbones.ial.GCABlock` saw. The release's comment says λ = 0.5 for the loss of intensity,
    its code 0.1. The classifier of the first, plain block and one of weight 0 learn nothing; they are there for the
    release's file.

    Args:
        num_classes, in_channels, kwargs: of :class:`LinearVideoHead`.
        aux_channels: channels of the network's stages.
        aux_weights: factor of each auxiliary classifier's loss, from the second stage on.
        intensity_loss: config of the loss of intensity; ``None`` for none.

    Raises:
        ValueError: for another number of weights than of stages after the first.
    """

    def __init__(self, num_classes: int | None = None, in_channels: int = 4096,
                 aux_channels: Sequence[int] = (64, 128, 256), aux_weights: Sequence[float] = (0.05, 0.),
                 intensity_loss: dict | None = dict(type='IntensityAwareLoss', loss_weight=0.1),  # noqa: B006
                 **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        if len(aux_weights) != len(aux_channels) - 1:
            raise ValueError(f'IALHead: {len(aux_weights)} aux_weights for {len(aux_channels) - 1} stages after the '
                             'first: give one each, 0 for none')
        self.aux_weights = tuple(aux_weights)
        self.aux = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 2 * width, bias=False), nn.Linear(2 * width, self.num_classes, bias=False))
            for width in aux_channels)
        self.intensity_loss = MODELS.build(intensity_loss) if intensity_loss is not None else None

    def class_axes(self) -> dict[str, Axis]:
        """The rows of every classifier go by class."""
        return dict(super().class_axes(), **{f'aux.{index}.1.weight': 0 for index in range(len(self.aux))})

    def forward(self, x: tuple[Tensor, Sequence[Tensor]], **kwargs) -> Tensor:
        """Features (B, T, D) and what the stages saw, as logits (B, K)."""
        return super().forward(x[0], **kwargs)

    def loss(self, feats: tuple[Tensor, Sequence[Tensor]], data_samples: list, **kwargs) -> dict[str, Tensor]:
        """``loss_cls``, ``loss_intensity`` and ``loss_aux_<stage>``."""
        logits = self(feats, **kwargs)
        losses = self.loss_by_feat(logits, data_samples)
        labels = torch.stack([sample.gt_label for sample in data_samples]).to(logits.device)
        labels = labels if labels.shape == logits.shape else labels.flatten()
        if self.intensity_loss is not None:
            losses['loss_intensity'] = self.intensity_loss(logits, labels)
        for stage, (seen, weight) in enumerate(zip(feats[1], self.aux_weights, strict=True), start=1):
            if weight:
                losses[f'loss_aux_{stage}'] = weight * self.loss_cls(self.aux[stage](seen), labels)
        return losses
