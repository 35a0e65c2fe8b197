"""One table from the folds of a cross-validation.

The published figure of a set with folds is the arithmetic mean of the folds' UAR and WAR. Beside it stand
the sample standard deviation over the folds, and the pooled figures: the folds' confusion matrices added,
which weighs a fold by its clips. UAR is over all classes of the set: one that has no clip in a fold counts
as recall 0 there, as in :func:`~mmdfer.evaluation.uar_war`, and is named in the summary.

Published code has no validation part and reports the best epoch **on the test set**, which is too high a
figure; the last epoch is chosen by nothing. A summary gives both, named, and with ``inner`` training the
epoch that was best on a part of the training clips instead.

Files, all relative to the folder of the folds:

``fold_<k>/result.json``
    one run: ``name``, ``fold``, ``tunable``, ``total``, ``seconds``, ``processes``, ``uar``, ``war`` and ``epoch``
    (the last epoch's), ``best`` with the same three of the best epoch on the test set. With ``inner`` training
    both are those of the chosen epoch on the test set, and ``inner`` holds ``share``, and ``uar``, ``war`` and
    ``epoch`` on the validation part.
``fold_<k>/predictions/epoch_<n>.npz``
    ``ids`` (N,), ``labels`` (N,), ``scores`` (N, K), ``classes`` (K,) of the n-th epoch's validation
    (:func:`~mmdfer.evaluation.load_predictions`); ``fold_<k>/test/predictions.npz`` those of a test.
``fold_<k>/settings.json``
    the config entries that decide a run's figures, to tell runs of different configs apart.
``folds.json``
    ``name``, ``select`` (the figure to quote: ``last``, ``best`` or ``inner``), ``classes``, ``folds`` (those in
    it), ``missing`` (folds of the set that are not), ``notes`` (sentences), and for each of ``last`` and ``best``,
    or for ``inner``, what :func:`summarize` returns::

        {"uar": {"mean", "std"}, "war": {"mean", "std"},
         "recall": [K means over the folds],
         "pooled": {"clips", "uar", "war", "recall": [K], "confusion": [K rows of K]},
         "folds": [{"fold", "epoch", "clips", "uar", "war", "recall": [K], "confusion", "absent": [class names]}]}

    ``std`` is null for a single fold. All figures are in [0, 1], at full precision.
``folds.md``
    the same for people, in per cent.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

import numpy as np

from .predictions import Predictions
from .recall_metric import per_class_recall, uar_war

MEANINGS = dict(
    last='last epoch',
    best='best epoch on the test set, as published code reports it',
    inner='epoch chosen on a part of the training clips')


def fold_row(fold: int, epoch: int, predictions: Predictions) -> dict:
    """The figures of one fold's predictions; see the module's ``folds`` entry.

    Raises:
        ValueError: if there is no clip.
    """
    matrix = predictions.confusion
    uar, war = uar_war(matrix)
    absent = [name for name, count in zip(predictions.classes, matrix.sum(axis=1)) if not count]
    return dict(fold=fold, epoch=epoch, clips=int(matrix.sum()), uar=uar, war=war,
                recall=per_class_recall(matrix).tolist(), confusion=matrix.tolist(), absent=absent)


def summarize(rows: Sequence[Mapping]) -> dict:
    """Mean, spread and pooled figures of some folds.

    Args:
        rows: of :func:`fold_row`, at least one, all over the same classes. Where ``recall`` or ``confusion`` of a row
            is ``None``, so is ``recall`` or ``pooled`` of the summary.

    Raises:
        ValueError: for no row, or a different number of classes.
    """
    if any(row['confusion'] is None or row['recall'] is None for row in rows):
        return _unpooled(rows)
    if len({len(row['recall']) for row in rows}) != 1:
        raise ValueError('a summary needs at least one fold, and the same classes in each; there are '
                         f'{[len(row["recall"]) for row in rows]} classes')
    pooled = np.sum([row['confusion'] for row in rows], axis=0)
    uar, war = uar_war(pooled)
    return dict(
        uar=_mean_and_std([row['uar'] for row in rows]),
        war=_mean_and_std([row['war'] for row in rows]),
        recall=np.mean([row['recall'] for row in rows], axis=0).tolist(),
        pooled=dict(clips=int(pooled.sum()), uar=uar, war=war, recall=per_class_recall(pooled).tolist(),
                    confusion=pooled.tolist()),
        folds=[dict(row) for row in rows])


def _unpooled(rows: Sequence[Mapping]) -> dict:
    """The summary of rows of which some have no predictions."""
    recalls = [row['recall'] for row in rows]
    return dict(uar=_mean_and_std([row['uar'] for row in rows]), war=_mean_and_std([row['war'] for row in rows]),
                recall=None if None in recalls else np.mean(recalls, axis=0).tolist(), pooled=None,
                folds=[dict(row) for row in rows])


def _mean_and_std(values: Sequence[float]) -> dict:
    return dict(mean=mean(values), std=stdev(values) if len(values) > 1 else None)


def shared_clips(folds: Mapping[int, Predictions]) -> list[str]:
    """Clips that are in the test set of more than one fold: pooled figures count them more than once."""
    counts = Counter(name for predictions in folds.values() for name in set(predictions.ids.tolist()))
    return sorted(name for name, count in counts.items() if count > 1)


def markdown(summary: Mapping) -> str:
    """The content of ``folds.json`` as text: the figure to quote first, then a table a kind of epoch."""
    kind = summary['select']
    quoted, folds = summary[kind], ', '.join(map(str, summary['folds']))
    lines = [f'# {summary["name"]}', '',
             f'UAR {_spread(quoted["uar"])}, WAR {_spread(quoted["war"])} (per cent): mean'
             f'{"" if quoted["uar"]["std"] is None else " ± standard deviation"} of fold{"s"[:len(summary["folds"]) > 1]} '
             f'{folds}, {MEANINGS[kind]}.']
    lines += [f'**{note}**' for note in summary['notes']]
    for name in (name for name in MEANINGS if name in summary):
        lines += ['', f'## {MEANINGS[name].capitalize()}', '', *_table(summary[name], summary['classes'])]
    return '\n'.join(lines) + '\n'


def _table(part: Mapping, classes: Sequence[str]) -> list[str]:
    head = ['fold', 'epoch', 'clips', 'UAR', 'WAR', *classes]
    rows = [[str(row['fold']), str(row['epoch']), f'{row["clips"]:,}', _percent(row['uar']), _percent(row['war']),
             *('' if name in row['absent'] else _percent(recall) for name, recall in zip(classes, row['recall']))]
            for row in part['folds']]
    pooled = part['pooled']
    rows.append(['mean', '', '', _spread(part['uar']), _spread(part['war']), *map(_percent, part['recall'])])
    rows.append(['pooled', '', f'{pooled["clips"]:,}', _percent(pooled['uar']), _percent(pooled['war']),
                 *map(_percent, pooled['recall'])])
    return [f'| {" | ".join(head)} |', '|---' + '|---:' * (len(head) - 1) + '|',
            *(f'| {" | ".join(row)} |' for row in rows)]


def _percent(value: float) -> str:
    return f'{100 * value:.2f}'


def _spread(figure: Mapping) -> str:
    return _percent(figure['mean']) + ('' if figure['std'] is None else f' ± {_percent(figure["std"])}')
