"""The runs of several models over the same clips, put side by side: what a comparison needs before it counts."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..evaluation.predictions import Predictions
from .folder import RunFolder
from .groups import find_runs
from .marks import marked, note_on_seen, picture_title, set_told
from .settings import differences

SEED = 'randomness.seed'
Key = tuple[int | None, int | None]


@dataclass(frozen=True)
class Contestant:
    """A model with its trainings.

    Args:
        name: in tables.
        path: as it was given.
        runs: its predictions by fold and seed, those of a fold over the same clips in the same order.
        folders: where they lie.
        notes: what a reader must know of them.
    """
    name: str
    path: str
    runs: dict[Key, Predictions]
    folders: dict[Key, RunFolder]
    notes: tuple[str, ...] = ()

    @property
    def folds(self) -> list[int | None]:
        return list(dict.fromkeys(fold for fold, _ in self.runs))

    def of_fold(self, fold: int | None) -> dict[Key, Predictions]:
        """The runs of a fold, one a seed."""
        return {key: found for key, found in self.runs.items() if key[0] == fold}


def read_contestants(paths: Sequence[str], kind: str | None = None,
                     folds: Sequence[int] | None = None) -> tuple[str, list[Contestant]]:
    """Read the models to compare.

    Args:
        paths: a folder a model: one run, its ``fold_<n>``, or folders of either for several seeds.
        kind: of epoch, ``'last'``, ``'best'`` or ``'inner'``. Defaults to the one that all were trained for.
        folds: those to compare. Defaults to all.

    Returns:
        The kind of epoch, and the models, whose runs of a fold are over the same clips in the same order.

    Raises:
        ValueError: in one line that says what is needed, for fewer than two models, or runs that cannot be compared:
            of other sets, classes, folds, clips or labels, or without predictions.
    """
    if len(paths) < 2:
        raise ValueError('a comparison needs two runs or more: give the folder of each')
    if len({str(Path(path).resolve()) for path in paths}) < len(paths):
        raise ValueError(f'a run is given twice among {", ".join(map(str, paths))}: give different ones')
    found = [_folders(path, folds) for path in paths]
    kind = _kind(kind, [run for one in found for run in one.values()])
    names = _names(paths, found)
    models = [Contestant(name, str(path), {key: run.needed_predictions(kind) for key, run in one.items()}, one,
                         tuple(filter(None, (note_on_seen(run.result, f'{name}{_of(key)}')
                                             for key, run in one.items()))))
              for path, name, one in zip(paths, names, found)]
    first = models[0]
    for other in models[1:]:
        _check_same_set(first, other)
    return kind, [_aligned(model, first) for model in models]


def _folders(path: str, folds: Sequence[int] | None) -> dict[Key, RunFolder]:
    """A model's runs by fold and seed, which differ in nothing else."""
    runs: dict[Key, RunFolder] = {}
    for run in (run for group in find_runs(path) for run in group):
        if folds is not None and run.result.get('fold') not in folds:
            continue
        key = (run.result.get('fold'), _seed(run))
        if key in runs:
            raise ValueError(f'{path}: {runs[key].path} and {run.path} are two runs of the same fold and seed; give '
                             'one of them')
        runs[key] = run
    if not runs:
        raise ValueError(f'{path}: holds no run of fold {", ".join(map(str, folds or ()))}')
    first, *others = runs.values()
    for run in others:
        if first.settings is None or run.settings is None:
            continue
        told = differences(_but_seed(run.settings.entries), _but_seed(first.settings.entries))
        if told:
            raise ValueError(f'{path}: holds several models: {first.path} and {run.path} are of different settings '
                             f'({told}); give each as a run of its own')
    return dict(sorted(runs.items(), key=lambda item: [-1 if part is None else part for part in item[0]]))


def _seed(run: RunFolder) -> int | None:
    text = run.settings.entries.get(SEED, '') if run.settings is not None else ''
    return int(text) if text.isdecimal() else None


def _but_seed(entries: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in entries.items() if name != SEED}


def _kind(kind: str | None, runs: Sequence[RunFolder]) -> str:
    """The kind of epoch that all runs have figures of."""
    for run in runs:
        if not run.kinds:
            raise ValueError(f'{run.path}: the run was not validated, so that it has no predictions; train it with a '
                             'val_evaluator of type RecallMetric')
        if kind is not None and kind not in run.kinds:
            raise ValueError(f'{run.path}: has no figures of the {kind} epoch; it has those of '
                             f'{", ".join(run.kinds)}; give one of them by --epoch')
    shared = [one for one in runs[0].kinds if all(one in run.kinds for run in runs)]
    if not shared:
        other = next(run for run in runs if run.kinds != runs[0].kinds)
        raise ValueError(f'{runs[0].path} has the {" and ".join(runs[0].kinds)} epoch and {other.path} the '
                         f'{" and ".join(other.kinds)}: an epoch that was chosen on a part of the training clips and '
                         'one that was not do not compare; train both with --inner-val, or both without')
    return kind or shared[0]


def _names(paths: Sequence[str], found: Sequence[Mapping[Key, RunFolder]]) -> list[str]:
    """A name for each model, told apart by its folder where two are called the same."""
    names = []
    for runs in found:
        first = next(iter(runs.values()))
        seen = sum(run.result.get('seen_clips') or 0 for run in runs.values())
        names.append(marked(first.result['name'], seen))
    return [name if names.count(name) == 1 else f'{name} ({path})' for name, path in zip(names, paths)]


def _check_same_set(one: Contestant, other: Contestant) -> None:
    sets = [{run.dataset for run in model.folders.values()} - {None} for model in (one, other)]
    if all(sets) and sets[0] != sets[1]:
        told = [' and '.join(sorted(map(str, found))) for found in sets]
        raise ValueError(f'{one.path} is of {told[0]}, {other.path} of {told[1]}: only runs over the same clips can be '
                         'compared; give two of one set')
    if set(one.folds) != set(other.folds):
        told = [', '.join('none' if fold is None else str(fold) for fold in model.folds) for model in (one, other)]
        raise ValueError(f'{one.path} has fold {told[0]}, {other.path} fold {told[1]}: train the ones that are '
                         'missing, or name those that both have by --folds')


def _aligned(model: Contestant, first: Contestant) -> Contestant:
    """A model with its clips and classes in the order of the first run of each fold of the first model."""
    order = {fold: next(iter(first.of_fold(fold).values())) for fold in first.folds}
    place = {fold: next(iter(first.of_fold(fold))) for fold in first.folds}
    runs = {key: _in_order(found, order[key[0]], model.folders[key].path, first.folders[place[key[0]]].path)
            for key, found in model.runs.items()}
    return Contestant(model.name, model.path, runs, model.folders, model.notes)


def _in_order(found: Predictions, wanted: Predictions, path: Path, other: Path) -> Predictions:
    if set(found.classes) != set(wanted.classes):
        raise ValueError(f'{other} tells {len(wanted.classes)} classes ({", ".join(wanted.classes)}), {path} '
                         f'{len(found.classes)} ({", ".join(found.classes)}): give runs of the same classes')
    if list(found.ids) != list(wanted.ids):
        ours, theirs = list(map(str, found.ids)), list(map(str, wanted.ids))
        lacking, more = sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs))
        if lacking or more:
            told = [f'{len(clips)} clips of {whose} alone (such as {clips[0]})'
                    for clips, whose in ((lacking, other), (more, path)) if clips]
            raise ValueError(f'{other} and {path} were tested on different clips: {" and ".join(told)}; train one of '
                             'them again with the test list of the other')
        if len(set(ours)) < len(ours):
            raise ValueError(f'{path} and {other} have clips of the same name in different order, so that they cannot '
                             'be told apart; give runs of a list that names each clip once')
        at = {name: index for index, name in enumerate(ours)}
        rows = np.array([at[name] for name in theirs])
        found = Predictions(found.ids[rows], found.labels[rows], found.scores[rows], found.classes)
    if found.classes != wanted.classes:
        columns = np.array([found.classes.index(name) for name in wanted.classes])
        found = Predictions(found.ids, np.argsort(columns)[found.labels], found.scores[:, columns], wanted.classes)
    wrong = np.flatnonzero(found.labels != wanted.labels)
    if len(wrong):
        row = wrong[0]
        raise ValueError(f'{len(wrong)} clips have another class in {path} than in {other} (such as {found.ids[row]}: '
                         f'{found.classes[found.labels[row]]} and {wanted.classes[wanted.labels[row]]}): the lists '
                         'differ; train one of them again with the list of the other')
    return found


def _of(key: Key) -> str:
    """Which run of a model, in a sentence."""
    return ''.join(f', {what} {part}' for what, part in zip(('fold', 'seed'), key) if part is not None)


def set_of(models: Sequence[Contestant]) -> str | None:
    """What tables call the set of a comparison; a synthetic one is named so."""
    run = next(iter(models[0].folders.values()))
    clips = [len(next(iter(models[0].of_fold(fold).values())).labels) for fold in models[0].folds]
    return set_told(run.title, run.dataset, clips)


def title_of(model: Contestant) -> str:
    """What a picture of a model is headed by."""
    return picture_title(model.name, next(iter(model.folders.values())).title)
