"""What lies in a run's folder: the name of each file, who writes it and who reads it.

``settings.json``
    what decides the run's figures, and its config as text. Written when a training begins, by the process that holds
    the folder's lock, and by nobody else. Both ends in :mod:`~mmdfer.runs.settings`.
``metrics.jsonl``
    what the evaluator said of each validation, a line each. Both ends in :mod:`~mmdfer.runs.metrics`;
    :class:`~mmdfer.runs.recording.MetricsHook` calls the writer.
``predictions/epoch_<n>.npz``
    what the model said of each clip at that validation (``iter_<n>.npz`` under a loop by iterations): ``ids`` (N,),
    ``labels`` (N,), ``scores`` (N, K), ``classes`` (K,). Both ends in :mod:`mmdfer.evaluation.predictions`;
    :class:`~mmdfer.runs.recording.PredictionsHook` calls the writer just before the line of ``metrics.jsonl``.
``chosen/``
    of a run with a validation part: the chosen epoch on the test set, in files as those of ``test/``.
``test/metrics.json``, ``test/predictions.npz``
    of ``test``, by hand: the evaluator's figures with the checkpoint and what that was trained on, and each clip. No
    figure of the run comes from there.
``result.json``
    the figures of the run, the last thing that a training writes but for its report. Both ends in
    :mod:`~mmdfer.runs.result`.
``epoch_<n>.pth``, ``last_checkpoint``, ``best.pth``, ``last.safetensors``, ``best.safetensors``
    checkpoints, by ``AdapterCheckpointHook``; read by :mod:`~mmdfer.runs.loading`. A run that was ended by SIGTERM has
    ``stopped.pth`` too, by ``StopHook``, until the next of them.
``<time>/``
    mmengine's own: the log, and what the ``vis_backends`` of the config write. Training curves and times are read
    there, where it has them, by :mod:`~mmdfer.runs.log`; no figure of an evaluation is.
``report.html``, ``report.md``, ``report.json``, ``curves.png``, ``confusion.png``
    for people, by :mod:`~mmdfer.runs.report` and :func:`mmdfer.apis.running.train`.
``console.log``
    what a training said that another command started, by :mod:`mmdfer.apis.launching`.
``run.lock``
    held while a training runs there, :mod:`~mmdfer.runs.lock`.

The folder of a cross-validation holds ``fold_<k>``, a run each, and ``folds.json`` and ``folds.md``, by
:mod:`~mmdfer.runs.fold_results`.
"""
from __future__ import annotations

from pathlib import Path

SETTINGS = 'settings.json'
METRICS = 'metrics.jsonl'
PREDICTIONS = 'predictions'
CHOSEN = 'chosen'
TEST = 'test'
TEST_METRICS = 'metrics.json'
TEST_PREDICTIONS = 'predictions.npz'
RESULT = 'result.json'
BEST_CHECKPOINT = 'best.pth'
LAST_CHECKPOINT = 'last_checkpoint'
CURVES = 'curves.png'
CONFUSION = 'confusion.png'
CONSOLE = 'console.log'
LOCK = 'run.lock'
FOLDS = 'folds.json'
REPORT = ('report.html', 'report.md', 'report.json')
OUTCOME = (RESULT, *REPORT, CURVES, CONFUSION)
"""What tells of a finished run, and of none that has been begun anew."""
UNITS = ('epoch', 'iter')


def predictions_file(unit: str, step: int) -> str:
    """The file of a validation's predictions, below the run's folder.

    Args:
        unit: of the training loop, one of ``UNITS``.
        step: epochs or iterations that were done.
    """
    return f'{PREDICTIONS}/{unit}_{step}.npz'


def step_of(file: Path) -> tuple[str, int] | None:
    """Unit and step of a file of :func:`predictions_file`; ``None`` for another file."""
    unit, _, step = file.stem.rpartition('_')
    return (unit, int(step)) if unit in UNITS and step.isdecimal() and file.suffix == '.npz' else None


def fold_folder(fold: int) -> str:
    """A fold's run, below the folder of the cross-validation."""
    return f'fold_{fold}'
