"""Class-weighted, focal and logit-adjusted losses."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..registry import MODELS
from .class_counts import CountedLoss, check_weighting, class_weights


@MODELS.register_module()
class ClassWeightedLoss(CountedLoss):
    """Cross-entropy, weighted by class: w_y · CE, with weights of mean 1 over the classes.

    MMAction2's ``CrossEntropyLoss(class_weight=[...])`` wants the weights typed, and divides by the sum of the
    weights in the batch, by which a batch of one rare clip weighs no more than one of a frequent clip; here
    the mean is over clips.

    Args:
        weighting, beta: of :func:`class_weights`.
        kwargs: of :class:`CountedLoss`.
    """

    def __init__(self, weighting: str = 'inverse', beta: float = 0.9999, class_counts: Sequence[int] | None = None,
                 loss_weight: float = 1.) -> None:
        super().__init__(class_counts, loss_weight)
        check_weighting(weighting, beta)
        self.weighting, self.beta = weighting, beta

    def per_class(self, logits: Tensor) -> Tensor:
        return -class_weights(self._counts(logits), self.weighting, self.beta) * F.log_softmax(logits, dim=-1)


@MODELS.register_module()
class SoftmaxFocalLoss(CountedLoss):
    """Focal loss on the softmax: (1 - p_y)^γ · CE, optionally weighted by class (Lin et al., ICCV 2017).

    MMAction2's ``CBFocalLoss`` and mmpretrain's ``FocalLoss`` are sums of sigmoids, one for each class; that
    loss trains scores which ``average_clips='prob'`` and the softmax of a prediction do not expect, and the
    first takes no soft targets. With ``weighting='effective'`` the weights are those of ``CBFocalLoss``.

    Args:
        gamma: γ; 0 is cross-entropy.
        weighting, beta: of :func:`class_weights`; without ``weighting`` no class counts are needed.
        kwargs: of :class:`CountedLoss`.

    Raises:
        ValueError: for a negative γ.
    """

    def __init__(self, gamma: float = 2., weighting: str | None = None, beta: float = 0.9999,
                 class_counts: Sequence[int] | None = None, loss_weight: float = 1.) -> None:
        if gamma < 0:
            raise ValueError(f'SoftmaxFocalLoss: gamma={gamma} must not be negative')
        if weighting is not None:
            check_weighting(weighting, beta)
        super().__init__(class_counts, loss_weight)
        self.gamma, self.weighting, self.beta = gamma, weighting, beta

    def per_class(self, logits: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, dim=-1)
        miss = -torch.expm1(log_p)                                      # 1 - p, whole where p is near 1
        loss = -miss.clamp(min=1e-12)**self.gamma * log_p               # a power below 1 has no slope at 0
        return loss if self.weighting is None else loss * class_weights(self._counts(logits), self.weighting, self.beta)


@MODELS.register_module()
class LogitAdjustedLoss(CountedLoss):
    """Cross-entropy of logits + τ · log π, π the classes' shares of the training clips (Menon et al., ICLR 2021).

    In training a frequent class must win by a margin; predictions use the plain logits, whose largest then
    goes by balanced error. A class without clips counts as having one.

    Args:
        tau: τ; 0 is cross-entropy.
        kwargs: of :class:`CountedLoss`.
    """

    def __init__(self, tau: float = 1., class_counts: Sequence[int] | None = None, loss_weight: float = 1.) -> None:
        super().__init__(class_counts, loss_weight)
        self.tau = tau

    def per_class(self, logits: Tensor) -> Tensor:
        counts = self._counts(logits).clamp(min=1)
        return -F.log_softmax(logits + self.tau * (counts / counts.sum()).log(), dim=-1)
