"""How sure UAR, WAR and recalls are: bootstrap intervals over the clips, and what the folds say.

**What is resampled.** Clips with replacement, within each class of each fold: every resample has as many clips of a
class as the test set. UAR is a mean over classes and tells nothing of how many clips each has; that number is the
list's and not the model's. A plain resample would let it vary, and with it lose a rare class now and then, whose recall
would count as 0 and pull the whole interval down. With the counts held, nothing is lost, and UAR and WAR are of the
same set in every resample. The interval is between the percentiles of the resampled figures.

**What it tells.** What other clips of the same kinds would change, for these trained models. It knows nothing of
another training; clips are taken as independent, though a person may be in several, which makes it somewhat narrow.

**All or none.** A class of which every clip is right, or none, is the same in every resample, as if its recall were
known: a model that says one class alone would have a UAR without any doubt. Such a class's recall is drawn from
what its clips leave open in place of that, the Beta distribution of r + 1/2 right and n - r + 1/2 wrong ones (Jeffreys'
prior), and told with Wilson's score interval (E. B. Wilson, JASA 1927).

**Folds.** The mean of several folds is resampled within each fold. What the folds themselves tell, which are trainings
too, is told apart: their standard deviation, Student's interval of their mean (five values are too few to resample:
percentiles of resampled folds held the truth in 84 % of simulations where they say 95), and whether they differ by more
than their clips explain (Cochran's Q). Folds share training clips, so that Student's interval too is a rough one.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import Any

import numpy as np

from .figures import uar_war

RESAMPLES, LEVEL, SEED = 10_000, 0.95, 0
METHOD = 'percentile bootstrap over the test clips, within each class of each fold'


@dataclass(frozen=True)
class Resampled:
    """Figures of B resamples for M models: means over the folds, as reports quote them, and of the pooled clips.

    Args:
        uar: (B, M).
        war: (B, M).
        recall: of each class, (B, K, M).
        pooled_uar: (B, M).
        pooled_war: (B, M).
    """
    uar: np.ndarray
    war: np.ndarray
    recall: np.ndarray
    pooled_uar: np.ndarray
    pooled_war: np.ndarray


def resample(folds: Sequence[tuple[np.ndarray, np.ndarray]], num_classes: int, resamples: int = RESAMPLES,
             seed: int = SEED) -> Resampled:
    """Figures of resampled clips; the models of a fold are resampled together, so that their differences are paired.

    Args:
        folds: for each fold the true classes, (N,), and which clips are right, (N, M) in [0, 1]: a share where a model
            was trained several times.
        num_classes: K; a class without a clip in a fold has recall 0 there, as everywhere here.
        resamples: B.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    recalls, counts = [], []
    for labels, right in folds:
        recall = np.zeros((resamples, num_classes, right.shape[1]))
        for label in range(num_classes):
            clips = right[labels == label]
            if len(clips):
                recall[:, label] = _resampled_means(clips, resamples, rng)
        recalls.append(recall)
        counts.append(np.bincount(labels, minlength=num_classes))
    return _figures(recalls, counts)


def resample_confusions(matrices: Sequence[np.ndarray], resamples: int = RESAMPLES, seed: int = SEED) -> Resampled:
    """:func:`resample` for one model from its confusion matrices, (K, K) a fold: of n clips with r right a resample has
    a binomial number right; where r is 0 or n in all folds, a recall is drawn as told above."""
    rng = np.random.default_rng(seed)
    recalls, counts = [], []
    total = np.sum(matrices, axis=0)
    right, wrong = total.diagonal(), total.sum(axis=1) - total.diagonal()
    known = np.flatnonzero((right == 0) ^ (wrong == 0))
    drawn = rng.beta(right[known] + 0.5, wrong[known] + 0.5, (resamples, len(known)))
    for matrix in map(np.asarray, matrices):
        clips = matrix.sum(axis=1)
        shares = matrix.diagonal() / np.maximum(clips, 1)
        recall = rng.binomial(clips, shares, (resamples, len(clips))) / np.maximum(clips, 1)
        recall[:, known] = drawn * (clips[known] > 0)
        recalls.append(recall[..., None])
        counts.append(clips)
    return _figures(recalls, counts)


def _resampled_means(clips: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Means (B, M) of clips (n, M) drawn n at a time: few kinds of clips are different, so kinds are counted."""
    kinds, counts = np.unique(clips, axis=0, return_counts=True)
    return rng.multinomial(len(clips), counts / len(clips), resamples) @ kinds / len(clips)


def _figures(recalls: Sequence[np.ndarray], counts: Sequence[np.ndarray]) -> Resampled:
    """The figures of each resample from the recalls (B, K, M) and clips (K,) of each fold."""
    right = [np.einsum('bkm,k->bm', recall, clips) for recall, clips in zip(recalls, counts)]
    total = np.maximum(np.sum(counts, axis=0), 1)
    pooled = np.sum([recall * clips[:, None] for recall, clips in zip(recalls, counts)], axis=0) / total[:, None]
    return Resampled(
        uar=np.mean([recall.mean(axis=1) for recall in recalls], axis=0),
        war=np.mean([one / clips.sum() for one, clips in zip(right, counts)], axis=0),
        recall=np.mean(recalls, axis=0),
        pooled_uar=pooled.mean(axis=1),
        pooled_war=np.sum(right, axis=0) / np.sum(counts))


def interval(values: np.ndarray, level: float = LEVEL) -> dict[str, float]:
    """The percentiles ``low`` and ``high`` that hold a share ``level`` of resampled values (B,) between them."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return dict(low=float(low), high=float(high))


def wilson(right: int, clips: int, level: float = LEVEL) -> dict[str, float]:
    """Wilson's score interval of a share ``right`` of ``clips``."""
    from scipy.special import ndtri
    z = float(ndtri((1 + level) / 2))
    share, weight = right / clips, z ** 2 / clips
    middle = (share + weight / 2) / (1 + weight)
    half = z * np.sqrt(share * (1 - share) / clips + weight / (4 * clips)) / (1 + weight)
    return dict(low=max(float(middle - half), 0.), high=min(float(middle + half), 1.))


def intervals(rows: Sequence[Mapping[str, Any]], resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, Any]:
    """Intervals of a run's figures, or of the means over its folds.

    Args:
        rows: of :func:`~mmdfer.evaluation.fold_row`, each with its ``confusion``.
        resamples: how many.
        seed: of the draws.

    Returns:
        ``method``, ``level``, ``resamples`` and ``seed``; ``uar`` and ``war`` with ``low`` and ``high``; ``recall``,
        one a class, with ``by`` (``'bootstrap'`` or ``'wilson'``), ``None`` for a class without a clip; ``pooled`` with
        ``uar`` and ``war`` of the pooled clips; and ``folds``, of :func:`fold_spread` for ``uar`` and ``war``, ``None``
        for a single fold.
    """
    matrices = [np.asarray(row['confusion']) for row in rows]
    found = resample_confusions(matrices, resamples, seed)
    pooled = np.sum(matrices, axis=0)
    return dict(
        method=METHOD, level=LEVEL, resamples=resamples, seed=seed,
        uar=_around(found.uar[:, 0], [row['uar'] for row in rows]),
        war=_around(found.war[:, 0], [row['war'] for row in rows]),
        recall=[_recall_interval(found.recall[:, label, 0], int(pooled[label, label]), int(pooled[label].sum()))
                for label in range(len(pooled))],
        pooled={key: _around(getattr(found, f'pooled_{key}')[:, 0], [value])
                for key, value in zip(('uar', 'war'), uar_war(pooled))},
        folds=dict(uar=fold_spread([row['uar'] for row in rows], list(map(_uar_variance, matrices))),
                   war=fold_spread([row['war'] for row in rows], list(map(_war_variance, matrices))))
        if len(rows) > 1 else None)


def _around(values: np.ndarray, figures: Sequence[float]) -> dict[str, float]:
    """The interval of resampled values, which holds at least the mean of the figures themselves."""
    found, figure = interval(values), float(np.mean(figures))
    return dict(low=min(found['low'], figure), high=max(found['high'], figure))


def _recall_interval(values: np.ndarray, right: int, clips: int) -> dict[str, Any] | None:
    if not clips:
        return None
    if right in (0, clips):
        return dict(wilson(right, clips), by='wilson')
    return dict(interval(values), by='bootstrap')


def fold_spread(values: Sequence[float], variances: Sequence[float], level: float = LEVEL) -> dict[str, float | None]:
    """What the figures of several folds tell.

    Args:
        values: a figure of each fold, at least two.
        variances: of each, as far as its clips alone make it vary.
        level: of the interval.

    Returns:
        ``std`` over the folds, ``min``, ``max``; ``low`` and ``high`` of Student's interval of their mean;
        ``std_of_clips``, which folds would have that differ by their clips alone; ``q``, Cochran's sum of squares
        about the weighted mean, and its ``p`` (small: the folds differ by more than their clips). ``q`` and ``p`` are
        ``None`` where a fold's clips tell no variance.
    """
    from scipy.special import chdtrc, stdtrit
    count, spread = len(values), stdev(values)
    half = float(stdtrit(count - 1, (1 + level) / 2)) * spread / count ** 0.5
    mean = float(np.mean(values))
    found: dict[str, float | None] = dict(
        std=spread, min=min(values), max=max(values), low=mean - half, high=mean + half,
        std_of_clips=float(np.sqrt(np.mean(variances))), q=None, p=None)
    if min(variances) > 0:
        weights = 1 / np.asarray(variances)
        q = float((weights * (np.asarray(values) - np.average(values, weights=weights)) ** 2).sum())
        found.update(q=q, p=float(chdtrc(count - 1, q)))
    return found


def _uar_variance(matrix: np.ndarray) -> float:
    """Variance of a fold's UAR by its clips: that of a mean of independent shares."""
    clips = np.maximum(matrix.sum(axis=1), 1)
    recall = matrix.diagonal() / clips
    return float((recall * (1 - recall) / clips).sum() / len(matrix) ** 2)


def _war_variance(matrix: np.ndarray) -> float:
    """Variance of a fold's WAR by its clips, their numbers a class being given."""
    clips = matrix.sum(axis=1)
    recall = matrix.diagonal() / np.maximum(clips, 1)
    return float((clips * recall * (1 - recall)).sum() / clips.sum() ** 2)
