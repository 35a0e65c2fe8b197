"""Whether two models differ: tests over clips and over folds and seeds.

Each test asks something else. The **paired bootstrap** (:mod:`~mmdfer.evaluation.statistics`) and **McNemar's test**
(Q. McNemar, Psychometrika 1947) take the trained models as they are and ask whether other clips would tell them apart
too; the first for UAR and WAR, the second for WAR alone. **Wilcoxon's** signed ranks (F. Wilcoxon, Biometrics Bulletin
1945) over folds and seeds ask whether another training would: n pairs cannot give a p below 2 / 2^n, so that fewer than
six never reach 0.05. Where several models are compared, **Holm's** correction (S. Holm, Scandinavian Journal of
Statistics 1979) holds the probability of one false finding among them.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .statistics import LEVEL, interval

EXACT_BELOW = 25
"""From so many clips on which one model alone is right, McNemar's test goes by chi-squared in place of the binomial."""


def bootstrap_difference(differences: np.ndarray, level: float = LEVEL) -> dict[str, float]:
    """Interval and two-sided p of a resampled difference (B,).

    ``p`` is twice the share of resamples on the rarer side of no difference, which counts those of no difference at
    all; B resamples and the sample itself are the cases, so that it is never below 2 / (B + 1).
    """
    count = len(differences) + 1
    tails = ((differences <= 0).sum() + 1) / count, ((differences >= 0).sum() + 1) / count
    return dict(interval(differences, level), p=float(min(2 * min(tails), 1.)))


def mcnemar(better: int, worse: int) -> dict[str, Any]:
    """McNemar's test that two models are right equally often.

    Args:
        better: clips that the first model alone has right; of models trained several times, those that it has right
            more often.
        worse: the same of the second.

    Returns:
        ``better``, ``worse``, two-sided ``p``, and ``test``: ``'exact'`` (binomial) below 25 such clips, else
        ``'chi2'`` (with continuity correction).
    """
    from scipy.stats import binomtest, chi2
    count = better + worse
    if count < EXACT_BELOW:
        p = float(binomtest(better, count).pvalue) if count else 1.
        return dict(better=better, worse=worse, p=p, test='exact')
    statistic = max(abs(better - worse) - 1, 0) ** 2 / count
    return dict(better=better, worse=worse, p=float(chi2.sf(statistic, 1)), test='chi2')


def wilcoxon(differences: Sequence[float], level: float = LEVEL) -> dict[str, Any]:
    """Wilcoxon's signed-rank test over pairs, one a fold and seed.

    Returns:
        ``pairs``, those of them that ``differ``, two-sided ``p`` (``None`` where no pair differs, or there is but one),
        ``least``, the smallest p that so many pairs can reach, and ``enough``, whether that is below 1 - ``level``.
    """
    from scipy.stats import PermutationMethod, wilcoxon as signed_ranks
    values = np.asarray(differences, dtype=float)
    values[np.abs(values) < 1e-12] = 0
    count = int(np.count_nonzero(values))
    least = min(2 / 2 ** count, 1.)
    # Of few pairs of which two differ by as much, SciPy would take the normal's p, which may lie below the least one.
    every: Any = PermutationMethod(n_resamples=2 ** 13) if count <= 13 else 'auto'
    p = float(signed_ranks(values[values != 0], method=every).pvalue) if count > 1 else None
    return dict(pairs=len(values), differ=count, p=p, least=least, enough=least < 1 - level)


def pairs_needed(level: float = LEVEL) -> int:
    """The fewest pairs that can reach a p below 1 - ``level`` by :func:`wilcoxon`."""
    return next(count for count in range(1, 64) if 2 / 2 ** count < 1 - level)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction of several p: the i-th smallest of m (from 0) times m - i, and none below one before it. What
    was not tested stays ``None`` and is not counted."""
    order = sorted((p, place) for place, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    highest = 0.
    for index, (p, place) in enumerate(order):
        highest = max(highest, min((len(order) - index) * p, 1.))
        corrected[place] = highest
    return corrected
