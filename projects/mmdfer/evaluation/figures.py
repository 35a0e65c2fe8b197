"""UAR and WAR, the two figures of the field, from one confusion matrix.

UAR (unweighted average recall) is the mean of the per-class recalls over **all** classes of a set, WAR (weighted
average recall) the share of clips that are right, which is accuracy.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def confusion_matrix(gt: Sequence[int] | np.ndarray, pred: Sequence[int] | np.ndarray, num_classes: int) -> np.ndarray:
    """Count every pair of true and predicted class.

    Args:
        gt: true classes, (N,).
        pred: predicted classes, (N,).
        num_classes: K, the size of the class set.

    Returns:
        (K, K) int64: entry (i, j) counts the samples of class i that were predicted as j.

    Raises:
        ValueError: where lengths differ or a class is outside ``0..K-1``.
    """
    gt = np.asarray(gt, dtype=np.int64)
    pred = np.asarray(pred, dtype=np.int64)
    if gt.shape != pred.shape or gt.ndim != 1:
        raise ValueError(f'gt has shape {gt.shape} and pred {pred.shape}: give one label and one prediction a sample')
    for name, values in (('gt', gt), ('pred', pred)):
        outside = values[(values < 0) | (values >= num_classes)]
        if len(outside):
            raise ValueError(f'{name} holds class {outside[0]}, outside 0..{num_classes - 1} of {num_classes} classes')
    return np.bincount(gt * num_classes + pred, minlength=num_classes ** 2).reshape(num_classes, num_classes)


def per_class_recall(matrix: np.ndarray) -> np.ndarray:
    """Recall of each class, (K,) float64 in [0, 1], from a (K, K) confusion matrix; 0 for a class without samples."""
    matrix = np.asarray(matrix)
    return matrix.diagonal() / np.maximum(matrix.sum(axis=1), 1)


def uar_war(matrix: np.ndarray) -> tuple[float, float]:
    """UAR and WAR, both in [0, 1], of a (K, K) confusion matrix.

    A class without samples counts as recall 0 in UAR, as in scikit-learn's
    ``recall_score(average='macro', labels=range(K), zero_division=0)``: it lowers the figure rather than
    vanishing from it.

    Raises:
        ValueError: for a matrix that is not square or holds no sample.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f'a confusion matrix has shape (K, K), this one {matrix.shape}')
    if matrix.sum() == 0:
        raise ValueError('the confusion matrix holds no sample: UAR and WAR are not defined')
    return float(per_class_recall(matrix).mean()), float(matrix.trace() / matrix.sum())
