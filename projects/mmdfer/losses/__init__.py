"""Losses for uneven classes."""
from .class_counts import CountedLoss, class_weights
from .imbalance import ClassWeightedLoss, LogitAdjustedLoss, SoftmaxFocalLoss

__all__ = ['ClassWeightedLoss', 'CountedLoss', 'LogitAdjustedLoss', 'SoftmaxFocalLoss', 'class_weights']
