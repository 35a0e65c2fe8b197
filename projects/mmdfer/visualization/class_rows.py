"""Recall of each class as rows, with intervals: narrow enough for a phone."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .class_bars import by_fold
from .figure import GRID, INK, distinct_colours, legend_below, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_class_rows(recalls: Mapping[str, np.ndarray], classes: Sequence[str], path: str | Path | None,
                    intervals: Sequence[Mapping[str, float] | None] | None = None, told: str = '') -> Figure:
    """Draw the recall of each class, a row a class: the first series as bars with intervals, others as marks.

    Args:
        recalls: by name of the series, (K,) or (folds, K) in [0, 1]; folds of the first are dots.
        classes: K names.
        path: the picture's file; ``None`` to draw without writing.
        intervals: of the first series, ``low`` and ``high`` a class; ``None`` for a class without clips.
        told: what the intervals are, for the legend.

    Returns:
        The figure; its axes' first container are the bars.

    Raises:
        ValueError: for no series, or one that does not fit the classes.
    """
    series = by_fold(recalls, classes)
    (first, values), *others = series.items()
    colours, rows = distinct_colours(classes), np.arange(len(classes))
    figure = new_figure(5.6, 0.42 * len(classes) + 0.8)
    axes = figure.add_subplot()
    means = 100 * values.mean(axis=0)
    axes.barh(rows, means, 0.66, color=colours, alpha=0.85)
    entries: list[tuple[dict, str]] = [(dict(color='#8c8c8c', linewidth=7), f'recall, {first}')]
    reach = means.copy()
    if intervals is not None:
        known = [(row, 100 * one['low'], 100 * one['high']) for row, one in enumerate(intervals) if one is not None]
        for row, low, high in known:
            axes.plot([low, high], [row, row], color=INK, linewidth=1.4, marker='|', markersize=7)
            reach[row] = max(reach[row], high)
        entries.append((dict(color=INK, linewidth=1.4, marker='|', markersize=7), told or 'interval'))
    if len(values) > 1:
        for fold in values:
            axes.plot(100 * fold, rows + 0.22, 'o', markersize=3, markerfacecolor='none', markeredgecolor=INK,
                      markeredgewidth=0.7)
        reach = np.maximum(reach, 100 * values.max(axis=0))
        entries.append((dict(color=INK, linewidth=0, marker='o', markersize=3, markerfacecolor='none'), 'folds'))
    for marker, (name, other) in zip('Ds^v', others):
        axes.plot(100 * other.mean(axis=0), rows, marker, markersize=5, markerfacecolor='none', markeredgecolor=INK)
        entries.append((dict(color=INK, linewidth=0, marker=marker, markersize=5, markerfacecolor='none'), name))
        reach = np.maximum(reach, 100 * other.mean(axis=0))
    for row, mean in enumerate(means):
        axes.text(reach[row] + 2, row, f'{mean:.1f}', va='center', fontsize=9)
    axes.set_yticks(rows, classes, fontsize=10 if len(classes) <= 16 else 8)
    axes.set(xlim=(0, 114), xticks=range(0, 101, 20), xlabel='recall, %', ylim=(len(classes) - 0.4, -0.6))
    axes.grid(axis='x', color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis='y', length=0)
    axes.spines[['top', 'right', 'left']].set_visible(False)
    legend_below(figure, entries)
    return save(figure, path)
