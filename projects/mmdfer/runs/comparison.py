"""Models compared over the same clips: ``compare.json``, for people ``compare.md`` and ``compare.html``, and the clips
that changed side as ``changed_clips.csv``.

Figures are means over folds and seeds. Tests over clips resample the clips of each fold once for all models and seeds;
a clip counts for a model by the share of its trainings that have it right.
"""
from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import mean, stdev
from typing import Any

import numpy as np

from ..evaluation.figures import per_class_recall, uar_war
from ..evaluation.fold_summary import fold_row
from ..evaluation.significance import bootstrap_difference, holm, mcnemar, pairs_needed, wilcoxon
from ..evaluation.statistics import LEVEL, METHOD, RESAMPLES, SEED, Resampled, interval, intervals, resample
from ..files import write_json, write_text
from ..visualization.confusion_difference import plot_confusion_difference
from ..visualization.report.comparison import render_comparison_html, render_comparison_markdown
from ..visualization.report.pictures import svg_uri
from .contestants import Contestant, read_contestants, set_of

COLUMNS = ('a', 'b', 'better', 'fold', 'clip', 'class', 'predicted by a', 'predicted by b', 'right in a', 'right in b')


def compare(paths: Sequence[str], out: str | None = None, kind: str | None = None, folds: Sequence[int] | None = None,
            all_pairs: bool = False, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, Any]:
    """Compare models, and write what was found.

    Args:
        paths: a folder a model, see :func:`~mmdfer.runs.contestants.read_contestants`; the first is held against each
            other one.
        out: folder of the files; ``None`` to write none.
        kind: of epoch. Defaults to the one that all were trained for.
        folds: those to compare. Defaults to all.
        all_pairs: hold each against each.
        resamples: of the bootstrap.
        seed: of its draws.

    Returns:
        The content of ``compare.json``: ``set``, ``classes``, ``folds``, ``clips``, ``epoch``, ``bootstrap``,
        ``models``, ``pairs`` with their tests and ``changed``, the clips that one of the two has right more often, and
        ``notes``.

    Raises:
        ValueError: for runs that cannot be compared.
    """
    if resamples < 100:
        raise ValueError(f'--resamples {resamples}: percentiles need at least 100; 10000 is the default')
    kind, models = read_contestants(paths, kind, folds)
    found = gather(kind, models, all_pairs, resamples, seed)
    if out is not None:
        _write(found, out)
    return found


def gather(kind: str, models: Sequence[Contestant], all_pairs: bool, resamples: int, seed: int) -> dict[str, Any]:
    """The content of ``compare.json``."""
    first = models[0]
    kept = {fold: next(iter(first.of_fold(fold).values())) for fold in first.folds}
    right = {fold: np.stack([_share_right(model, fold) for model in models], axis=1) for fold in first.folds}
    classes = next(iter(kept.values())).classes
    drawn = resample([(kept[fold].labels, right[fold]) for fold in first.folds], len(classes), resamples, seed)
    places = combinations(range(len(models)), 2) if all_pairs else ((0, index) for index in range(1, len(models)))
    pairs = [_pair(models, one, other, drawn, right) for one, other in places]
    _correct(pairs)
    absent = [name for label, name in enumerate(classes)
              if not any((one.labels == label).any() for one in kept.values())]
    return dict(
        set=set_of(models), classes=list(classes), folds=first.folds,
        clips=sum(len(one.labels) for one in kept.values()),
        epoch=kind, bootstrap=dict(method=METHOD, level=LEVEL, resamples=resamples, seed=seed),
        models=[_model(model, index, drawn, absent, (resamples, seed)) for index, model in enumerate(models)],
        pairs=pairs,
        pairs_needed=pairs_needed(), notes=_notes(kind, models, absent))


def _share_right(model: Contestant, fold: int | None) -> np.ndarray:
    """The share of a model's trainings that have each clip of a fold right, (N,)."""
    return np.mean([one.predicted == one.labels for one in model.of_fold(fold).values()], axis=0)


def _model(model: Contestant, index: int, drawn: Resampled, absent: Sequence[str],
           drawing: tuple[int, int]) -> dict[str, Any]:
    figures = _figures(model)
    classes = next(iter(model.runs.values())).classes
    found: dict[str, Any] = dict(name=model.name, path=model.path, runs=len(model.runs),
                                 seeds=sorted({seed for _, seed in model.runs if seed is not None}))
    for place, key in enumerate(('uar', 'war')):
        values = [one[place] for one in figures.values()]
        found[key] = dict(mean=mean(mean(one[place] for at, one in figures.items() if at[0] == fold)
                                    for fold in model.folds),
                          std=stdev(values) if len(values) > 1 else None, **interval(getattr(drawn, key)[:, index]))
    if len(model.runs) == len(model.folds):                 # a run a fold: the same intervals as its report has
        told = intervals([fold_row(0, 0, one) for one in model.runs.values()], *drawing)
        found['uar'].update(told['uar'])
        found['war'].update(told['war'])
    found['recall'] = [None if name in absent else dict(mean=float(value), **interval(drawn.recall[:, label, index]))
                       for label, (name, value) in enumerate(zip(classes, _recalls(model)))]
    return found


def _recalls(model: Contestant) -> np.ndarray:
    """Recall of each class, (K,), mean over the folds."""
    return np.mean([np.mean([per_class_recall(one.confusion) for one in model.of_fold(fold).values()], axis=0)
                    for fold in model.folds], axis=0)


def _figures(model: Contestant) -> dict[tuple, tuple[float, float]]:
    """UAR and WAR of each run."""
    return {key: uar_war(one.confusion) for key, one in model.runs.items()}


def _pair(models: Sequence[Contestant], one: int, other: int, drawn: Resampled,
          right: dict[int | None, np.ndarray]) -> dict[str, Any]:
    """Every test of two models."""
    changed = [row for fold in right for row in _changed(models[one], models[other], fold,
                                                         right[fold][:, one] - right[fold][:, other])]
    better = sum(row['better'] == 'a' for row in changed)
    found: dict[str, Any] = dict(a=one, b=other, clips=mcnemar(better, len(changed) - better), changed=changed)
    pairs = _paired_runs(models[one], models[other])
    for place, key in enumerate(('uar', 'war')):
        values = getattr(drawn, key)
        difference = mean(mean(ours[place] - theirs[place] for ours, theirs in runs)
                          for runs in _by_fold(pairs).values())
        found[key] = dict(difference=difference, **bootstrap_difference(values[:, one] - values[:, other]))
        found[f'wilcoxon_{key}'] = wilcoxon([ours[place] - theirs[place] for ours, theirs in pairs.values()])
    found['recall'] = [dict(difference=float(difference), **interval(values)) for difference, values in zip(
        _recalls(models[one]) - _recalls(models[other]), (drawn.recall[..., one] - drawn.recall[..., other]).T)]
    found['confusion'] = (_mean_shares(models[one]) - _mean_shares(models[other])).tolist()
    return found


def _paired_runs(one: Contestant, other: Contestant) -> dict[tuple, tuple[tuple, tuple]]:
    """UAR and WAR of both models by what they share: fold and seed, or the folds alone, of which each has its mean."""
    ours, theirs = _figures(one), _figures(other)
    if set(ours) == set(theirs):
        return {key: (ours[key], theirs[key]) for key in ours}
    means = [{(fold, ): tuple(np.mean([value for key, value in figures.items() if key[0] == fold], axis=0).tolist())
              for fold in one.folds} for figures in (ours, theirs)]
    return {key: (means[0][key], means[1][key]) for key in means[0]}


def _by_fold(pairs: dict[tuple, tuple]) -> dict[Any, list[tuple]]:
    folds: dict[Any, list[tuple]] = {}
    for key, value in pairs.items():
        folds.setdefault(key[0], []).append(value)
    return folds


def _changed(one: Contestant, other: Contestant, fold: int | None, differences: np.ndarray) -> list[dict[str, Any]]:
    """The clips of a fold that one of two models has right more often."""
    ours, theirs = ([*model.of_fold(fold).values()] for model in (one, other))
    names, rows = ours[0].classes, []
    for row in np.flatnonzero(differences):
        label = ours[0].labels[row]
        rows.append(dict(better='a' if differences[row] > 0 else 'b', fold=fold, id=str(ours[0].ids[row]),
                         label=names[label], **{side: [names[run.predicted[row]] for run in runs]
                                                for side, runs in (('a', ours), ('b', theirs))}))
    return rows


def _mean_shares(model: Contestant) -> np.ndarray:
    """Shares (K, K) of a confusion matrix's rows, of all folds and seeds together."""
    matrix = np.sum([one.confusion for one in model.runs.values()], axis=0)
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)


def _correct(pairs: Sequence[dict[str, Any]]) -> None:
    """Holm's correction of each test over the pairs."""
    for key in ('uar', 'war', 'clips', 'wilcoxon_uar', 'wilcoxon_war'):
        for pair, p in zip(pairs, holm([pair[key]['p'] for pair in pairs])):
            pair[key]['holm'] = p


def _notes(kind: str, models: Sequence[Contestant], absent: Sequence[str]) -> list[str]:
    notes = [note for model in models for note in model.notes]
    if kind == 'best':
        notes.append('The best epoch was chosen on the test clips, for each run by its own: tests on the same clips '
                     'find differences too easily. Compare the last epoch, or runs trained with --inner-val.')
    if absent:
        notes.append(f'No test clip is of {", ".join(absent)}: recall 0 in the UAR of all models, and no difference.')
    seeds = Counter(tuple(sorted(str(key[1]) for key in model.of_fold(fold))) for model in models
                    for fold in model.folds)
    if len(seeds) > 1:
        notes.append('The models were not trained with the same seeds: pairs of Wilcoxon\'s test are the folds, by the '
                     'mean over the seeds of each.')
    return notes


def _write(found: dict[str, Any], out: str) -> None:
    write_json(found, os.path.join(out, 'compare.json'))
    write_text(render_comparison_markdown(found), os.path.join(out, 'compare.md'))
    pictures = []
    for number, pair in enumerate(found['pairs'], 1):
        names = [found['models'][pair[side]]['name'] for side in 'ab']
        name = 'confusion_difference.png' if len(found['pairs']) == 1 else f'confusion_difference_{number}.png'
        title = f'{names[0]} minus {names[1]}' + (f'\n{found["set"]}' if found['set'] else '')
        figure = plot_confusion_difference(pair['confusion'], found['classes'], os.path.join(out, name), title)
        pictures.append(svg_uri(figure))
    write_text(render_comparison_html(found, pictures), os.path.join(out, 'compare.html'))
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator='\n')
    table.writerow(COLUMNS)
    for pair in found['pairs']:
        ours, theirs = (found['models'][pair[side]]['name'] for side in 'ab')
        for row in pair['changed']:
            table.writerow([ours, theirs, ours if row['better'] == 'a' else theirs, row['fold'], row['id'],
                            row['label'], ' '.join(row['a']), ' '.join(row['b']),
                            *(f'{row[side].count(row["label"])} of {len(row[side])}' for side in 'ab')])
    write_text(lines.getvalue(), os.path.join(out, 'changed_clips.csv'))
