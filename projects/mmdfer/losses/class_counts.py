"""Losses that go by the number of training clips of each class."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmaction.models.losses.base import BaseWeightedLoss
from torch import Tensor
from torch.nn import functional as F

WEIGHTINGS = ('inverse', 'sqrt', 'effective')


def class_weights(counts: Tensor, weighting: str, beta: float = 0.9999) -> Tensor:
    """Weights of classes with mean 1 from the number of their clips; a class without clips counts as having one.

    Args:
        counts: clips of each class (K, ).
        weighting: ``'inverse'``, 1 / n; ``'sqrt'``, 1 / sqrt(n); ``'effective'``, (1 - β) / (1 - βⁿ), the
            inverse of the effective number of clips (Cui et al., CVPR 2019).
        beta: β, in [0, 1).

    Raises:
        ValueError: for an unknown weighting, or β outside [0, 1).
    """
    check_weighting(weighting, beta)
    n = counts.double().clamp(min=1)
    rules = dict(inverse=lambda: 1 / n, sqrt=lambda: n**-0.5, effective=lambda: (1 - beta) / (1 - beta**n))
    weights = rules[weighting]()
    return (weights * len(weights) / weights.sum()).float()


def check_weighting(weighting: str, beta: float) -> None:
    """Refuse what :func:`class_weights` does not know."""
    if weighting not in WEIGHTINGS:
        raise ValueError(f'weighting={weighting!r} is not known: choose one of {WEIGHTINGS}')
    if not 0 <= beta < 1:
        raise ValueError(f'beta={beta} is outside [0, 1); usual values are 0.99 to 0.9999')


class CountedLoss(BaseWeightedLoss):
    """A classification loss that knows how many training clips each class has.

    ``ClassCountsHook`` reads the counts from the training set before training and hands them over by
    :meth:`set_class_counts`; they are kept in buffers that no checkpoint carries. A subclass gives
    :meth:`per_class`, what every class would cost as the only true one, so that for soft targets (mixing,
    label smoothing) the loss is the mean of these under the targets, which for two mixed labels is
    λ·L(y1) + (1 - λ)·L(y2).

    Args:
        class_counts: clips of each class, in place of those of the training set.
        loss_weight: factor of the loss.

    Raises:
        ValueError: for counts that are negative, all zero, or of another number than the logits; at the first
            step if no counts came.
    """

    class_counts: Tensor | None

    def __init__(self, class_counts: Sequence[int] | None = None, loss_weight: float = 1.) -> None:
        super().__init__(loss_weight=loss_weight)
        self.counts_are_given = class_counts is not None
        self.register_buffer('class_counts', None, persistent=False)
        if class_counts is not None:
            self.set_class_counts(class_counts)

    def set_class_counts(self, counts: Sequence[int]) -> None:
        """Take the number of training clips of each class."""
        device = None if self.class_counts is None else self.class_counts.device
        given = torch.as_tensor(counts, dtype=torch.float32, device=device)
        if given.ndim != 1 or (given < 0).any() or not given.sum() > 0:
            raise ValueError(f'{type(self).__name__}: class_counts={given.tolist()}: expected clips of each class, 0 '
                             'or more, and not all 0')
        self.class_counts = given

    def _counts(self, logits: Tensor) -> Tensor:
        if self.class_counts is None:
            raise ValueError(f'{type(self).__name__} has no class counts: add dict(type=\'ClassCountsHook\') to the '
                             'hooks, which reads them from the training set, or give class_counts=[...]')
        if len(self.class_counts) != logits.shape[-1]:
            raise ValueError(f'{type(self).__name__}: {len(self.class_counts)} class counts for {logits.shape[-1]} '
                             'classes of the head')
        return self.class_counts.to(logits.device)

    def per_class(self, logits: Tensor) -> Tensor:
        """Loss (B, K) of each clip for every class as the true one."""
        raise NotImplementedError

    def _forward(self, cls_score: Tensor, label: Tensor) -> Tensor:
        """Mean loss of logits (B, K) for labels (B, ) or soft targets (B, K)."""
        if label.shape != cls_score.shape:
            label = F.one_hot(label, cls_score.shape[-1])
        return (label * self.per_class(cls_score)).sum(dim=-1).mean()
