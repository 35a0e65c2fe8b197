"""How far a run's probabilities can be believed, with the temperature of its validation part."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..evaluation.calibration import calibration, fit_temperature, tempered
from ..evaluation.figures import uar_war
from ..evaluation.predictions import Predictions, load_predictions
from .folder import RunFolder
from .layout import UNITS, predictions_file


def run_calibration(runs: Sequence[RunFolder], kind: str | None, missing: dict[str, str]) -> dict[str, Any] | None:
    """Calibration over the test clips of one run, or of all folds together.

    Args:
        runs: one run, or the folds of one config.
        kind: of epoch.
        missing: is told why there is no calibration, or no temperature.

    Returns:
        What :func:`~mmdfer.evaluation.calibration.calibration` tells, and ``temperature``: ``None``, or ``values``, one
        a run, fitted on its validation part, and the same figures under them. ``None`` without predictions.
    """
    found = [run.predictions(kind) for run in runs] if kind else []
    kept = [one for one in found if one is not None]
    if not kept or len(kept) < len(runs):
        missing['calibration'] = 'the run kept no predictions; PredictionsHook among custom_hooks keeps them'
        return None
    labels = np.concatenate([one.labels for one in kept])
    told = dict(calibration(np.concatenate([one.scores for one in kept]), labels), temperature=None)
    inner = [_inner_predictions(run, missing) for run in runs]
    parts = [one for one in inner if one is not None]
    if len(parts) == len(runs):
        values = [fit_temperature(one.scores, one.labels) for one in parts]
        cooled = np.concatenate([tempered(one.scores, value) for one, value in zip(kept, values)])
        told['temperature'] = dict(calibration(cooled, labels), values=values)
    return told


def _inner_predictions(run: RunFolder, missing: dict[str, str]) -> Predictions | None:
    """What a run said of its validation part at the epoch that was chosen there."""
    inner = run.result.get('inner')
    if inner is None:
        missing['temperature'] = ('it would be fitted on test clips: the run has no validation part; train with '
                                  '--inner-val')
        return None
    path = next((path for unit in UNITS if (path := run.path / predictions_file(unit, inner['epoch'])).is_file()), None)
    kept = load_predictions(path) if path is not None else None
    if kept is None or abs(uar_war(kept.confusion)[0] - inner['uar']) > 1e-6:
        missing['temperature'] = f'{run.path} holds no predictions of its validation part at epoch {inner["epoch"]}'
        return None
    return kept
