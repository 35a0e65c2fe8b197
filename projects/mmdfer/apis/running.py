"""Building a runner on any machine, training and testing with it."""
from __future__ import annotations

import json
import os
import time
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from .. import compat
from ..backbones.freezing import count_parameters
from ..evaluation import RecallMetric
from ..visualization import plot_confusion_matrix, plot_curves, read_scalars
from ..weights import is_tunable_file, load_weights
from .config import current_fold, dataset_classes, dataset_configs


def build_runner(cfg: Config) -> Runner:
    """A runner for one process or many, with or without CUDA."""
    if cfg.get('launcher', 'none') == 'pytorch':
        compat.prepare_distributed_on_cpu(cfg)
    return Runner.from_cfg(cfg)


def bare_model(runner: Runner):
    """The runner's model without the wrapper of a distributed run."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def check_classes(cfg: Config) -> None:
    """Refuse a head whose number of classes is not the data set's.

    Raises:
        ValueError: naming both numbers.
    """
    model = cfg.get('model', {})
    expected = (model.get('cls_head') or model.get('head') or {}).get('num_classes')
    for dataset in dataset_configs(cfg):
        classes = dataset_classes(dataset)
        if expected is not None and classes is not None and expected != len(classes):
            raise ValueError(f'the head has num_classes={expected}, {dataset.type} has {len(classes)} classes '
                             f'({", ".join(classes[:12])}): set num_classes={len(classes)} in the head')


def train(cfg: Config, name: str | None = None) -> dict:
    """Train by mmengine's runner, draw the curves and the confusion matrix, and write ``result.json``.

    Args:
        cfg: a run's config with ``work_dir`` set.
        name: the run's name in tables. Defaults to the config's file stem.

    Returns:
        The content of ``result.json`` (main process; others get an empty dict).
    """
    check_classes(cfg)
    runner = build_runner(cfg)
    model = bare_model(runner)
    _warn_about_random_backbone(cfg, runner)
    start = time.time()
    runner.train()
    if not is_main_process():
        return {}
    tunable, total = count_parameters(model)
    result = dict(name=name or Path(cfg.filename or 'run').stem, fold=current_fold(cfg), tunable=tunable, total=total,
                  seconds=round(time.time() - start, 1), work_dir=cfg.work_dir, **validation_results(cfg.work_dir))
    write_json(result, os.path.join(cfg.work_dir, 'result.json'))
    plot_curves(cfg.work_dir, os.path.join(cfg.work_dir, 'curves.png'), title=result['name'])
    _draw_confusion(runner.val_evaluator, cfg.work_dir, result['name'])
    print_log(f'curves, confusion matrix and result.json are in {cfg.work_dir}', logger='current')
    return result


def validation_results(work_dir: str) -> dict:
    """UAR and WAR of the last epoch, and of the epoch with the best UAR, from a run's own records."""
    records = [record for record in read_scalars(work_dir) if 'uar' in record]
    if not records:
        return {}
    last, best = records[-1], max(records, key=lambda record: record['uar'])
    return dict(uar=last['uar'], war=last['war'], epoch=last['step'],
                best=dict(uar=best['uar'], war=best['war'], epoch=best['step']))


def test(cfg: Config, checkpoint: str, out: str | None = None) -> dict:
    """Evaluate a full checkpoint or a tunable file on the config's test set; nothing is skipped.

    Returns:
        The metrics, e.g. ``uar``, ``war`` and ``recall/<class>``.

    Raises:
        CheckpointError: if the file does not fit the config's model.
    """
    check_classes(cfg)
    cfg.load_from, cfg.resume = None, False
    runner = build_runner(cfg)
    load_into(bare_model(runner), checkpoint)
    metrics = runner.test()
    if is_main_process():
        folder = out or os.path.join(cfg.work_dir, 'test')
        os.makedirs(folder, exist_ok=True)
        write_json(dict(metrics, checkpoint=str(checkpoint), fold=current_fold(cfg)), os.path.join(folder, 'metrics.json'))
        _draw_confusion(runner.test_evaluator, folder, Path(checkpoint).stem)
        print_log(f'metrics.json and confusion.png are in {folder}', logger='current')
    return metrics


def load_into(model, checkpoint: str) -> dict:
    """Load either kind of file; for a tunable one the towers' own ``init_cfg`` gives the frozen part.

    Raises:
        CheckpointError: if the file does not fit.
    """
    if is_tunable_file(checkpoint):
        for module in model.modules():
            if isinstance(getattr(module, 'init_cfg', None), dict) and module.init_cfg.get('type') == 'Pretrained':
                module.init_weights()
    return load_weights(model, checkpoint)


def _warn_about_random_backbone(cfg: Config, runner: Runner) -> None:
    backbone = cfg.get('model', {}).get('backbone', {})
    frozen = backbone.get('freeze', backbone.get('type') in ('AdapterViT', 'AdaptedBackbone'))
    given = [part.get(key) for part in (backbone, backbone.get('backbone') or {}) for key in ('init_cfg', 'pretrained')]
    if frozen and not any(given) and not cfg.get('load_from') and not cfg.get('resume'):
        runner.logger.warning('the frozen backbone has random weights: give an image model by --image-checkpoint')


def _draw_confusion(evaluator, folder: str, title: str) -> None:
    for metric in evaluator.metrics:
        if isinstance(metric, RecallMetric) and metric.confusion_matrix is not None:
            plot_confusion_matrix(metric.confusion_matrix, metric.dataset_meta['classes'],
                                  os.path.join(folder, 'confusion.png'), title=title)


def write_json(content: dict, path: str) -> None:
    """Write a JSON file whole or not at all."""
    partial = f'{path}.partial'
    with open(partial, 'w', encoding='utf-8') as file:
        json.dump(content, file, indent=2)
        file.write('\n')
    os.replace(partial, path)

