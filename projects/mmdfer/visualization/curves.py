"""Training curves: loss, learning rate, and the figures of each validation."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import legend_text, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A run's records of training (``step``, ``iter``, ``loss``, ``lr`` ...) and of validation (``step``, ``uar``, ``war``).
Records = Sequence[Mapping]

COLOURS = ('#4169b0', '#c8372d', '#5a8f3c', '#7d4fa3', '#e07b28', '#3aa39b', '#b0628f', '#8c8c8c')


def is_training(record: Mapping[str, float]) -> bool:
    """Whether a record is of training; one of validation carries no iteration."""
    return 'iter' in record


def smooth(values: np.ndarray, weight: float = 0.9) -> np.ndarray:
    """Exponential moving average, (N,), without pull towards zero at its start."""
    averages, total, norm = np.empty(len(values)), 0.0, 0.0
    for index, value in enumerate(values):
        total, norm = weight * total + (1 - weight) * value, weight * norm + (1 - weight)
        averages[index] = total / norm
    return averages


def best_epoch(records: Records) -> Mapping | None:
    """The validation record with the highest UAR, the first of equals; ``None`` without validation."""
    found = [record for record in records if not is_training(record) and _key(record, 'uar')]
    return max(found, key=lambda record: record[_key(record, 'uar')], default=None)


def plot_curves(runs: Records | Mapping[str, Records], path: str | Path | None, title: str | None = None) -> Figure:
    """Draw training loss, learning rate, and validation UAR and WAR with the best epoch marked.

    Args:
        runs: a run's records (:attr:`mmdfer.runs.folder.RunFolder.records`), or a dict of them by name.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above the panels.

    Returns:
        The figure, its three axes in that order; the last one's legend names the best UAR of each run.

    Raises:
        ValueError: for no run, or a run without records.
    """
    if not isinstance(runs, Mapping):
        runs = {'': runs}
    if not runs:
        raise ValueError('runs is empty: give the records of a run, or a dict of them by name')
    for name, records in runs.items():
        if not records:
            raise ValueError(f'run {name!r} has no records: there is nothing to draw')

    figure = new_figure(15, 4.6)
    loss, rate, recall = figure.subplots(1, 3, width_ratios=(1.2, 0.8, 1.4))
    for index, (name, records) in enumerate(runs.items()):
        colour = COLOURS[index % len(COLOURS)]
        _draw_training(loss, rate, records, name, colour)
        _draw_validation(recall, records, name, colour)
    by_epoch = any(_by_epoch(records) for records in runs.values())
    loss.set(title='training loss', xlabel='iteration')
    rate.set(title='learning rate', xlabel='iteration')
    recall.set(title='validation UAR (solid) and WAR (dashed)', xlabel='epoch' if by_epoch else 'iteration', ylabel='%')
    rate.ticklabel_format(axis='y', style='sci', scilimits=(-2, 3))
    for axes in (loss, rate, recall):
        axes.grid(color='#e4e4e4', linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[['top', 'right']].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=9)
        elif not axes.lines:
            axes.text(0.5, 0.5, 'not logged', transform=axes.transAxes, ha='center', color='#888888')
    if title:
        figure.suptitle(title, fontsize=13)
    return save(figure, path)


def _by_epoch(records: Records) -> bool:
    """Whether validations count epochs; records of training name the epoch then."""
    return any('epoch' in record or record.get('unit') == 'epoch' for record in records)


def _key(record: Mapping[str, float], name: str) -> str | None:
    """The record's key of a figure, with or without a metric's prefix."""
    return next((key for key in record if key.split('/')[-1] == name), None)


def _series(records: Records, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of one figure, both (N,)."""
    pairs = [(record['step'], record[_key(record, name)]) for record in records if _key(record, name)]
    return tuple(np.array(pairs, dtype=float).reshape(-1, 2).T)


def _draw_training(loss: Axes, rate: Axes, records: Records, name: str, colour: str) -> None:
    """Raw and smoothed loss, and the learning rate."""
    training = [record for record in records if is_training(record)]
    steps, values = _series(training, 'loss')
    if len(steps):
        loss.plot(steps, values, color=colour, alpha=0.25, linewidth=1)
        loss.plot(steps, smooth(values), color=colour, linewidth=1.8, label=legend_text(name))
    steps, values = _series(training, 'lr')
    if len(steps):
        rate.plot(steps, values, color=colour, linewidth=1.8, label=legend_text(name))


def _draw_validation(axes: Axes, records: Records, name: str, colour: str) -> None:
    """UAR and WAR, with a star at the best UAR."""
    validation = [record for record in records if not is_training(record)]
    for figure_name, style in (('uar', '-'), ('war', '--')):
        steps, values = _series(validation, figure_name)
        if len(steps):
            axes.plot(steps, 100 * values, style, color=colour, linewidth=1.8, marker='o', markersize=3)
    best = best_epoch(records)
    if best is not None:
        uar, war = 100 * best[_key(best, 'uar')], _key(best, 'war')
        unit = 'epoch' if _by_epoch(records) else 'iteration'
        label = f'{name + ": " if name else ""}best UAR {uar:.2f}%'
        label += f', WAR {100 * best[war]:.2f}%' if war else ''
        axes.plot(best['step'], uar, '*', color=colour, markersize=15, markeredgecolor='white',
                  label=legend_text(f'{label}, {unit} {best["step"]}'))
