"""The figures of a cross-validation from those of its folds.

The published figure of a set with folds is the arithmetic mean of the folds' UAR and WAR. Beside it stand
the sample standard deviation over the folds, and the pooled figures: the folds' confusion matrices added,
which weighs a fold by its clips. UAR is over all classes of the set: one that has no clip in a fold counts
as recall 0 there, as in :func:`~mmdfer.evaluation.uar_war`, and is named in the summary.

Published code has no validation part and reports the best epoch **on the test set**, which is too high a
figure; the last epoch is chosen by nothing. A summary gives both, named, and with ``inner`` training the
epoch that was best on a part of the training clips instead.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

import numpy as np

from .figures import per_class_recall, uar_war
from .predictions import Predictions
from .statistics import intervals

MEANINGS = dict(
    last='last epoch',
    best='best epoch on the test set, as published code reports it',
    inner='epoch chosen on a part of the training clips',
    tested='tested as it is, without training here')


def fold_row(fold: int, epoch: int, predictions: Predictions) -> dict:
    """The figures of one fold's predictions: ``fold``, ``epoch``, ``clips``, ``uar``, ``war``, ``recall`` (K),
    ``confusion`` (K rows of K), and ``absent``, the names of classes without a clip.

    Raises:
        ValueError: if there is no clip.
    """
    matrix = predictions.confusion
    uar, war = uar_war(matrix)
    absent = [name for name, count in zip(predictions.classes, matrix.sum(axis=1)) if not count]
    return dict(fold=fold, epoch=epoch, clips=int(matrix.sum()), uar=uar, war=war,
                recall=per_class_recall(matrix).tolist(), confusion=matrix.tolist(), absent=absent)


def summarize(rows: Sequence[Mapping]) -> dict:
    """Mean, spread and pooled figures of some folds.

    Args:
        rows: of :func:`fold_row`, at least one, all over the same classes. Where ``recall`` or ``confusion`` of a row
            is ``None``, so is ``recall`` or ``pooled`` of the summary, and ``intervals`` with it.

    Returns:
        All in [0, 1] and at full precision; ``std`` is ``None`` for a single fold::

            {"uar": {"mean", "std"}, "war": {"mean", "std"},
             "recall": [K means over the folds],
             "pooled": {"clips", "uar", "war", "recall": [K], "confusion": [K rows of K]},
             "intervals": of mmdfer.evaluation.statistics.intervals,
             "folds": the rows}

    Raises:
        ValueError: for no row, or a different number of classes.
    """
    if any(row['confusion'] is None or row['recall'] is None for row in rows):
        return _unpooled(rows)
    if len({len(row['recall']) for row in rows}) != 1:
        raise ValueError('a summary needs at least one fold, and the same classes in each; there are '
                         f'{[len(row["recall"]) for row in rows]} classes')
    pooled = np.sum([row['confusion'] for row in rows], axis=0)
    uar, war = uar_war(pooled)
    return dict(
        uar=_mean_and_std([row['uar'] for row in rows]),
        war=_mean_and_std([row['war'] for row in rows]),
        recall=np.mean([row['recall'] for row in rows], axis=0).tolist(),
        pooled=dict(clips=int(pooled.sum()), uar=uar, war=war, recall=per_class_recall(pooled).tolist(),
                    confusion=pooled.tolist()),
        intervals=intervals(rows),
        folds=[dict(row) for row in rows])


def _unpooled(rows: Sequence[Mapping]) -> dict:
    """The summary of rows of which some have no predictions."""
    recalls = [row['recall'] for row in rows]
    return dict(uar=_mean_and_std([row['uar'] for row in rows]), war=_mean_and_std([row['war'] for row in rows]),
                recall=None if None in recalls else np.mean(recalls, axis=0).tolist(), pooled=None,
                intervals=None, folds=[dict(row) for row in rows])


def _mean_and_std(values: Sequence[float]) -> dict:
    return dict(mean=mean(values), std=stdev(values) if len(values) > 1 else None)


def shared_clips(folds: Mapping[int, Predictions]) -> list[str]:
    """Clips that are in the test set of more than one fold: pooled figures count them more than once."""
    counts = Counter(name for predictions in folds.values() for name in set(predictions.ids.tolist()))
    return sorted(name for name, count in counts.items() if count > 1)
