"""Cross-validation: every fold by ``tools/train.py``, and one table of them all."""
from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from . import config, options
from .fold_results import check_settings, is_finished, summarize_folds

OURS = ('--fold', '--launcher', '--resume', '--local_rank', '--local-rank')


@dataclass(frozen=True)
class FoldPlan:
    """What is to be run, with all that can be wrong in it found before anything starts.

    Args:
        path: the config file.
        rest: options of ``tools/train.py``, the same for every fold, so that every fold has the same seed.
        out: folder of the folds; a fold's run is in ``<out>/fold_<k>``.
        folds: those to run.
        all_folds: those that the set has.
        select: ``'last'``, ``'best'`` or ``'inner'``.
    """
    path: str
    rest: tuple[str, ...]
    out: str
    folds: tuple[int, ...]
    all_folds: tuple[int, ...]
    select: str

    def folder(self, fold: int) -> str:
        return os.path.join(self.out, f'fold_{fold}')


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
        if not first.isdigit() or (dash and not last.isdigit()):
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
               select: str | None = None, to_train: bool = True) -> FoldPlan:
    """Read the config under the options of ``tools/train.py`` and settle folds, folder and figure.

    Args:
        path: the config file.
        rest: options of ``tools/train.py``.
        folds: as for :func:`parse_folds`.
        out: folder of the folds. Defaults to the config's ``work_dir``, else to ``work_dirs/<config>`` or, with a
            validation part, ``work_dirs/<config>_inner``.
        select: the figure to quote. Defaults to ``'inner'`` with a validation part, else to ``'last'``.
        to_train: look for the data and compare with runs that are there; without, folds are only summarised.

    Raises:
        ValueError: for an option that belongs to single runs, a set without folds, a fold that does not exist,
            or a fold's folder that holds a run of other settings.
    """
    names = {word.split('=')[0] for word in rest}
    for option in OURS:
        if option in names:
            raise ValueError(f'{option} is for one run: train_folds.py runs the folds of --folds, resumes each, and '
                             'starts its processes by --gpus and --parallel')
    if select == 'inner' and '--inner-val' not in names:
        rest = ['--inner-val', '0.1', *rest]
    args = _train_args(path, rest)
    cfg = config.load_config(path, args.cfg_options)
    own, known = cfg.get('work_dir'), config.set_folds(cfg)
    if not known:
        kinds = ', '.join(sorted({dataset.type for dataset in config.dataset_configs(cfg)}))
        raise ValueError(f'{path}: {kinds} has one split and no folds; use tools/train.py')
    chosen = parse_folds(folds, known)
    if to_train:
        cfg = options.train_config(args)
    else:
        config.set_inner(cfg, args.inner_val)
    inner = config.inner_share(cfg) is not None
    if inner and select not in (None, 'inner'):
        raise ValueError(f'--select {select}: with --inner-val the epoch is chosen on the validation part; leave '
                         '--select out')
    out = out or own or str(Path('work_dirs') / (Path(path).stem + ('_inner' if inner else '')))
    plan = FoldPlan(path, tuple(rest), out, chosen, known, select or ('inner' if inner else 'last'))
    if to_train:
        for fold in chosen:
            check_settings(plan.folder(fold), config.settings_of(cfg))
    return plan


def _train_args(path: str, rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='train_folds.py', allow_abbrev=False)
    parser.add_argument('config')
    options.add_train_options(parser)
    return parser.parse_args([path, *rest])


@dataclass
class _Places:
    """GPUs, dealt out to the folds that run at a time; none on a machine without CUDA."""
    gpus: int
    parallel: int
    devices: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.gpus < 1 or self.parallel < 1:
            raise ValueError(f'--gpus {self.gpus} --parallel {self.parallel}: expected at least 1 of each')
        count = torch.cuda.device_count()
        if not count:
            return
        if self.gpus * self.parallel > count:
            raise ValueError(f'--gpus {self.gpus} --parallel {self.parallel}: {self.gpus * self.parallel} GPUs are wanted, '
                             f'{count} are here')
        visible = os.environ.get('CUDA_VISIBLE_DEVICES')
        self.devices = visible.split(',')[:count] if visible else [str(index) for index in range(count)]

    def environment(self, slot: int) -> dict[str, str]:
        if not self.devices:
            return dict(os.environ)
        return dict(os.environ, CUDA_VISIBLE_DEVICES=','.join(self.devices[slot * self.gpus:(slot + 1) * self.gpus]))


def run_folds(plan: FoldPlan, tool: str | os.PathLike, gpus: int = 1, parallel: int = 1) -> dict:
    """Run every fold that is not finished, each from where it stopped, and summarise.

    Args:
        plan: of :func:`plan_folds`.
        tool: path of ``tools/train.py``.
        gpus: processes a fold, on a GPU each where there are GPUs.
        parallel: folds at a time.

    Returns:
        The content of ``folds.json``.

    Raises:
        ValueError: if a fold fails; no further one is started, and it names the log.
    """
    places = _Places(gpus, parallel)
    waiting, running, failed = list(plan.folds), {}, []
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # so that the processes below are ended too
    try:
        while waiting or running:
            for slot in (slot for slot in range(parallel) if slot not in running):
                while waiting and is_finished(plan.folder(waiting[0])):
                    print(f'fold {waiting[0]}: done before; {_outcome(plan, waiting.pop(0))}', flush=True)
                if waiting:
                    fold = waiting.pop(0)
                    running[slot] = fold, _start(plan, fold, tool, gpus, places.environment(slot))
            time.sleep(0.2)
            for slot, (fold, process) in list(running.items()):
                if process.poll() is None:
                    continue
                del running[slot]
                if process.returncode:
                    failed.append(fold)
                    waiting.clear()
                    print(f'fold {fold}: failed', flush=True)
                else:
                    print(f'fold {fold}: {_outcome(plan, fold)}', flush=True)
                if any(map(is_finished, map(plan.folder, plan.folds))) and (waiting or running):
                    summarize_folds(plan.out, plan.folds, plan.all_folds, plan.select, allow_missing=True)
    finally:
        _end([process for _, process in running.values()])
        signal.signal(signal.SIGTERM, previous)
    if failed:
        raise ValueError('; '.join(_failure(plan, fold) for fold in sorted(failed)))
    return summarize_folds(plan.out, plan.folds, plan.all_folds, plan.select)


def _start(plan: FoldPlan, fold: int, tool: str | os.PathLike, gpus: int, environment: dict) -> subprocess.Popen:
    folder = plan.folder(fold)
    os.makedirs(folder, exist_ok=True)
    launch, launcher = [sys.executable], []
    if gpus > 1:
        launch = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node', str(gpus), '--master_addr',
                  '127.0.0.1', '--master_port', str(_free_port())]
        launcher = ['--launcher', 'pytorch']
    command = [*launch, str(tool), plan.path, '--fold', str(fold), '--work-dir', folder, *launcher, '--resume', *plan.rest]
    log = os.path.join(folder, 'console.log')
    print(f'fold {fold}: training; log in {log}', flush=True)
    with open(log, 'a', encoding='utf-8') as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _outcome(plan: FoldPlan, fold: int) -> str:
    with open(os.path.join(plan.folder(fold), 'result.json'), encoding='utf-8') as file:
        result = json.load(file)
    chosen = result['best'] if plan.select == 'best' else result
    return f'UAR {100 * chosen["uar"]:.2f}, WAR {100 * chosen["war"]:.2f} at epoch {chosen["epoch"]}'


def _failure(plan: FoldPlan, fold: int) -> str:
    log = os.path.join(plan.folder(fold), 'console.log')
    with open(log, encoding='utf-8', errors='replace') as file:
        told = [line.strip() for line in file if line.startswith('error: ')]
    return f'fold {fold} failed{": " + told[-1].removeprefix("error: ") if told else ""} (log: {log})'
