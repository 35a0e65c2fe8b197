"""The folds of a cross-validation: whether they may go on, and their common table.

``folds.json`` holds ``name``, ``select`` (the figure to quote: ``last``, ``best`` or ``inner``), ``classes``, ``folds``
(those in it), ``missing`` (folds of the set that are not), ``notes`` (sentences), and for each of ``last`` and
``best``, or for ``inner``, what :func:`mmdfer.evaluation.summarize` returns. ``folds.md`` is the same for people,
``folds.png`` the pooled confusion matrix.
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.fold_summary import fold_row, shared_clips, summarize
from ..files import write_json, write_text
from ..visualization.confusion import plot_confusion_matrix
from ..visualization.report.folds import render_folds
from .folder import RunFolder
from .groups import check_alike, notes_on
from .layout import FOLDS, LAST_CHECKPOINT, SETTINGS, fold_folder
from .marks import marked, picture_title, set_told
from .result import figures_of, is_finished
from .settings import differences, read_settings


def check_settings(folder: str, entries: dict[str, str], option: str = '--work-dir') -> None:
    """Refuse a folder that holds a run, finished or not, of other settings than the ones to run.

    Args:
        folder: where the run is to be.
        entries: of :func:`~mmdfer.runs.settings.settings_of`.
        option: the option that would put the run elsewhere.

    Raises:
        ValueError: naming what differs.
    """
    if not is_finished(folder) and not (Path(folder) / LAST_CHECKPOINT).is_file():
        return
    there = read_settings(folder)
    if there is None:
        raise ValueError(f'{os.path.join(folder, SETTINGS)} is missing: whether the run there is the one to run is not '
                         'known; remove its folder and train again')
    differing = differences(entries, there.entries)
    if differing:
        raise ValueError(f'{folder} holds a run with other settings: {differing}. Remove the folder, or give another '
                         f'{option}')


def summarize_folds(out: str, folds: Sequence[int] | None = None, all_folds: Sequence[int] | None = None,
                    select: str | None = None, allow_missing: bool = False) -> dict:
    """Write ``folds.json``, ``folds.md`` and ``folds.png``, the pooled confusion matrix, of the folds in ``out``.

    Args:
        out: the folder of ``fold_<k>``.
        folds: those to summarise. Defaults to the folders that are there.
        all_folds: those that the set has, to say which are missing. Defaults to ``folds``.
        select: the figure to quote. Defaults to the first of the runs' kinds: ``'inner'`` with a validation part,
            ``'tested'`` of models that were only tested, else ``'last'``.
        allow_missing: go on without folds that are not finished, and without the picture if there are any.

    Returns:
        The content of ``folds.json``.

    Raises:
        ValueError: for unfinished folds, by number; folds of different settings, classes or kinds; a figure that
            the runs do not have; predictions that do not give a run's own figures.
    """
    if folds is None:
        folds = sorted(int(path.name[5:]) for path in Path(out).glob('fold_*') if path.name[5:].isdecimal())
    folders = {fold: os.path.join(out, fold_folder(fold)) for fold in folds}
    unfinished = [fold for fold in folds if not is_finished(folders[fold])]
    finished = [fold for fold in folds if fold not in unfinished]
    if not finished or (unfinished and not allow_missing):
        raise ValueError(f'{out}: not finished: fold {", ".join(map(str, unfinished)) or "(none is there)"}; give the '
                         'same command again without --no-train, or choose others by --folds')
    runs = [read_fold(folders[fold], fold) for fold in finished]
    check_alike(runs)
    kinds = runs[0].kinds
    select = select or kinds[0]
    if select not in kinds:
        told = {'inner': 'trained with a validation part; their figure is --select inner', 'tested':
                'tested alone; leave --select out'}
        raise ValueError(f'--select {select}: the runs in {out} were ' + told.get(
            kinds[0], 'trained without a validation part; train with --select inner into another folder'))
    missing = [fold for fold in all_folds or folds if fold not in finished]
    seen = sum(run.result.get('seen_clips') or 0 for run in runs)
    name = marked(runs[0].result['name'], seen)
    summary: dict[str, Any] = dict(name=name, select=select, classes=[], folds=finished, missing=missing, notes=[])
    for kind in runs[0].kinds:
        found = {fold: run.needed_predictions(kind) for fold, run in zip(finished, runs)}
        classes = {fold: predictions.classes for fold, predictions in found.items()}
        if len(set(classes.values())) > 1:
            raise ValueError(f'{out}: the folds have different classes: {classes}')
        summary.update(classes=list(classes[finished[0]]))
        summary[kind] = summarize([fold_row(fold, figures_of(run.result, kind)['epoch'], found[fold])
                                   for fold, run in zip(finished, runs)])
    clips = [row['clips'] for row in summary[select]['folds']]
    summary['title'] = set_told(runs[0].title, runs[0].dataset, clips)
    summary['notes'] = notes_on(runs, summary[select]['folds'], missing, shared_clips(found))
    write_json(summary, os.path.join(out, FOLDS))
    write_text(render_folds(summary), os.path.join(out, 'folds.md'))
    if not unfinished:
        plot_confusion_matrix(np.array(summary[select]['pooled']['confusion']), summary['classes'],
                              os.path.join(out, 'folds.png'),
                              title=f'{picture_title(name, runs[0].title)}, folds pooled')
    return summary


def tell(summary: dict, out: str) -> str:
    """What a command says at its end."""
    return f'\n{render_folds(summary)}\nfolds.md, folds.json and folds.png are in {out}'


def read_fold(folder: str, fold: int) -> RunFolder:
    """A finished fold's run, with figures and settings.

    Raises:
        ValueError: if it is none, or of another fold than its folder says.
    """
    run = RunFolder(folder)
    if run.result.get('fold') != fold:
        raise ValueError(f'{folder}/result.json is of fold {run.result.get("fold")}; a folder fold_{fold} holds that '
                         'fold')
    if not run.kinds:
        raise ValueError(f'{folder}/result.json holds no UAR: the run was not validated; train it with a val_evaluator '
                         'of type RecallMetric')
    if run.settings is None:
        raise ValueError(f'{folder}: has no {SETTINGS} and no config: whether it belongs with the other folds is not '
                         'known; remove the folder and train again')
    return run
