"""Cross-validation: every fold by ``mmdfer train``, or ``mmdfer test`` alone, and one table of them all."""
from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from .. import run_config as config
from ..engine import check_start
from ..runs.fold_results import check_settings, read_fold, summarize_folds
from ..runs.layout import fold_folder
from ..runs.report import leave_missing_report
from ..runs.result import figures_of, is_finished
from ..runs.settings import settings_of
from . import options
from .folds_tested import check_tested, checkpoint_of, test_args, write_tested
from .job_queue import Job, run_jobs
from .launching import ALONE, Launch
from .processes import Places

OURS = ('--fold', '--resume')


@dataclass(frozen=True)
class FoldPlan:
    """What is to be run, with all that can be wrong in it found before anything starts.

    Args:
        path: the config file.
        rest: options of ``mmdfer train``, the same for every fold, so that every fold has the same seed.
        out: folder of the folds; a fold's run is in ``<out>/fold_<k>``.
        folds: those to run.
        all_folds: those that the set has.
        select: ``'last'``, ``'best'``, ``'inner'`` or ``'tested'``.
        checkpoint: what is tested, where nothing is trained: a file, in which ``{fold}`` stands for the fold's number;
            an empty text for a model that needs none. ``None`` to train.
    """
    path: str
    rest: tuple[str, ...]
    out: str
    folds: tuple[int, ...]
    all_folds: tuple[int, ...]
    select: str
    checkpoint: str | None = None

    def folder(self, fold: int) -> str:
        return os.path.join(self.out, fold_folder(fold))


def parse_folds(text: str | None, known: Sequence[int]) -> tuple[int, ...]:
    """``'1-3,5'`` as (1, 2, 3, 5); all folds for ``None``.

    Raises:
        ValueError: for a text that is no list of folds, or a fold that does not exist.
    """
    if text is None:
        return tuple(known)
    folds: set[int] = set()
    for part in text.split(','):
        first, dash, last = part.strip().partition('-')
        if not re.fullmatch('[0-9]{1,3}', first) or (dash and not re.fullmatch('[0-9]{1,3}', last.strip())):
            raise ValueError(f'--folds {text}: expected numbers and ranges, such as 1-5 or 1,3')
        folds.update(range(int(first), int(last or first) + 1))
    unknown = sorted(folds - set(known))
    if not folds:
        raise ValueError(f'--folds {text}: names no fold; a range goes from the smaller to the larger')
    if unknown:
        raise ValueError(f'--folds {text}: fold {", ".join(map(str, unknown))} does not exist; the set has folds '
                         f'{", ".join(map(str, known))}')
    return tuple(sorted(folds))


def plan_folds(path: str, rest: Sequence[str], folds: str | None = None, out: str | None = None,
               select: str | None = None, to_train: bool = True, launch: Launch = ALONE) -> FoldPlan:
    """Read the config under the options of ``mmdfer train`` and settle folds, folder and figure.

    Args:
        path: the config file.
        rest: options of ``mmdfer train``.
        folds: as for :func:`parse_folds`.
        out: folder of the folds. Defaults to the config's ``work_dir``, else to ``work_dirs/<config>`` or, with a
            validation part, ``work_dirs/<config>_inner``.
        select: the figure to quote. Defaults to ``'inner'`` with a validation part, else to ``'last'``.
        to_train: look for the data and compare with runs that are there; without, folds are only summarised.
        launch: how each fold is started.

    Raises:
        ValueError: for an option that belongs to single runs, a set without folds, a fold that does not exist,
            a config whose runs would lack figures or predictions, or a fold's folder that holds a run of other
            settings.
    """
    names = {word.split('=')[0] for word in rest}
    for option in OURS:
        if option in names:
            raise ValueError(f'{option} is for one run: this runs the folds of --folds and resumes each')
    if select == 'inner' and '--inner-val' not in names:
        rest = ['--inner-val', '0.1', *rest]
    args = _train_args(path, rest)
    args.launcher = launch.launcher_of_processes
    cfg = config.load_config(path, args.cfg_options)
    own, known = cfg.get('work_dir'), config.set_folds(cfg)
    if not known:
        kinds = ', '.join(sorted({dataset.type for dataset in config.dataset_configs(cfg)}))
        raise ValueError(f'{path}: {kinds} has one split and no folds; use mmdfer train')
    chosen = parse_folds(folds, known)
    if to_train:
        cfg = options.train_config(args)
    else:
        config.set_inner(cfg, args.inner_val)
    inner = config.inner_share(cfg) is not None
    if inner and select not in (None, 'inner'):
        raise ValueError(f'--select {select}: with --inner-val the epoch is chosen on the validation part; leave '
                         '--select out')
    out = out or own or str(Path('work_dirs') / (Path(cfg.filename or path).stem + ('_inner' if inner else '')))
    plan = FoldPlan(path, tuple(rest), out, chosen, known, select or ('inner' if inner else 'last'))
    if to_train:
        _check_that_figures_are_kept(cfg)
        cfg.resume = True                       # as each fold is started
        for fold in chosen:
            check_settings(plan.folder(fold), settings_of(cfg))
            if not is_finished(plan.folder(fold)):
                check_start(cfg, plan.folder(fold))
    return plan


def _check_that_figures_are_kept(cfg: Config) -> None:
    evaluators = cfg.get('val_evaluator') or []
    evaluators = evaluators if isinstance(evaluators, list) else [evaluators]
    if 'RecallMetric' not in [one.get('type') for one in evaluators]:
        raise ValueError("val_evaluator: UAR and WAR of the folds need dict(type='RecallMetric')")
    hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or [])]
    if 'PredictionsHook' not in [hook.get('type') for hook in hooks if hook]:
        raise ValueError("custom_hooks: the summary of the folds needs dict(type='PredictionsHook'), which keeps what "
                         'was said of each clip')


def _train_args(path: str, rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='mmdfer folds', allow_abbrev=False)
    parser.add_argument('config')
    options.add_train_options(parser)
    return parser.parse_args([path, *rest])


def run_folds(plan: FoldPlan, places: Places) -> dict:
    """Run every fold that is not finished, each from where it stopped, and summarise.

    Args:
        plan: of :func:`plan_folds`.
        places: how a fold's processes are started, and how many folds run at a time.

    Returns:
        The content of ``folds.json``.

    Raises:
        ValueError: if a fold fails; no further one is started, and it names the log.
    """
    jobs = []
    for fold in plan.folds:
        if is_finished(plan.folder(fold)):
            if '--no-report' not in plan.rest and plan.checkpoint is None:
                leave_missing_report(plan.folder(fold))
            print(f'fold {fold}: done before; {_outcome(plan, fold)}', flush=True)
        else:
            jobs.append(_job(plan, fold))

    def ended(job: Job, others: bool) -> None:
        fold = int(job.name.split()[1])
        if plan.checkpoint is not None:
            write_tested(plan, fold)
        print(f'{job.name}: {_outcome(plan, fold)}', flush=True)
        if others:
            summarize_folds(plan.out, plan.folds, plan.all_folds, plan.select, allow_missing=True)

    run_jobs(jobs, places, ended)
    return summarize_folds(plan.out, plan.folds, plan.all_folds, plan.select)


def _job(plan: FoldPlan, fold: int) -> Job:
    folder = plan.folder(fold)
    words = ('--fold', str(fold), '--work-dir', folder)
    if plan.checkpoint is None:
        return Job(f'fold {fold}', (plan.path, *words, '--resume', *plan.rest), folder)
    checkpoint = filter(None, [checkpoint_of(plan, fold)])
    return Job(f'fold {fold}', (plan.path, *checkpoint, *words, '--out', folder, *plan.rest), folder, 'test', 'testing')


def _outcome(plan: FoldPlan, fold: int) -> str:
    chosen = figures_of(read_fold(plan.folder(fold), fold).result, plan.select)
    at = '' if chosen['epoch'] is None else f' at epoch {chosen["epoch"]}'
    return f'UAR {100 * chosen["uar"]:.2f}, WAR {100 * chosen["war"]:.2f}{at}'


def plan_tests(path: str, checkpoint: str, rest: Sequence[str], folds: str | None = None,
               out: str | None = None) -> FoldPlan:
    """What is to be tested on every fold of a set, with nothing trained: the plan for :func:`run_folds`.

    Args:
        path: the config, or a row's name.
        checkpoint: as for :class:`FoldPlan`.
        rest: options of ``mmdfer test``, the same for every fold.
        folds: as for :func:`parse_folds`.
        out: folder of the folds. Defaults to ``work_dirs/<config>_tested``.

    Raises:
        ValueError: for an option that belongs to single tests, a set without folds, a fold or a checkpoint that does
            not exist, or a fold's folder that holds something else.
    """
    names = {word.split('=')[0] for word in rest}
    for option in (*OURS, '--out'):
        if option in names:
            raise ValueError(f'{option} is for one run: this tests the folds of --folds, each into its own folder')
    cfg = options.run_config(test_args(path, rest))
    known = config.set_folds(cfg)
    if not known:
        kinds = ', '.join(sorted({dataset.type for dataset in config.dataset_configs(cfg)}))
        raise ValueError(f'{path}: {kinds} has one split and no folds; use mmdfer test')
    out = out or str(Path('work_dirs') / f'{Path(cfg.filename or path).stem}_tested')
    plan = FoldPlan(path, tuple(rest), out, parse_folds(folds, known), known, 'tested', checkpoint)
    for fold in plan.folds:
        check_tested(plan, fold, cfg)
    return plan
