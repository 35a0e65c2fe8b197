"""A paper's table, row by row: what is to be run, and its runs."""
from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmengine.config import Config

from ..config_reading import row_config
from ..config_rows import Row, read_rows, row_files
from ..engine import check_start
from ..files import write_text
from ..names import nearest
from ..run_config import complete_config, load_config
from ..run_towers import check_image_sets
from ..runs.fold_results import check_settings
from ..runs.published import printed_pairs
from ..runs.report import leave_missing_report
from ..runs.result import is_finished, read_result
from ..runs.settings import settings_of
from . import options
from .ablation_demo import demo_config
from .ablation_table import write_table
from .launching import ALONE, Launch
from .processes import Training, ending

OURS = ('--work-dir', '--seed', '--name', '--resume')


@dataclass(frozen=True)
class Trial:
    """A row as it is run.

    Args:
        row: its name, that of its runs' folder.
        group: the part of the table.
        title: how the table calls it.
        config: what is trained: a config's name or path. For a row of a user's own file, where it is written first.
        published: the paper's UAR and WAR in per cent, by data set.
        data: the row of a file of rows that it is, and its data set.
        full, small: configs that stand for each other, of the table's own model, and of the same on the demo's towers;
            ``None`` for a row that is not part of the demo.
    """
    row: str
    group: str
    title: str
    config: str
    published: Mapping[str, Sequence[float]] = field(default_factory=dict)
    data: tuple[Row, str] | None = None
    full: str | None = None
    small: str | None = None

    @property
    def trains(self) -> bool:
        """Whether it trains anything, and is not only tested."""
        return self.data is None or not self.data[0].only_tested


def read_trials(table: str, only: Sequence[str] = (), dataset: str | None = None) -> list[Trial]:
    """The rows of a table.

    Args:
        table: a paper of ``configs/ablations``, such as ``fe_adapter``; a file of rows (:mod:`mmdfer.config_rows`); or
            a folder with a ``rows.py``, whose ``rows`` are dicts with ``group``, ``name``, ``config`` (a file, seen
            from the folder) and perhaps ``paper``, beside perhaps ``demo = dict(full=..., small=...)``.
        only: rows or groups to keep; empty for all.
        dataset: the set to run on. Defaults to each row's first.

    Raises:
        ValueError: for a table, a row, a group or a set that is not there.
    """
    trials = _of_folder(table) if os.path.isdir(table) else _of_file(table, dataset)
    known = {name for trial in trials for name in (trial.row, trial.group)}
    for name in only:
        if name not in known:
            raise ValueError(f'{table}: no row or group {name!r}; {nearest(name, known)}')
    return [trial for trial in trials if not only or trial.row in only or trial.group in only]


def _of_file(table: str, dataset: str | None) -> list[Trial]:
    own = table.endswith(('.yaml', '.yml'))
    name = Path(table).stem
    if not own and name not in row_files():
        raise ValueError(
            f'{table}: no such table; {nearest(name, row_files())}, a folder with a rows.py, or a file of rows')
    rows = read_rows(table if own else row_files()[name]).rows
    sets = {one for row in rows for one in row.sets}
    if dataset is not None and dataset not in sets:
        raise ValueError(f'--set {dataset}: the table has no such set; {nearest(dataset, sets)}')
    trials = []
    for row in rows:
        if dataset is not None and dataset not in row.sets:
            continue
        chosen = dataset or row.sets[0]
        trials.append(
            Trial(row.row, row.group, row.title, '' if own else row.name(chosen),
                  row.published if own else printed_pairs(row.stem, row.sets), (row, chosen),
                  row.base(chosen) if row.demo else None, row.demo))
    return trials


def _of_folder(folder: str) -> list[Trial]:
    table = load_config(os.path.join(folder, 'rows.py'))
    demo = table.get('demo') or {}
    return [Trial(Path(row['config']).stem, row['group'], row['name'], os.path.join(folder, row['config']),
                  row.get('paper', {}), None, *((demo.get('full'), demo.get('small')) if row.get('demo', True) else ()))
            for row in table.rows]


@dataclass(frozen=True)
class Plan:
    """What is run for each row, with all that can be wrong in it found before anything starts.

    Args:
        trials: the rows, in the table's order.
        runs: the row whose runs are a row's; its own name, unless an earlier row has the same settings.
        out: runs go to ``<out>/<row>/seed_<n>``.
        seeds: one run of each for every seed.
        rest: options of ``mmdfer train``.
        demo: whether the runs are on the demo's set.
    """
    trials: tuple[Trial, ...]
    runs: Mapping[str, str]
    out: str
    seeds: tuple[int, ...]
    rest: tuple[str, ...]
    demo: bool = False

    def folder(self, trial: Trial, seed: int) -> str:
        return os.path.join(self.out, self.runs[trial.row], f'seed_{seed}')


def plan_trials(table: str, out: str, rest: Sequence[str] = (), only: Sequence[str] = (), seeds: Sequence[int] = (0, ),
                demo: bool = False, dataset: str | None = None) -> Plan:
    """Read the rows under the options of ``mmdfer train``; rows that resolve to the same settings share their runs.

    Args:
        table, only, dataset: as for :func:`read_trials`.
        out: folder of the runs and the table.
        rest: options of ``mmdfer train``, the same for every row.
        seeds: seeds of the runs.
        demo: put each row's adapters and prompts on the demo's towers and data.

    Raises:
        ValueError: for an option that belongs to single runs, a change that hits nothing, rows none of which is part of
            the demo, one image model for rows of different image sets, rows that are only tested, or a run that is
            there with other settings.
    """
    for option in OURS:
        if option in {word.split('=')[0] for word in rest}:
            raise ValueError(
                f'{option} is for one run: mmdfer ablation names, seeds and resumes the runs of its rows itself; '
                'it has --out and --seeds')
    every, chosen = read_trials(table, dataset=dataset), read_trials(table, only, dataset)
    if demo:
        left_out = [trial.title for trial in chosen if not trial.small]
        if len(left_out) == len(chosen):
            raise ValueError(
                '--demo: none of these rows can run on the demo set; run them on their own, with --data-root')
        if left_out:
            print(f'not part of the demo: {", ".join(left_out)}')
        every, chosen = ([trial for trial in trials if trial.small] for trials in (every, chosen))
    every, chosen = ([trial for trial in trials if trial.trains] for trials in (every, _told_apart(chosen)))
    names, first = {trial.row for trial in chosen}, dict[frozenset, str]()
    runs, trials, image_sets = {}, [], {}
    for trial in every:
        trial = _written(trial, out, demo)
        args = _train_args(trial, rest)
        try:
            cfg = options.train_config(args)
        except ValueError:
            if trial.row in names:
                raise
            continue                                                # such as weights that this row alone needs
        settings = settings_of(cfg)
        runs[trial.row] = first.setdefault(frozenset(settings.items()), trial.row)
        if trial.row in names:
            trials.append(trial)
            image_sets[trial.row] = cfg.get('image_set')
            for seed in seeds:
                check_settings(os.path.join(out, runs[trial.row], f'seed_{seed}'),
                               dict(settings, **{'randomness.seed': repr(seed)}), '--out')
    check_image_sets(args.image_checkpoint, image_sets)
    return Plan(tuple(trials), runs, out, tuple(seeds), tuple(rest), demo)


def _told_apart(chosen: Sequence[Trial]) -> Sequence[Trial]:
    """The rows that were chosen; those that are only tested are told how.

    Raises:
        ValueError: if no other is among them.
    """
    tested = [trial for trial in chosen if not trial.trains]
    if tested:
        told = (f'only tested: {", ".join(trial.row for trial in tested)}; the mean over the folds: mmdfer folds '
                f'{tested[0].config} --test CHECKPOINT')
        if len(tested) == len(chosen):
            raise ValueError(f'none of these rows trains anything; {told}')
        print(told)
    return chosen


def check_starts(plan: Plan) -> None:
    """Refuse, before any run is started, to train one over a frozen tower of random weights.

    Raises:
        ValueError: naming the row.
    """
    for trial in plan.trials:
        cfg = options.train_config(_train_args(trial, plan.rest))
        cfg.resume = True                                           # as each run is started
        for seed in plan.seeds:
            if not is_finished(plan.folder(trial, seed)):
                try:
                    check_start(cfg, plan.folder(trial, seed))
                except ValueError as error:
                    raise ValueError(f'{trial.row}: {error}') from None


def _train_args(trial: Trial, rest: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='mmdfer ablation', allow_abbrev=False)
    parser.add_argument('config')
    options.add_train_options(parser)
    return parser.parse_args([trial.config, *rest])


def _written(trial: Trial, out: str, demo: bool) -> Trial:
    """A row whose config has a file: for those on the demo's towers, and those of a user's own file of rows."""
    if not demo and trial.config:
        return trial
    if demo:
        path, cfg = os.path.join(out, trial.row, f'{trial.row}.py'), demo_config(_own_config(trial), trial.full,
                                                                                 trial.small)
    else:
        row, dataset = trial.data
        path, cfg = os.path.join(out, trial.row, f'{row.stem(dataset)}.py'), _own_config(trial)
    write_text(cfg.pretty_text, path)
    return replace(trial, config=path)


def _own_config(trial: Trial) -> Config:
    return load_config(trial.config) if trial.config else complete_config(row_config(*trial.data))


def run_trials(plan: Plan, launch: Launch = ALONE) -> list[dict]:
    """Train each row with each seed, going past what is finished and on with what was stopped.

    Args:
        plan: of :func:`plan_trials`.
        launch: how each training is started.

    Returns:
        For each row a dict with ``group``, ``name``, ``row``, ``config``, ``paper``, ``runs`` (the row whose runs they
        are), and ``results``, one for every seed.

    Raises:
        ValueError: if a run fails; it names its log.
    """
    done: list[dict] = []
    for trial in plan.trials:
        for seed in plan.seeds:
            if not is_finished(plan.folder(trial, seed)):
                _train(plan, trial, seed, launch)
            elif '--no-report' not in plan.rest:
                leave_missing_report(plan.folder(trial, seed))
        results = [read_result(plan.folder(trial, seed)) for seed in plan.seeds]
        done.append(
            dict(group=trial.group, name=trial.title, row=trial.row, config=trial.config, paper=dict(trial.published),
                 runs=plan.runs[trial.row], results=results))
        write_table(done, plan.out, plan.demo)
    return done


def _train(plan: Plan, trial: Trial, seed: int, launch: Launch) -> None:
    folder, name = plan.folder(trial, seed), plan.runs[trial.row]
    training = Training(
        [trial.config, '--name', name, '--work-dir', folder, '--seed',
         str(seed), '--resume', *plan.rest], folder, launch)
    print(f'{name}, seed {seed}: training; log in {training.log}', flush=True)
    with ending(training):
        failed = training.failed()
    if failed:
        raise ValueError(f'{name}, seed {seed}: the run failed: {training.complaint()}')
