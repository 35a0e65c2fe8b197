"""IAL's loss: the true class against the strongest other one."""
from __future__ import annotations

from mmaction.models.losses.base import BaseWeightedLoss
from torch import Tensor
from torch.nn import functional as F

from ..registry import MODELS


@MODELS.register_module()
class IntensityAwareLoss(BaseWeightedLoss):
    """Cross-entropy over the target and the strongest other class alone (Li et al., AAAI 2023).

    log(1 + exp(s_m - s_y)) with s_m the greatest logit but the target's: clips of low intensity, which a second class
    comes near to, weigh more. For soft targets (mixing, label smoothing) it is the mean of every class's loss as the
    target, under the targets, which for two mixed labels is λ·L(y1) + (1 - λ)·L(y2).

    Args:
        loss_weight: factor of the loss.
    """

    def _forward(self, cls_score: Tensor, label: Tensor) -> Tensor:
        """Mean loss of logits (B, K) for labels (B, ) or soft targets (B, K)."""
        if label.shape != cls_score.shape:
            label = F.one_hot(label, cls_score.shape[-1])
        top, places = cls_score.topk(2, dim=-1)
        is_top = F.one_hot(places[:, 0], cls_score.shape[-1]).bool()
        others = top[:, 1:].where(is_top, top[:, :1])                                  # (B, K)
        return (label * F.softplus(others - cls_score)).sum(dim=-1).mean()
