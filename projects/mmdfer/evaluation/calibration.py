"""Whether a model's probabilities are true: of clips with 70 % confidence, 70 % should be right.

**Expected calibration error** (C. Guo et al., ICML 2017, Eq. 3): clips are put into bins of equal width by the
probability of their predicted class; the gaps between mean confidence and share right are averaged, weighted by the
clips. **Brier score** (G. W. Brier, 1950): the squared distance of the probabilities from the true class, summed over
classes, mean over clips; 0 is best, 2 worst. **Temperature** (Guo et al., Sec. 4.2): one number by which logits are
divided, so that the classes of a validation part are the likeliest. It changes no prediction. It must not be fitted on
test clips: a run without a validation part has none.
"""
from __future__ import annotations

from typing import Any

import numpy as np

BINS = 15
LEAST = np.finfo(np.float32).tiny                   # of float32 probabilities, 0 is below this and not impossible
RANGE = (0.05, 20.)


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Scores (N, K) as they are where each row is a distribution already, else through a softmax."""
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=0.02):
        return scores
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def calibration(scores: np.ndarray, labels: np.ndarray, bins: int = BINS) -> dict[str, Any]:
    """How well scores (N, K) tell how often they are right.

    Returns:
        ``clips``; ``ece``, in [0, 1]; ``brier``, in [0, 2]; ``nll``, the mean negative log probability of the true
        class; ``confidence`` and ``right``, means over the clips; and ``bins``, one each with ``low`` and ``high``
        edge, ``clips``, and mean ``confidence`` and share ``right`` (``None`` in an empty one).

    Raises:
        ValueError: for no clip, or scores that are not finite.
    """
    chances = _checked(scores, labels)
    rows, predicted = np.arange(len(labels)), chances.argmax(axis=1)
    confidence, right = chances[rows, predicted], predicted == labels
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, confidence, side='left') - 1, 0, bins - 1)     # (low, high]
    clips = np.bincount(places, minlength=bins)
    found = []
    for place in range(bins):
        inside = places == place
        found.append(dict(low=float(edges[place]), high=float(edges[place + 1]), clips=int(clips[place]),
                          confidence=float(confidence[inside].mean()) if clips[place] else None,
                          right=float(right[inside].mean()) if clips[place] else None))
    gaps = [one['clips'] * abs(one['right'] - one['confidence']) for one in found if one['clips']]
    truth = np.zeros_like(chances)
    truth[rows, labels] = 1
    return dict(clips=len(labels), ece=float(sum(gaps) / len(labels)),
                brier=float(((chances - truth) ** 2).sum(axis=1).mean()),
                nll=float(-np.log(np.maximum(chances[rows, labels], LEAST)).mean()),
                confidence=float(confidence.mean()), right=float(right.mean()), bins=found)


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature under which scores (N, K) of a validation part give its classes the highest probability.

    Returns:
        A number in ``RANGE``; above 1 for a model that is too sure of itself.
    """
    from scipy.optimize import minimize_scalar
    logits, rows = np.log(np.maximum(_checked(scores, labels), LEAST)), np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        highest = scaled.max(axis=1)
        return float((np.log(np.exp(scaled - highest[:, None]).sum(axis=1)) + highest - scaled[rows, labels]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(RANGE), method='bounded').x))


def tempered(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (N, K) of scores under a temperature."""
    logits = np.log(np.maximum(np.asarray(probabilities(scores), dtype=float), LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _checked(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if not len(labels):
        raise ValueError('no clip: there is nothing to calibrate')
    if not np.isfinite(scores).all():
        raise ValueError(f'{int((~np.isfinite(scores)).any(axis=1).sum())} of {len(labels)} clips have scores that are '
                         'not finite: the model has diverged; train it again')
    chances = np.asarray(probabilities(np.asarray(scores)), dtype=float)
    return chances / chances.sum(axis=1, keepdims=True)
