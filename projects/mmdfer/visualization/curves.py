"""Training curves: loss, learning rate, and the figures of each validation."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .figure import GRID, INK, SOFT, legend_below, new_figure, save, whole_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A run's records of training (``step``, ``iter``, ``loss``, ``lr`` ...) and of validation (``step``, ``uar``, ``war``).
Records = Sequence[Mapping]
Runs = Mapping[str, Records]

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


def plot_curves(runs: Records | Runs, path: str | Path | None, title: str | None = None) -> Figure:
    """Draw training loss, learning rate, and validation UAR and WAR with the best epoch marked.

    Args:
        runs: a run's records (:attr:`mmdfer.runs.folder.RunFolder.records`), or a dict of them by name.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above the panels.

    Returns:
        The figure, its three axes in that order. The legend below them names each kind of line, and each run with its
        best UAR.

    Raises:
        ValueError: for no run, or a run without records.
    """
    runs = _by_name(runs)
    figure = new_figure(15, 4.6)
    for axes, draw in zip(figure.subplots(1, 3, width_ratios=(1.2, 0.8, 1.4)), PANELS.values()):
        draw(axes, runs)
    legend_below(figure, [*_kinds(runs, 'loss'), *_kinds(runs, 'validation'), *_names(runs, best=True)])
    if _rates_alike(runs):
        figure.axes[1].set_title('learning rate of all')
    if title:
        figure.suptitle(title, fontsize=13)
    return save(figure, path)


def plot_panel(panel: str, runs: Records | Runs, path: str | Path | None) -> Figure:
    """Draw one panel of :func:`plot_curves` as a picture of its own, which is legible on a narrow screen.

    Args:
        panel: ``'loss'``, ``'rate'`` or ``'validation'``.
        runs: as there.
        path: as there.

    Returns:
        The figure, with one axes and a legend below.
    """
    runs = _by_name(runs)
    figure = new_figure(5.2, 3.7)
    PANELS[panel](figure.add_subplot(), runs)
    one_line = panel == 'rate' and _rates_alike(runs)
    names = [(dict(color=INK, linewidth=1.8), 'all alike')] if one_line else _names(runs, panel == 'validation')
    legend_below(figure, [*_kinds(runs, panel), *names])
    return save(figure, path)


def _by_name(runs: Records | Runs) -> Runs:
    if not isinstance(runs, Mapping):
        runs = {'': runs}
    if not runs:
        raise ValueError('runs is empty: give the records of a run, or a dict of them by name')
    for name, records in runs.items():
        if not records:
            raise ValueError(f'run {name!r} has no records: there is nothing to draw')
    return runs


def _draw_loss(axes: Axes, runs: Runs) -> None:
    """Raw and smoothed loss."""
    for records, colour in zip(runs.values(), _colours(runs)):
        steps, values = _series(filter(is_training, records), 'loss')
        if len(steps):
            axes.plot(steps, values, color=colour, alpha=0.25, linewidth=1)
            axes.plot(steps, smooth(values), _dot(steps), color=colour, linewidth=1.8)
    _finish(axes, 'training loss', 'iteration')


def _draw_rate(axes: Axes, runs: Runs) -> None:
    """The learning rate; one line for runs that all have the same."""
    series = [_series(filter(is_training, records), 'lr') for records in runs.values()]
    alike = _rates_alike(runs)
    for (steps, values), colour in zip(series, [INK] if alike else _colours(runs)):
        if len(steps):
            axes.plot(steps, values, _dot(steps), color=colour, linewidth=1.8)
    axes.ticklabel_format(axis='y', style='sci', scilimits=(-2, 3))
    _finish(axes, 'learning rate', 'iteration')


def _rates_alike(runs: Runs) -> bool:
    """Whether several runs have one schedule, so that their lines would lie over each other."""
    first, *others = [_series(filter(is_training, records), 'lr') for records in runs.values()]
    return bool(others) and all(np.array_equal(first, other) for other in others)


def _dot(steps: np.ndarray) -> str:
    """The look of a line, which a single point is none without a dot."""
    return 'o' if len(steps) == 1 else '-'


def _draw_validation(axes: Axes, runs: Runs) -> None:
    """UAR and WAR, with a star at the best UAR."""
    for records, colour in zip(runs.values(), _colours(runs)):
        for name, style in (('uar', '-'), ('war', '--')):
            steps, values = _series((record for record in records if not is_training(record)), name)
            if len(steps):
                axes.plot(steps, 100 * values, style, color=colour, linewidth=1.8, marker='o', markersize=3)
        best = best_epoch(records)
        if best is not None:
            axes.plot(best['step'], 100 * best[_key(best, 'uar')], '*', color=colour, markersize=15,
                      markeredgecolor='white', zorder=3)
    by_epoch = any(map(_counts_epochs, runs.values()))
    _finish(axes, 'validation, per cent', 'epoch' if by_epoch else 'iteration')


PANELS: Mapping[str, Callable[[Any, Runs], None]] = dict(loss=_draw_loss, rate=_draw_rate, validation=_draw_validation)


def _finish(axes: Axes, title: str, xlabel: str) -> None:
    axes.set(title=title, xlabel=xlabel)
    whole_ticks(axes.xaxis)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    if not axes.lines:
        axes.text(0.5, 0.5, 'not logged', transform=axes.transAxes, ha='center', color=SOFT)


def _kinds(runs: Runs, panel: str) -> list[tuple[dict, str]]:
    """Legend entries of a panel's kinds of line, in the run's colour where there is one run."""
    colour = _colours(runs)[0] if len(runs) == 1 else INK
    figures = {name for records in runs.values() for record in records for name in ('loss', 'uar', 'war')
               if _key(record, name)}
    if panel == 'loss' and 'loss' in figures:
        return [(dict(color=colour, alpha=0.4, linewidth=1), 'loss as logged'),
                (dict(color=colour, linewidth=1.8), 'loss, smoothed')]
    if panel == 'validation':
        return [(dict(color=colour, linewidth=1.8, linestyle=style, marker='o', markersize=3), name.upper())
                for name, style in (('uar', '-'), ('war', '--')) if name in figures]
    return []


def _names(runs: Runs, best: bool) -> list[tuple[dict, str]]:
    """Legend entries of the runs, and with ``best`` of the best UAR of each."""
    entries = []
    for (name, records), colour in zip(runs.items(), _colours(runs)):
        told, marker = _best_told(records) if best else '', '*' if best else ''
        if told:
            entries.append((dict(color=colour, linewidth=1.8 if name else 0, marker=marker, markersize=11,
                                 markeredgecolor='white'), f'{name}: {told}' if name else told))
        elif name:
            entries.append((dict(color=colour, linewidth=1.8), name))
    return entries


def _best_told(records: Records) -> str:
    best = best_epoch(records)
    if best is None:
        return ''
    war, unit = _key(best, 'war'), 'epoch' if _counts_epochs(records) else 'iteration'
    figures = f'best UAR {100 * best[_key(best, "uar")]:.2f}%' + (f', WAR {100 * best[war]:.2f}%' if war else '')
    return f'{figures}, {unit} {best["step"]}'


def _colours(runs: Runs) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(len(runs))]


def _counts_epochs(records: Records) -> bool:
    """Whether validations count epochs; records of training name the epoch then."""
    return any('epoch' in record or record.get('unit') == 'epoch' for record in records)


def _key(record: Mapping[str, float], name: str) -> str | None:
    """The record's key of a figure, with or without a metric's prefix."""
    return next((key for key in record if key.split('/')[-1] == name), None)


def _series(records, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of one figure, both (N,)."""
    pairs = [(record['step'], record[_key(record, name)]) for record in records if _key(record, name)]
    return tuple(np.array(pairs, dtype=float).reshape(-1, 2).T)
