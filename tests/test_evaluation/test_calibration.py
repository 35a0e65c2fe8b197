"""Calibration against scikit-learn, and temperatures that are known."""
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from mmdfer.evaluation.calibration import calibration, fit_temperature, tempered


def model(clips=4000, classes=5, sharpness=1.0, seed=0):
    """Logits whose softmax is the true distribution of the labels where ``sharpness`` is 1."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(clips, classes))
    labels = (rng.random((clips, 1)) > softmax(logits, axis=1).cumsum(axis=1)).sum(axis=1)
    return sharpness * logits, labels


def test_figures_are_scikit_learns():
    logits, labels = model(sharpness=2)
    chances = softmax(logits, axis=1)
    found = calibration(logits, labels)
    assert found['brier'] == pytest.approx(brier_score_loss(labels, chances, labels=range(5), scale_by_half=False))
    assert found['nll'] == pytest.approx(log_loss(labels, chances))
    right, confidence = calibration_curve(chances.argmax(axis=1) == labels, chances.max(axis=1), n_bins=15)
    filled = [one for one in found['bins'] if one['clips']]
    assert [one['right'] for one in filled] == pytest.approx(right)
    assert [one['confidence'] for one in filled] == pytest.approx(confidence)
    weights = np.histogram(chances.max(axis=1), bins=15, range=(0, 1))[0]
    assert found['ece'] == pytest.approx((weights[weights > 0] * abs(right - confidence)).sum() / len(labels))
    assert sum(one['clips'] for one in found['bins']) == found['clips'] == 4000


def test_true_probabilities_are_calibrated_and_sharp_ones_are_not():
    true, sharp = (calibration(*model(20_000, sharpness=sharpness)) for sharpness in (1, 3))
    assert true['ece'] < 0.012 < 0.1 < sharp['ece'] and sharp['confidence'] > sharp['right'] + 0.1


@pytest.mark.parametrize('sharpness', [0.4, 1, 3])
def test_temperature_undoes_a_models_sharpness(sharpness):
    logits, labels = model(sharpness=sharpness)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(sharpness, rel=0.06)
    chances = tempered(softmax(logits, axis=1).astype(np.float32), temperature)
    assert (chances.argmax(axis=1) == logits.argmax(axis=1)).mean() > 0.999
    assert calibration(chances, labels)['ece'] < 0.03


def test_certain_scores_have_a_temperature():
    """Probabilities that are 0 and 1 in float32, some of them wrong."""
    scores = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    assert fit_temperature(scores, np.array([0, 1, 2, 1])) > 1
    assert calibration(scores, np.array([0, 1, 2, 1]))['brier'] == pytest.approx(0.5)


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match='1 of 2 clips have scores that are not finite: the model has diverged'):
        calibration(np.array([[1., np.nan], [0.5, 0.5]]), np.array([0, 1]))
    with pytest.raises(ValueError, match='no clip'):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, int))
