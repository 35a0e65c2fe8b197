"""Runs together: those at or below a folder, and the folds of one config with their common figures."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from ..evaluation.fold_summary import shared_clips, summarize
from ..files import read_json
from .folder import RunFolder, differ
from .layout import FOLDS, RESULT
from .marks import note_on_seen

SKIPPED = {'__pycache__', 'vis_data'}


def find_runs(path: str | os.PathLike) -> list[list[RunFolder]]:
    """The runs at or below a folder, folds of one config together.

    Args:
        path: a work directory, a folder of ``fold_<n>``, a parent of either, or a ``result.json``.

    Returns:
        Groups of runs: one run alone, or the folds below one folder in their order.

    Raises:
        ValueError: if the folder does not exist or holds no finished run.
    """
    path = Path(path)
    if path.name == RESULT and path.is_file():
        path = path.parent
    if not path.is_dir():
        raise ValueError(f'{path}: no such folder; give a work directory, or a folder of them')
    groups: dict[tuple, list[RunFolder]] = {}
    for root, folders, files in os.walk(path):
        folders[:] = sorted(set(folders) - SKIPPED, key=lambda name: (len(name), name))
        if RESULT in files:
            run = RunFolder(root)
            of_fold = run.path.name.startswith('fold_')
            groups.setdefault((str(run.path.parent if of_fold else run.path), of_fold), []).append(run)
            folders.clear()
    if not groups:
        raise ValueError(f'{path}: no finished run in it; a run writes {RESULT} when its training ends')
    return [groups[key] for key in sorted(groups)]


def summarize_runs(runs: Sequence[RunFolder]) -> dict:
    """The figures of one run, or of the folds of one config.

    Returns:
        ``folds``; ``kinds`` of epochs that every run has figures of, and under each the summary of
        :func:`~mmdfer.evaluation.summarize`; ``select``, the kind to quote, as ``folds.json`` says or else the first;
        and ``notes``, sentences that a reader must know.

    Raises:
        ValueError: for folds of different settings or classes, or in folders of other folds.
    """
    check_alike(runs)
    results = {run.result.get('fold'): run.result for run in runs}
    if len(results) != len(runs):
        raise ValueError(f'{runs[0].path.parent}: several of its folders hold the same fold; remove all but one')
    kinds = [kind for kind in runs[0].kinds if all(kind in run.kinds for run in runs)]
    file = runs[0].path.parent / FOLDS
    select = read_json(file).get('select') if len(runs) > 1 and file.is_file() else None
    select = select if select in kinds else next(iter(kinds), None)
    summary: dict[str, Any] = dict(folds=list(results), kinds=kinds, select=select, notes=[])
    summary.update((kind, summarize([run.row(kind) for run in runs])) for kind in kinds)
    if kinds:
        found = {run.result.get('fold'): run.predictions(select) for run in runs}
        shared = shared_clips(found) if len(runs) > 1 and None not in found.values() else []
        rows = summary[select]['folds']
        summary['notes'] = notes_on(runs, rows, [fold for fold in _all_folds(runs) if fold not in results], shared)
    return summary


def check_alike(runs: Sequence[RunFolder]) -> None:
    """Refuse folds that are runs of different settings.

    Raises:
        ValueError: naming two of them and what differs.
    """
    for run in runs[1:]:
        changed = differ(runs[0], run)
        if changed:
            raise ValueError(f'{_whose(runs[0], "the run")} ("there", {runs[0].path}) and {_whose(run, "the run")} '
                             f'("here", {run.path}) are runs of different settings: {changed}. A mean over them is of '
                             'no model; train one of them again')


def _all_folds(runs: Sequence[RunFolder]) -> Sequence[int]:
    """The folds that the runs' set has, where there are several runs."""
    if len(runs) == 1:
        return ()
    if 'folds' in runs[0].result:
        return runs[0].result['folds']
    if runs[0].config is None:
        return ()
    from ..run_config import set_folds
    return set_folds(runs[0].config)


def notes_on(runs: Sequence[RunFolder], rows: Sequence[dict], missing: Sequence[int],
             shared: Sequence[str]) -> list[str]:
    """What a reader of a summary must know of its runs, a sentence each.

    Args:
        runs: those in the summary.
        rows: their figures, of :func:`~mmdfer.evaluation.fold_row`.
        missing: folds of the set that are not in it.
        shared: clips that are in the test set of more than one fold.
    """
    notes = []
    if missing:
        notes.append(f'Not in it: fold {", ".join(map(str, missing))}. The mean is not the published figure, which is '
                     'over all folds.')
    for run in runs:
        for change in run.settings.changes if run.settings is not None else ():
            notes.append(f'{_whose(run, "the run").capitalize()} went on with other settings than it began with: '
                         f'{change}.')
    for run in runs:
        for needs, count in (run.result.get('left_out') or {}).items():
            whose = _whose(run, 'the run').capitalize()
            notes.append(f'{whose} was trained without the clips that have no {needs}: {count}.')
    notes += filter(None, (note_on_seen(run.result, _whose(run, 'the run')) for run in runs))
    for row in rows:
        if row['absent']:
            whose = 'The test set' if row['fold'] is None else f'Fold {row["fold"]}'
            notes.append(f'{whose} has no clip of {", ".join(row["absent"])}: recall 0 there in '
                         'its UAR and in the mean recalls.')
    if shared:
        notes.append(f'{len(shared)} clips (such as {", ".join(shared[:3])}) are in the test set of more than one '
                     'fold; pooled figures count them each time.')
    processes = {run.result.get('fold'): run.result.get('processes') for run in runs}
    steps = {run.result.get('clips_a_step') for run in runs}
    if len(set(processes.values())) > 1 and (len(steps) > 1 or None in steps):
        notes.append('Folds ran on different numbers of processes, and so with different batches: ' + ', '.join(
            f'fold {fold} on {count}' for fold, count in processes.items()) + '.')
    return notes


def total_cost(rows: Sequence[dict]) -> dict:
    """Times added up over the runs, the largest memory, the mean time of an iteration.

    Args:
        rows: of :meth:`~mmdfer.runs.folder.RunFolder.cost`.
    """
    over: dict[str, Callable] = dict(seconds=sum, training_seconds=sum, iteration_seconds=mean, cuda_mib=max,
                                     rss_mib=max)
    values = {key: [row[key] for row in rows] for key in over}
    return {key: None if None in values[key] else over[key](values[key]) for key in over}


def _whose(run: RunFolder, alone: str) -> str:
    fold = run.result.get('fold')
    return alone if fold is None else f'fold {fold}'
