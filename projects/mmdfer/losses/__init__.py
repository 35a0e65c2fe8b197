"""Losses for uneven classes, and for clips of low intensity."""
from .class_counts import CountedLoss, class_weights
from .imbalance import ClassWeightedLoss, LogitAdjustedLoss, SoftmaxFocalLoss
from .intensity_aware import IntensityAwareLoss

__all__ = [
    'ClassWeightedLoss', 'CountedLoss', 'IntensityAwareLoss', 'LogitAdjustedLoss', 'SoftmaxFocalLoss', 'class_weights'
]
