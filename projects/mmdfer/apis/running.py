"""Building a runner on any machine, training and testing with it."""
from __future__ import annotations

import copy
import logging
import os
import sys
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from ..backbones.freezing import count_parameters
from ..datasets.leaving_out import left_out_of
from ..engine import (
    ClassesHook,
    EndWorkersHook,
    SeenClipsHook,
    StartHook,
    StopHook,
    accumulate,
    check_start,
    clips_a_step,
    fit_loaders,
    seen_clips_of,
    shield_workers,
    without_trackers,
)
from ..engine.sharding import is_sharded
from ..evaluation import RecallMetric, load_predictions
from ..files import full_disk_errors, make_folder, write_json
from ..recognizers.auxiliary import check_auxiliary_losses
from ..run_config import allow_seen_clips, current_fold, flow_classes, inner_share, set_folds
from ..run_towers import towers
from ..runs.folder import run_records
from ..runs.layout import BEST_CHECKPOINT, CHOSEN, CONFUSION, CURVES, TEST, TEST_METRICS, predictions_file
from ..runs.loading import load_into
from ..runs.lock import locked
from ..runs.marks import marked, picture_title
from ..runs.metrics import read_evaluations, result_figures, to_evaluation
from ..runs.recording import MetricsHook, PredictionsHook
from ..runs.result import forget_outcome, write_result
from ..runs.samples import set_classes, set_name, set_title
from ..runs.settings import begin_settings, config_name, digest_of, read_settings, settings_of
from ..startup import set_modules_aside
from ..visualization import plot_confusion_matrix, plot_curves
from .launching import is_first_process, join_processes


def build_runner(cfg: Config) -> Runner:
    """A runner for one process or many, with or without CUDA, whose model has the classes of the data."""
    set_modules_aside()
    flow_classes(cfg)
    allow_seen_clips(cfg)
    fit_loaders(cfg)
    join_processes(cfg)
    runner = RUNNERS.get(cfg.get('runner_type', 'Runner')).from_cfg(cfg)
    accumulate(runner)
    runner.register_hook(ClassesHook())
    runner.register_hook(SeenClipsHook(bool(cfg.get('allow_seen'))))
    runner.register_hook(StartHook())
    runner.register_hook(EndWorkersHook(shield_workers(runner)))
    return runner


def bare_model(runner: Runner):
    """The runner's model without the wrapper of a distributed run."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def train_run(cfg: Config, name: str | None = None) -> tuple[Runner, dict]:
    """Train by mmengine's runner, draw the curves and the confusion matrix, and write ``result.json`` last.

    What lies in ``work_dir`` afterwards is told in :mod:`mmdfer.runs.layout`. A config that validates on a part of the
    training clips (``run_config.set_inner``) is tested once, at the epoch that was best there; the figures of the
    result are then those of this test.

    Args:
        cfg: a run's config with ``work_dir`` set.
        name: the run's name in tables. Defaults to the config's file stem.

    Returns:
        The runner, and the content of ``result.json`` (main process; others get an empty dict), see
        :mod:`mmdfer.runs.result`.

    Raises:
        ValueError: if the config's parts do not fit, a frozen tower would be random,
            or another process trains in ``work_dir``.
    """
    flow_classes(cfg)
    check_start(cfg)
    first = is_first_process(cfg)
    if first:
        make_folder(cfg.work_dir)
    with locked(cfg.work_dir if first else None):           # before the runner, which writes into the folder
        runner = build_runner(cfg)
        return runner, _train(cfg, runner, name or config_name(cfg) or 'run')


def train(cfg: Config, name: str | None = None) -> dict:
    """:func:`train_run`, of which only the result is wanted."""
    return train_run(cfg, name)[1]


class _BeginHook(Hook):
    """Check the model, and note the run's settings, when its training begins: everything is built and read then."""

    def __init__(self, cfg: Config) -> None:
        self._cfg = cfg

    def before_train(self, runner) -> None:
        check_auxiliary_losses(bare_model(runner))         # here, since a sharded run builds its model this late
        if not is_main_process():
            return
        if runner.iter == 0:
            forget_outcome(runner.work_dir)
        changed = begin_settings(runner.work_dir, self._cfg, resumed=runner.iter > 0)
        if changed:
            runner.logger.warning(f'the run goes on with other settings than it began with: {changed}')


def _train(cfg: Config, runner: Runner, name: str) -> dict:
    runner.register_hook(_BeginHook(cfg), priority='HIGHEST')
    if not any(isinstance(hook, MetricsHook) for hook in runner.hooks):
        runner.register_hook(MetricsHook())
    stop = StopHook()
    runner.register_hook(stop)
    start = time.time()
    with stop.listening(), full_disk_errors(cfg.work_dir):
        runner.train()
    if runner.val_loop is None:                             # pre-training without labels
        print_log(f'nothing was validated; {cfg.work_dir} holds the checkpoints, of which --image-checkpoint reads the '
                  'last epoch_<n>.pth', logger='current')
        return {}
    tunable, total = count_parameters(bare_model(runner))
    if is_sharded(runner.model):
        tunable, total = _sum_over_processes(tunable, total)
    share, evaluator = inner_share(cfg), runner.val_evaluator
    if share is not None:
        tested = test(cfg, os.path.join(cfg.work_dir, BEST_CHECKPOINT), os.path.join(cfg.work_dir, CHOSEN))
    if not is_main_process():
        return {}
    figures = result_figures(read_evaluations(cfg.work_dir))
    if share is not None:
        inner = dict(share=share, **figures['best'])
        chosen = to_evaluation(tested, figures['unit'], inner['epoch']).figures()
        figures = dict(chosen, unit=figures['unit'], best=chosen, inner=inner)
    seen = seen_clips_of(runner).result(runner, 'validation' if share is None else 'test')
    result = dict(name=name, config=config_name(cfg), dataset=set_name(cfg), title=set_title(cfg),
                  classes=set_classes(cfg), fold=current_fold(cfg), folds=list(set_folds(cfg)),
                  settings=read_settings(cfg.work_dir).digest, tunable=tunable, total=total,
                  seconds=round(time.time() - start, 1), processes=get_world_size(),
                  clips_a_step=clips_a_step(runner), work_dir=cfg.work_dir,
                  rss_mib=peak_rss(), left_out=left_out_of(getattr(runner.train_dataloader, 'dataset', None)), **seen,
                  **figures)
    _draw(cfg.work_dir, evaluator, picture_title(marked(name, seen['seen_clips']), result['title']))
    write_result(cfg.work_dir, result)
    print_log(f'curves, confusion matrix and result.json are in {cfg.work_dir}', logger='current')
    return result


def peak_rss() -> int | None:
    """Peak resident memory of this process so far, MiB; ``None`` on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == 'darwin' else 10)                 # bytes on macOS, else KiB


def test(cfg: Config, checkpoint: str | None, out: str | None = None) -> dict:
    """Evaluate a full checkpoint or a tunable file on the config's test set; nothing is skipped.

    Writes ``metrics.json``, ``predictions.npz`` and ``confusion.png`` into ``out``, with the log and the config of this
    test: nothing of a run whose folder is ``work_dir`` is replaced. Without a checkpoint the towers' own weights are
    evaluated, as for CLIP without training.

    Args:
        cfg: a run's config with ``work_dir`` set.
        checkpoint: the file.
        out: a folder. Defaults to ``<work_dir>/test``.

    Returns:
        The metrics, e.g. ``uar``, ``war`` and ``recall/<class>``.

    Raises:
        CheckpointError: if the file does not fit the config's model.
        DatasetError: for test clips that the file was trained on, unless the config says ``allow_seen=True``.
        ValueError: without a checkpoint, if a part of the model would be random.
    """
    cfg, folder = copy.deepcopy(cfg), out or os.path.join(cfg.work_dir, TEST)
    cfg.load_from, cfg.resume, cfg.runner_type, cfg.work_dir = None, False, 'Runner', folder    # sharded: whole files
    without_trackers(cfg)
    runner = build_runner(cfg)
    if checkpoint is None:
        _start_untrained(cfg, bare_model(runner))
    else:
        seen_clips_of(runner).add_file(checkpoint, load_into(bare_model(runner), checkpoint, cfg.get('run_classes')))
    for hook in runner.hooks:
        if isinstance(hook, PredictionsHook):
            hook.test_folder = folder
    metrics = runner.test()
    if is_main_process():
        seen = seen_clips_of(runner).result(runner, 'test')
        title, (tunable, total) = set_title(cfg), count_parameters(bare_model(runner))
        write_json(dict(metrics, checkpoint=checkpoint and str(checkpoint), dataset=set_name(cfg), title=title,
                        fold=current_fold(cfg), tunable=tunable, total=total, **seen,
                        settings=digest_of(settings_of(cfg))),
                   os.path.join(folder, TEST_METRICS))
        name = marked(Path(checkpoint or cfg.filename or 'untrained').stem, seen['seen_clips'])
        _draw_confusion(runner.test_evaluator, folder, picture_title(name, title))
        print_log(f'metrics.json, predictions and confusion.png are in {folder}', logger='current')
    return metrics


def _start_untrained(cfg: Config, model) -> None:
    """Give a model that needs no training the weights of its towers.

    Raises:
        ValueError: if the model has parts to train, or a tower without weights.
    """
    tunable, _ = count_parameters(model)
    if tunable:
        raise ValueError(f'no checkpoint is given, and the model has {tunable:,} parameters to train: give the file '
                         'that training left')
    if not all(tower.get('init_cfg') for tower in towers(cfg.model)):
        raise ValueError('the towers have random weights: give a CLIP model by --clip-checkpoint')
    model.init_weights()


def _sum_over_processes(*numbers: int) -> list[int]:
    sums = torch.tensor(numbers, device=get_device())
    all_reduce(sums)
    return sums.tolist()


def _draw(work_dir: str, evaluator, name: str) -> None:
    """The curves and the last confusion matrix; a picture that fails is a warning and does not cost the result."""
    try:
        records = run_records(work_dir)
        if records:
            plot_curves(records, os.path.join(work_dir, CURVES), title=name)
        if not _draw_confusion(evaluator, work_dir, name):          # of a resumed run with nothing left to validate
            _draw_kept_confusion(work_dir, name)
    except (ValueError, OSError, RuntimeError) as error:
        print_log(f'no picture of the run: {error}', logger='current', level=logging.WARNING)


def _draw_confusion(evaluator, folder: str, title: str) -> bool:
    """Draw the matrix of the last evaluation; ``False`` where there was none, or no metric that knows one."""
    for metric in evaluator.metrics if evaluator is not None else ():
        if isinstance(metric, RecallMetric) and metric.confusion_matrix is not None:
            plot_confusion_matrix(metric.confusion_matrix, metric.dataset_meta['classes'],
                                  os.path.join(folder, CONFUSION), title=title)
            return True
    return False


def _draw_kept_confusion(work_dir: str, title: str) -> None:
    """The same of the predictions that the last validation of a run left, if it left any."""
    for last in read_evaluations(work_dir)[-1:]:
        path = os.path.join(work_dir, predictions_file(last.unit, last.step))
        if os.path.isfile(path):
            kept = load_predictions(path)
            plot_confusion_matrix(kept.confusion, kept.classes, os.path.join(work_dir, CONFUSION), title=title)
