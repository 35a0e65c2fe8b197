"""Building a runner on any machine, training and testing with it."""
from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from .. import compat
from ..backbones.freezing import count_parameters
from ..engine import ClassesHook, PredictionsHook
from ..engine.sharding import is_sharded
from ..evaluation import RecallMetric
from ..files import read_json, write_json
from ..visualization import plot_confusion_matrix, plot_curves, read_scalars
from ..weights import is_tunable_file, load_weights
from ..run_config import current_fold, differences, flow_classes, inner_share, settings_of, towers
from ..runs.lock import locked


def build_runner(cfg: Config) -> Runner:
    """A runner for one process or many, with or without CUDA, whose model has the classes of the data."""
    flow_classes(cfg)
    if cfg.get('launcher', 'none') == 'pytorch':
        compat.prepare_distributed_on_cpu(cfg)
    runner = RUNNERS.get(cfg.get('runner_type', 'Runner')).from_cfg(cfg)
    runner.register_hook(ClassesHook())
    return runner


def bare_model(runner: Runner):
    """The runner's model without the wrapper of a distributed run."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def train(cfg: Config, name: str | None = None) -> dict:
    """Train by mmengine's runner, draw the curves and the confusion matrix, and write ``result.json`` last.

    A config that validates on a part of the training clips (``config.set_inner``) is tested once, at the
    epoch that was best there; the figures of the result are then those of this test.

    Args:
        cfg: a run's config with ``work_dir`` set.
        name: the run's name in tables. Defaults to the config's file stem.

    Returns:
        The content of ``result.json`` (main process; others get an empty dict). Its entries are described in
        :mod:`mmdfer.evaluation.fold_summary`.

    Raises:
        ValueError: if the config's parts do not fit, or another process trains in ``work_dir``.
    """
    runner = build_runner(cfg)
    with locked(cfg.work_dir if is_main_process() else None):
        return _train(cfg, runner, name or Path(cfg.filename or 'run').stem)


def _train(cfg: Config, runner: Runner, name: str) -> dict:
    _warn_about_random_backbone(cfg, runner)
    if is_main_process():
        _write_settings(cfg)
    start = time.time()
    runner.train()
    tunable, total = count_parameters(bare_model(runner))
    if is_sharded(runner.model):
        tunable, total = _sum_over_processes(tunable, total)
    share, evaluator = inner_share(cfg), runner.val_evaluator
    if share is not None:
        tested = test(cfg, os.path.join(cfg.work_dir, 'best.pth'))
    if not is_main_process():
        return {}
    figures = validation_results(cfg.work_dir)
    if share is not None:
        inner = dict(share=share, **figures['best'])
        chosen = dict(uar=tested['uar'], war=tested['war'], epoch=inner['epoch'])
        figures = dict(chosen, best=chosen, inner=inner)
    result = dict(name=name, fold=current_fold(cfg), tunable=tunable, total=total, seconds=round(time.time() - start, 1),
                  processes=get_world_size(), work_dir=cfg.work_dir, rss_mib=peak_rss(), **figures)
    plot_curves(cfg.work_dir, os.path.join(cfg.work_dir, 'curves.png'), title=name)
    _draw_confusion(evaluator, cfg.work_dir, name)
    write_json(result, os.path.join(cfg.work_dir, 'result.json'))
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


def _write_settings(cfg: Config) -> None:
    path, settings = os.path.join(cfg.work_dir, 'settings.json'), settings_of(cfg)
    if cfg.get('resume') and os.path.isfile(path):
        changed = differences(settings, read_json(path))
        if changed:
            print_log(f'the run goes on with other settings than it began with: {changed}', logger='current',
                      level=logging.WARNING)
    write_json(settings, path)


def validation_results(work_dir: str) -> dict:
    """UAR and WAR of the last epoch, and of the epoch with the best UAR, from a run's own records."""
    records = [record for record in read_scalars(work_dir) if 'uar' in record]
    if not records:
        return {}
    last, best = records[-1], max(records, key=lambda record: record['uar'])
    return dict(uar=last['uar'], war=last['war'], epoch=last['step'],
                best=dict(uar=best['uar'], war=best['war'], epoch=best['step']))


def test(cfg: Config, checkpoint: str | None, out: str | None = None) -> dict:
    """Evaluate a full checkpoint or a tunable file on the config's test set; nothing is skipped.

    Writes ``metrics.json``, ``predictions.npz`` and ``confusion.png`` into ``out``, ``<work_dir>/test`` by default.
    Without a checkpoint the towers' own weights are evaluated, as for CLIP without training.

    Returns:
        The metrics, e.g. ``uar``, ``war`` and ``recall/<class>``.

    Raises:
        CheckpointError: if the file does not fit the config's model.
        ValueError: without a checkpoint, if a part of the model would be random.
    """
    cfg.load_from, cfg.resume, cfg.runner_type = None, False, 'Runner'       # sharded runs save whole weights
    runner = build_runner(cfg)
    if checkpoint is None:
        _start_untrained(cfg, bare_model(runner))
    else:
        load_into(bare_model(runner), checkpoint, cfg.get('run_classes'))
    folder = out or os.path.join(cfg.work_dir, 'test')
    for hook in runner.hooks:
        if isinstance(hook, PredictionsHook):
            hook.test_folder = folder
    metrics = runner.test()
    if is_main_process():
        os.makedirs(folder, exist_ok=True)
        write_json(dict(metrics, checkpoint=checkpoint and str(checkpoint), fold=current_fold(cfg)), os.path.join(folder, 'metrics.json'))
        _draw_confusion(runner.test_evaluator, folder, Path(checkpoint or cfg.filename or 'untrained').stem)
        print_log(f'metrics.json, predictions and confusion.png are in {folder}', logger='current')
    return metrics


def _start_untrained(cfg: Config, model) -> None:
    """Give a model that needs no training the weights of its towers.

    Raises:
        ValueError: if the model has parts to train, or a tower without weights.
    """
    tunable, _ = count_parameters(model)
    if tunable:
        raise ValueError(f'no checkpoint is given, and the model has {tunable:,} parameters to train: give the file that '
                         'training left')
    if not all(tower.get('init_cfg') for tower in towers(cfg.model)):
        raise ValueError('the towers have random weights: give a CLIP model by --clip-checkpoint')
    model.init_weights()


def load_into(model, checkpoint: str, classes: Sequence[str] | None = None) -> dict:
    """Load either kind of file; for a tunable one the towers' own ``init_cfg`` gives the frozen part.

    ``classes`` are the model's, in their order, by which those of the file are checked.

    Raises:
        CheckpointError: if the file does not fit.
    """
    if is_tunable_file(checkpoint):
        for module in model.modules():
            if isinstance(getattr(module, 'init_cfg', None), dict) and module.init_cfg.get('type') == 'Pretrained':
                module.init_weights()
    return load_weights(model, checkpoint, classes)


def _sum_over_processes(*numbers: int) -> list[int]:
    sums = torch.tensor(numbers, device=get_device())
    all_reduce(sums)
    return sums.tolist()


def _warn_about_random_backbone(cfg: Config, runner: Runner) -> None:
    if cfg.get('load_from') or cfg.get('resume'):
        return
    for tower in towers(cfg.get('model', {})):
        frozen = tower.get('freeze', tower.type != 'ImageViT')
        given = [part.get(key) for part in (tower, tower.get('backbone') or {}) for key in ('init_cfg', 'pretrained')]
        if frozen and not any(given):
            runner.logger.warning('a frozen tower has random weights: give an image model by --image-checkpoint, or a CLIP '
                                  'model by --clip-checkpoint')
            return


def _draw_confusion(evaluator, folder: str, title: str) -> None:
    for metric in evaluator.metrics:
        if isinstance(metric, RecallMetric) and metric.confusion_matrix is not None:
            plot_confusion_matrix(metric.confusion_matrix, metric.dataset_meta['classes'],
                                  os.path.join(folder, 'confusion.png'), title=title)
