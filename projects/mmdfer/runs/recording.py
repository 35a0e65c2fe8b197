"""Hooks that keep what each evaluation gave, in the run's own folder and not in any log."""
from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
from mmengine.dist import collect_results, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from ..evaluation.predictions import save_predictions
from ..registry import HOOKS
from .layout import PREDICTIONS, TEST, TEST_PREDICTIONS, predictions_file, step_of
from .metrics import add_evaluation, forget_after, to_evaluation


@HOOKS.register_module()
class MetricsHook(Hook):
    """Keep the figures of each validation in training, as ``metrics.jsonl`` (:mod:`mmdfer.runs.metrics`).

    A new run begins with none; a resumed one keeps those up to the checkpoint that it goes on from.
    """

    def before_train(self, runner) -> None:
        if is_main_process():
            forget_after(runner.work_dir, position(runner)[1])

    def after_val_epoch(self, runner, metrics=None) -> None:
        if is_main_process() and in_training(runner):
            clips = len(runner.val_dataloader.dataset)
            add_evaluation(runner.work_dir, to_evaluation(metrics or {}, *position(runner), clips))


@HOOKS.register_module()
class PredictionsHook(MetricsHook):
    """Keep clip name, label and scores of each clip that is evaluated, and the figures as :class:`MetricsHook` does.

    A validation in training writes ``<work_dir>/predictions/epoch_<n>.npz`` (``iter_<n>.npz`` under a loop by
    iterations), a test ``<test_folder>/predictions.npz``; the format is that of
    :func:`~mmdfer.evaluation.save_predictions`. Clips stand in the order of the list, each once, whatever
    the number of processes. 2,341 clips of 7 classes are about 70 kB an epoch.

    Args:
        test_folder: for the predictions of a test. Defaults to ``<work_dir>/test``.
    """

    def __init__(self, test_folder: str | None = None) -> None:
        self.test_folder = test_folder
        self._kept: list[tuple[str, int, np.ndarray]] = []

    def before_train(self, runner) -> None:
        super().before_train(runner)
        if is_main_process():
            done = position(runner)[1]
            for file in Path(runner.work_dir, PREDICTIONS).glob('*.npz'):
                found = step_of(file)
                if found is not None and found[1] > done:
                    file.unlink()

    def before_val_epoch(self, runner) -> None:
        self._kept.clear()

    before_test_epoch = before_val_epoch

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        for sample in outputs:
            score, label = sample.get('pred_score'), sample.get('gt_label')
            if score is not None and score.ndim == 1 and label is not None and label.numel() == 1:
                self._kept.append((clip_name(sample), int(label), score.float().cpu().numpy()))

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner, metrics=None) -> None:
        if in_training(runner):
            self._write(runner, runner.val_dataloader.dataset,
                        os.path.join(runner.work_dir, predictions_file(*position(runner))))
        super().after_val_epoch(runner, metrics)

    def after_test_epoch(self, runner, metrics=None) -> None:
        folder = self.test_folder or os.path.join(runner.work_dir, TEST)
        self._write(runner, runner.test_dataloader.dataset, os.path.join(folder, TEST_PREDICTIONS))

    def _write(self, runner, dataset, path: str) -> None:
        kept = collect_results(self._kept, len(dataset), 'cpu')     # in the list's order, without the sampler's repeats
        self._kept = []
        if not is_main_process():
            return
        if not kept:
            runner.logger.log(logging.WARNING, 'PredictionsHook: no sample has one gt_label and one pred_score a '
                              'class; nothing is kept')
            return
        ids, labels, scores = zip(*kept)
        names = [name or str(index) for index, name in enumerate(ids)]
        scores = np.stack(scores)
        save_predictions(path, names, labels, scores,
                         getattr(dataset, 'metainfo', {}).get('classes') or range(scores.shape[1]))


def in_training(runner) -> bool:
    """Whether a validation is one of a training; the runner's property would build a loop for a lone validation."""
    return runner._train_loop is not None and not isinstance(runner._train_loop, dict)


def position(runner) -> tuple[str, int]:
    """Unit of the training loop, and how many of it are done."""
    by_epoch = isinstance(runner._train_loop, EpochBasedTrainLoop)
    return ('epoch', runner.epoch) if by_epoch else ('iter', runner.iter)


def clip_name(sample) -> str:
    """What the list calls a data sample, as far as its pipeline packs it; else an empty string."""
    for key in ('video_id', 'filename', 'img_path'):
        if sample.get(key) is not None:
            return str(sample.get(key))
    return ''
