"""Folds that are tested alone: what is tested on each, and what makes a finished run of a test."""
from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmengine.config import Config

from ..files import read_json
from ..runs.fold_results import check_settings
from ..runs.layout import LAST_CHECKPOINT, TEST_METRICS
from ..runs.result import is_finished, read_result, write_result
from ..runs.samples import set_classes
from ..runs.settings import begin_settings, config_name, read_settings, settings_of
from . import options

if TYPE_CHECKING:
    from .folds import FoldPlan

FOLD = '{fold}'
OF_TEST = ('uar', 'war', 'dataset', 'title', 'fold', 'tunable', 'total', 'trained_on', 'seen_clips')
"""What a test's metrics.json and a run's result.json both have."""


def test_args(path: str, rest: Sequence[str]) -> argparse.Namespace:
    """Options of ``mmdfer test``."""
    parser = argparse.ArgumentParser(prog='mmdfer folds --test', allow_abbrev=False)
    parser.add_argument('config')
    options.add_run_options(parser)
    return parser.parse_args([path, *rest])


def checkpoint_of(plan: FoldPlan, fold: int) -> str | None:
    """The file that is tested on a fold; ``None`` for a model that needs none."""
    return (plan.checkpoint or '').replace(FOLD, str(fold)) or None


def check_tested(plan: FoldPlan, fold: int, cfg: Config) -> None:
    """Refuse to test a fold without its file, or into a folder that holds a training or a test of something else.

    Raises:
        ValueError: naming the file, or what differs.
    """
    folder, checkpoint = plan.folder(fold), checkpoint_of(plan, fold)
    if os.path.isfile(os.path.join(folder, LAST_CHECKPOINT)) or is_finished(folder) and 'tested' not in read_result(
            folder):
        raise ValueError(f'{folder} holds a training; give another --work-dir')
    if is_finished(folder):
        check_settings(folder, settings_of(cfg))
        there = read_result(folder)['tested']['checkpoint']
        if there != checkpoint:
            raise ValueError(f'{folder} holds the test of {there or "a model without a checkpoint"}, not of '
                             f'{checkpoint or "one without"}; remove the folder, or give another --work-dir')
    elif checkpoint is not None and not os.path.isfile(checkpoint):
        beside = '' if FOLD in (plan.checkpoint or '') else f'; {FOLD} in it stands for the number of the fold'
        raise ValueError(f'--test {checkpoint}: no such checkpoint, which fold {fold} is to be tested with{beside}')


def write_tested(plan: FoldPlan, fold: int) -> None:
    """Make a finished run of what ``mmdfer test`` left in a fold's folder, so that it is summed up as others are."""
    folder = plan.folder(fold)
    cfg, found = options.run_config(test_args(plan.path, plan.rest)), read_json(os.path.join(folder, TEST_METRICS))
    begin_settings(folder, cfg, resumed=False)
    settings = read_settings(folder)
    name = config_name(cfg) or 'tested'
    write_result(folder, dict(
        name=name, config=name, classes=set_classes(cfg), folds=list(plan.all_folds), epoch=None,
        settings=settings.digest if settings is not None else None, work_dir=folder,
        tested=dict(checkpoint=checkpoint_of(plan, fold)), **{key: found.get(key) for key in OF_TEST}))
