"""What is run for a table or a figure: every training and test, once for all the rows that it serves."""
from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config

from ...config_reading import files_read_once
from ...config_rows import find_row
from ...run_config import load_config, set_folds
from ...run_towers import CLIP_CONTEXT, check_image_sets, towers
from ...runs.fold_results import check_settings
from ...runs.layout import TEST_METRICS, fold_folder
from ...runs.published import SETS, PublishedTable
from ...runs.result import is_finished
from ...runs.settings import digest_of, settings_of
from .. import options
from ..configs import read_tunable
from ..folds import parse_folds
from .checking import check_lists, check_weights, count_clips, lacking_weights
from .wishes import DRAWN, Wishes

RUNS = 'runs'
LAST = 'last.safetensors'


@dataclass(frozen=True)
class Entry:
    """What a table's row, or a figure's, wants on a set.

    Args:
        row, title: its key, and what messages call it.
        dataset: short name of the set.
        config: of that set.
        folds: ``all`` or ``first``.
    """
    row: str
    title: str
    dataset: str
    config: str
    folds: str = 'all'


@dataclass(frozen=True)
class Run:
    """A training, or a test alone.

    Args:
        config: its name or file.
        dataset, fold, seed: of what it is; no fold for a set with one split.
        folder: where it goes.
        words: options of the command but for folders, fold and seed.
        epochs: of the training; 0 for a test.
        clips: that are seen in an epoch, or tested; ``None`` where the set does not say.
        trained: folder of the training that is tested; empty for a model that needs none.
        is_test: whether nothing is trained.
    """
    config: str
    dataset: str
    fold: int | None
    seed: int
    folder: str
    words: tuple[str, ...]
    epochs: int = 0
    clips: int | None = None
    trained: str = ''
    is_test: bool = False

    @property
    def name(self) -> str:
        """As messages call it."""
        of = [Path(self.config).stem if self.config.endswith('.py') else self.config, self.dataset,
              None if self.fold is None else f'fold {self.fold}', f'seed {self.seed}']
        return ', '.join(filter(None, of))

    @property
    def finished(self) -> bool:
        """Whether its figures are there."""
        return (Path(self.folder) / TEST_METRICS).is_file() if self.is_test else is_finished(self.folder)


@dataclass(frozen=True)
class Plan:
    """What is run.

    Args:
        wishes: the user's.
        runs: in order, trainings before tests, each once.
        cells: the runs whose mean a row's figures on a set are; those that are trained for them alone are not in it.
        notes: what a reader must know of a row on a set.
        lacking: what must be given before it can be run, a sentence each.
        places: the folder of the runs of some settings, by their digest.
        image_sets: the image set whose model a row starts from, of rows that are given no model of their own.
    """
    wishes: Wishes
    runs: dict[str, Run] = field(default_factory=dict)
    cells: dict[tuple[str, str], list[Run]] = field(default_factory=dict)
    notes: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    image_sets: dict[str, str | None] = field(default_factory=dict)

    @property
    def waiting(self) -> list[Run]:
        """Those that are not finished."""
        return [run for run in self.runs.values() if not run.finished]


def entries_of(table: PublishedTable, wishes: Wishes) -> list[Entry]:
    """The rows of a table that can be run, on the sets that are wanted."""
    entries = []
    for row in table.rows:
        if (wishes.rows and row.row not in wishes.rows) or not (row.own or wishes.rivals or row.row in wishes.rows):
            continue
        for dataset in table.sets:
            config = row.config_of(dataset)
            if config is not None and dataset in (wishes.sets or table.sets):
                entries.append(Entry(row.row, row.title, dataset, config, table.folds))
    return entries


def make_plan(entries: Iterable[Entry], wishes: Wishes, lenient: bool = False) -> Plan:
    """Read the configs and settle folders and folds; nothing is started.

    Args:
        entries: of :func:`entries_of`.
        wishes: the user's.
        lenient: note what is lacking instead of refusing it, for a look at what there would be to do.

    Raises:
        ValueError: for sets and weights that are not given, folds that are missing, and runs of other settings.
    """
    plan, every = Plan(wishes), list(entries)
    check_data(plan, every, lenient)
    with files_read_once():
        for entry in every:
            _add(plan, entry, lenient)
    try:
        check_image_sets(wishes.image, plan.image_sets)
    except ValueError as error:
        raise ValueError(str(error).replace('--only', '--rows')) from None
    trainings = [run for run in plan.runs.values() if not run.is_test]
    tests = [run for run in plan.runs.values() if run.is_test]
    plan.runs.clear()
    plan.runs.update({run.folder: run for run in (*trainings, *tests)})
    return plan


def check_data(plan: Plan, entries: Sequence[Entry], lenient: bool) -> None:
    """Refuse sets that are not given, those of the trainings that rows test included.

    Raises:
        ValueError: naming them; if ``lenient``, the plan lacks them instead.
    """
    wanted = dict.fromkeys(entry.dataset for entry in entries)
    for entry in entries:
        parent = _parent(entry)
        if parent is not None:
            wanted.setdefault(parent.dataset)
    missing = [name for name in wanted if name not in plan.wishes.data]
    if missing == [DRAWN] and lenient:
        plan.lacking.append('the drawn set, and perhaps the image model on it, are made first')
    elif missing:
        told = (f'{", ".join(SETS.get(name, name) for name in missing)} must be given: --data '
                f'{" ".join(f"{name}=FOLDER" for name in missing)}, or choose sets by --sets')
        if not lenient:
            raise ValueError(told)
        plan.lacking.append(told)


def _parent(entry: Entry) -> Entry | None:
    """The training that a row tests, where it trains nothing itself."""
    found = find_row(entry.config)
    if found is None or found[0].of is None:
        return None
    name = f'{found[0].paper}/{found[0].of}'
    row = find_row(name)
    assert row is not None
    return Entry(entry.row, entry.title, row[1], name, 'first')


def _add(plan: Plan, entry: Entry, lenient: bool) -> None:
    parent = _parent(entry)
    key = (entry.row, entry.dataset)
    if parent is None:
        runs = _runs(plan, entry, lenient, is_test=read_tunable(entry.config) == 0)
        plan.cells[key] = runs
    else:
        trainings = _runs(plan, parent, lenient)
        runs = [test for training in trainings for test in _tests(plan, entry, training, lenient)]
        plan.cells[key] = runs
        fold = '' if trainings[0].fold is None else f' on fold {trainings[0].fold}'
        plan.notes.setdefault(key, []).append(
            f'Trained on the captions of {SETS[parent.dataset]}{fold}; tested on '
            + ('that fold' if entry.dataset == parent.dataset else 'every fold that is told')
            + ', since the paper names no folds.')
        _keep(plan, trainings)
    _keep(plan, runs)


def _keep(plan: Plan, runs: Iterable[Run]) -> None:
    """Runs by their folders, each as the first row that wants it has it."""
    for run in runs:
        plan.runs.setdefault(run.folder, run)


def _runs(plan: Plan, entry: Entry, lenient: bool, is_test: bool = False) -> list[Run]:
    """A config's runs over folds and seeds."""
    wishes, words = plan.wishes, words_of(plan.wishes, entry)
    cfg = read_entry(entry, words, wishes, lenient, is_test)
    if entry.row not in wishes.images:
        plan.image_sets[entry.row] = cfg.get('image_set')
    settings = settings_of(cfg)
    settings.pop('randomness.seed', None)
    digest = digest_of(settings)[:8]
    base = plan.places.setdefault(digest, _base_folder(wishes.out, entry, digest))
    folds = _folds(cfg, entry, wishes)
    if not lenient or entry.dataset in wishes.data:
        check_lists(cfg, entry.title, SETS.get(entry.dataset, entry.dataset), folds)
    lacking = lacking_weights(cfg) if entry.dataset != DRAWN else None
    if lacking is not None:
        told = (f'{entry.title}: {lacking} is not there, which {entry.config} starts from; train it, or give a file by '
                f'--image-checkpoint {entry.row}=FILE')
        if not lenient:
            raise ValueError(told)
        plan.lacking.append(told)
    runs = []
    for seed in wishes.seeds[:1] if is_test else wishes.seeds:
        for fold in folds:
            parts = [base, *([] if is_test else [f'seed_{seed}']), *([] if fold is None else [fold_folder(fold)])]
            folder = os.path.join(*parts)
            if not is_test:
                check_settings(folder, dict(settings, **{'randomness.seed': repr(seed)}), '--out')
            epochs, clips = 0 if is_test else cfg.train_cfg.max_epochs, count_clips(cfg, fold, is_test)
            runs.append(Run(entry.config, entry.dataset, fold, seed, folder, words, epochs, clips, is_test=is_test))
            if not lenient and not is_test and not is_finished(folder):
                cfg.resume = True                                   # as it is started
                check_weights(cfg, folder, entry.title)
    return runs


def _tests(plan: Plan, entry: Entry, training: Run, lenient: bool) -> list[Run]:
    """Tests of a training on another row's set; on its own set of the fold that it left out."""
    wishes, words = plan.wishes, words_of(plan.wishes, entry)
    cfg = read_entry(entry, words, wishes, lenient, True)
    folds = _folds(cfg, entry, wishes)
    if entry.dataset == training.dataset:
        folds = [training.fold]
    if not lenient or entry.dataset in wishes.data:
        check_lists(cfg, entry.title, SETS.get(entry.dataset, entry.dataset), folds)
    place = os.path.join(training.folder, f'on_{entry.dataset}')
    folders = [place if fold is None else os.path.join(place, fold_folder(fold)) for fold in folds]
    return [Run(entry.config, entry.dataset, fold, training.seed, folder, words, 0, count_clips(cfg, fold, True),
                training.folder, True) for fold, folder in zip(folds, folders)]


def words_of(wishes: Wishes, entry: Entry) -> tuple[str, ...]:
    """Options of a config's training or test."""
    words = list(wishes.rest)
    image = wishes.images.get(entry.row, wishes.image)
    if image is not None:
        words += ['--image-checkpoint', image]
    if wishes.long_clip is not None and any(one.get('context_length', CLIP_CONTEXT) > CLIP_CONTEXT
                                            for one in towers(load_config(entry.config).model)):
        words += ['--long-clip-checkpoint', wishes.long_clip]
    if entry.dataset in wishes.data:
        words += ['--data-root', wishes.data[entry.dataset]]
    return tuple(words)


def read_entry(entry: Entry, words: Sequence[str], wishes: Wishes, lenient: bool, is_test: bool) -> Config:
    """An entry's config under its options; ``lenient`` does without the set's folder."""
    parser = argparse.ArgumentParser(prog='mmdfer reproduce', allow_abbrev=False)
    parser.add_argument('config')
    options.add_train_options(parser)
    args = parser.parse_args([entry.config, *words])
    if lenient and entry.dataset not in wishes.data:
        args.data_root = os.curdir                                  # which decides no settings
    return options.run_config(args) if is_test else options.train_config(args)


def _base_folder(out: str, entry: Entry, digest: str) -> str:
    """The folder of runs of some settings: where another table has begun them, else one of the config's name."""
    stem = entry.config.removesuffix('.py').rpartition('/configs/')[2].replace('@', '_').replace('/', '_')
    there = sorted(Path(out, RUNS).glob(f'*-{digest}'))
    return str(there[0]) if there else os.path.join(out, RUNS, f'{stem}-{digest}')


def _folds(cfg: Config, entry: Entry, wishes: Wishes) -> list[int | None]:
    known = set_folds(cfg)
    if not known:
        return [None]
    if wishes.folds is None:
        return list(known[:1]) if entry.folds == 'first' or entry.dataset == DRAWN else list(known)
    return list(parse_folds(wishes.folds, known))
