"""Finished folds: whether they belong together, and their summary."""
from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..evaluation import Predictions, fold_row, load_predictions, markdown, shared_clips, summarize
from ..visualization import plot_confusion_matrix
from ..run_config import differences
from ..files import write_json, write_text


def is_finished(folder: str) -> bool:
    """Whether a fold's training has ended; its result is the last thing that it writes."""
    return os.path.isfile(os.path.join(folder, 'result.json'))


def check_settings(folder: str, settings: dict[str, str]) -> None:
    """Refuse a folder that holds a run, finished or not, of other settings than the ones to run.

    Raises:
        ValueError: naming what differs.
    """
    if not is_finished(folder) and not os.path.isfile(os.path.join(folder, 'last_checkpoint')):
        return
    differing = differences(settings, _read(os.path.join(folder, 'settings.json')))
    if differing:
        raise ValueError(f'{folder} holds a run with other settings: {differing}. Remove the folder, or give another '
                         '--work-dir')


def summarize_folds(out: str, folds: Sequence[int] | None = None, all_folds: Sequence[int] | None = None,
                    select: str | None = None, allow_missing: bool = False) -> dict:
    """Write ``folds.json``, ``folds.md`` and ``folds.png``, the pooled confusion matrix, of the folds in ``out``.

    Args:
        out: the folder of ``fold_<k>``.
        folds: those to summarise. Defaults to the folders that are there.
        all_folds: those that the set has, to say which are missing. Defaults to ``folds``.
        select: the figure to quote. Defaults to ``'inner'`` for runs with a validation part, else ``'last'``.
        allow_missing: go on without folds that are not finished, and without the picture if there are any.

    Returns:
        The content of ``folds.json``, see :mod:`mmdfer.evaluation.fold_summary`.

    Raises:
        ValueError: for unfinished folds, by number; folds of different settings, classes or kinds; a figure that
            the runs do not have; predictions that do not give a run's own figures.
    """
    if folds is None:
        folds = sorted(int(path.name[5:]) for path in Path(out).glob('fold_*') if path.name[5:].isdigit())
    folders = {fold: os.path.join(out, f'fold_{fold}') for fold in folds}
    unfinished = [fold for fold in folds if not is_finished(folders[fold])]
    finished = [fold for fold in folds if fold not in unfinished]
    if not finished or (unfinished and not allow_missing):
        raise ValueError(f'{out}: not finished: fold {", ".join(map(str, unfinished)) or "(none is there)"}; run '
                         'tools/train_folds.py again, or choose others by --folds')
    results = {fold: read_fold(folders[fold], fold) for fold in finished}
    _check_alike(folders, finished)
    inner = 'inner' in results[finished[0]]
    select = select or ('inner' if inner else 'last')
    if inner != (select == 'inner'):
        raise ValueError(f'--select {select}: the runs in {out} were trained '
                         + ('with a validation part; their figure is --select inner' if inner else
                            'without a validation part; train with --select inner into another folder'))
    missing = [fold for fold in all_folds or folds if fold not in finished]
    summary = dict(name=results[finished[0]]['name'], select=select, classes=[], folds=finished, missing=missing, notes=[])
    for kind in ('inner', ) if inner else ('last', 'best'):
        found = {fold: _predictions(folders[fold], results[fold], kind) for fold in finished}
        classes = {fold: predictions.classes for fold, predictions in found.items()}
        if len(set(classes.values())) > 1:
            raise ValueError(f'{out}: the folds have different classes: {classes}')
        summary.update(classes=list(classes[finished[0]]))
        summary[kind] = summarize([fold_row(fold, _figures(results[fold], kind)['epoch'], predictions)
                                   for fold, predictions in found.items()])
    summary['notes'] = notes_on(summary, results, shared_clips(found))
    write_json(summary, os.path.join(out, 'folds.json'))
    write_text(markdown(summary), os.path.join(out, 'folds.md'))
    if not unfinished:
        plot_confusion_matrix(np.array(summary[select]['pooled']['confusion']), summary['classes'],
                              os.path.join(out, 'folds.png'), title=f'{summary["name"]}, folds pooled')
    return summary


def tell(summary: dict, out: str) -> str:
    """What a tool says at its end."""
    return f'\n{markdown(summary)}\nfolds.md, folds.json and folds.png are in {out}'


def read_fold(folder: str, fold: int) -> dict:
    """A finished fold's ``result.json``.

    Raises:
        ValueError: if it is none, or of another fold than its folder says.
    """
    result = _read(os.path.join(folder, 'result.json'))
    if result.get('fold') != fold:
        raise ValueError(f'{folder}/result.json is of fold {result.get("fold")}; a folder fold_{fold} holds that fold')
    if 'best' not in result:
        raise ValueError(f'{folder}/result.json holds no UAR: the run was not validated; train it with a val_evaluator '
                         'of type RecallMetric')
    return result


def _read(path: str) -> dict:
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except FileNotFoundError:
        raise ValueError(f'{path} is missing: the run was not made by this version of tools/train.py; remove its folder '
                         'and train again') from None
    except json.JSONDecodeError as error:
        raise ValueError(f'{path}: not JSON ({error}); remove the folder and train again') from None


def _check_alike(folders: dict[int, str], folds: Sequence[int]) -> None:
    settings = {fold: _read(os.path.join(folders[fold], 'settings.json')) for fold in folds}
    for fold in folds[1:]:
        differing = differences(settings[fold], settings[folds[0]])
        if differing:
            raise ValueError(f'fold {folds[0]} ("there") and fold {fold} ("here") are runs of different settings: '
                             f'{differing}. A mean over them is of no model; train one of them again')


def _figures(result: dict, kind: str) -> dict:
    return result['best'] if kind == 'best' else result


def _predictions(folder: str, result: dict, kind: str) -> Predictions:
    found = read_predictions(folder, result, kind)
    if found is None:
        raise ValueError(f'{folder}: has no {_prediction_files(result, kind)[0]}: add dict(type=\'PredictionsHook\') to '
                         'custom_hooks of the config and train again')
    return found


def _prediction_files(result: dict, kind: str) -> list[str]:
    if kind == 'inner':
        return ['test/predictions.npz']
    return [f'predictions/{unit}_{_figures(result, kind)["epoch"]}.npz' for unit in ('epoch', 'iter')]


def read_predictions(folder: str | os.PathLike, result: dict, kind: str) -> Predictions | None:
    """The predictions behind a run's figures of a kind of epoch; ``None`` where it kept none.

    Raises:
        ValueError: if they do not give the figures of ``result``.
    """
    figures = _figures(result, kind)
    paths = (os.path.join(folder, name) for name in _prediction_files(result, kind))
    path = next((path for path in paths if os.path.isfile(path)), None)
    if path is None:
        return None
    predictions = load_predictions(path)
    row = fold_row(result.get('fold'), figures['epoch'], predictions)
    for key in ('uar', 'war'):
        if abs(row[key] - figures[key]) > 1e-6:
            raise ValueError(f'{path} gives {key.upper()} {row[key]:.4f}, result.json {figures[key]:.4f}: they are of '
                             'different runs; remove the folder and train again')
    return predictions


def notes_on(summary: dict, results: dict[int, dict], shared: Sequence[str]) -> list[str]:
    """What a reader of a summary must know of its folds, a sentence each."""
    notes = []
    if summary['missing']:
        notes.append(f'Not in it: fold {", ".join(map(str, summary["missing"]))}. The mean is not the published figure, '
                     'which is over all folds.')
    for row in summary[summary['select']]['folds']:
        if row['absent']:
            whose = 'The test set' if row['fold'] is None else f'Fold {row["fold"]}'
            notes.append(f'{whose} has no clip of {", ".join(row["absent"])}: recall 0 there in its UAR and in the mean '
                         'recalls.')
    if shared:
        notes.append(f'{len(shared)} clips (such as {", ".join(shared[:3])}) are in the test set of more than one fold; '
                     'pooled figures count them each time.')
    processes = {fold: result.get('processes') for fold, result in results.items()}
    if len(set(processes.values())) > 1:
        notes.append('Folds ran on different numbers of processes, and so with different batches: ' + ', '.join(
            f'fold {fold} on {count}' for fold, count in processes.items()) + '.')
    return notes
