"""Recall of each class as bars."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import distinct_colours, ink_on, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_class_bars(recalls: Mapping[str, np.ndarray], classes: Sequence[str], path: str | Path | None,
                    title: str | None = None) -> Figure:
    """Draw the recall of each class, a group of bars a class and a bar a series; folds as dots over their mean.

    Args:
        recalls: by name of the series, (K,) or (folds, K) in [0, 1]; the first in full colour, others paler.
        classes: K names.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure; its axes' containers are the series.

    Raises:
        ValueError: for no series, or one that does not fit the classes.
    """
    series = by_fold(recalls, classes)
    colours, width = distinct_colours(classes), 0.8 / len(series)
    figure = new_figure(max(7.5, 0.75 * len(classes) * (0.6 + 0.4 * len(series)) + 1.5), 3.6)
    axes = figure.add_subplot()
    for index, values in enumerate(series.values()):
        places = np.arange(len(classes)) + (index - (len(series) - 1) / 2) * width
        mean = 100 * values.mean(axis=0)
        axes.bar(places, mean, 0.94 * width, color=colours, alpha=1 if index == 0 else 0.45)
        for fold in values if len(values) > 1 else ():
            axes.plot(places, 100 * fold, 'o', markersize=3.2, markerfacecolor='white', markeredgecolor='#222222',
                      markeredgewidth=0.8)
        for place, value, colour in zip(places, mean, colours) if len(classes) <= 16 else ():
            # Dots may lie anywhere above a bar: beside them the mean stands at its foot.
            foot = len(values) > 1
            axes.text(place, 2 if foot else value + 2.5, f'{value:.1f}' if len(series) == 1 else f'{value:.0f}',
                      ha='center', fontsize=8, color=ink_on(colour) if foot and index == 0 and value > 8 else '#222222')
    many = len(classes) > 16
    room = figure.get_size_inches()[0] / (len(classes) + 1)                     # inches of a name that lies level
    slanted = not many and max(map(len, classes)) * 0.085 > room
    axes.set_xticks(range(len(classes)), classes, rotation=90 if many else 30 if slanted else 0,
                    fontsize=8 if many else 10, ha='right' if slanted else 'center',
                    rotation_mode='anchor' if slanted else 'default')
    axes.set(ylim=(0, 112), yticks=range(0, 101, 20), ylabel='recall, %')
    told = f'solid: {list(series)[0]}' + (f', pale: {", ".join(list(series)[1:])}' if len(series) > 1 else '')
    told += '; dots: folds' if any(len(values) > 1 for values in series.values()) else ''
    axes.set_title(f'{title}\n{told}' if title else told, fontsize=10, loc='left', color='#444444')
    axes.grid(axis='y', color='#e4e4e4', linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis='x', length=0)
    axes.spines[['top', 'right']].set_visible(False)
    return save(figure, path)


def by_fold(recalls: Mapping[str, np.ndarray], classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Each series as (folds, K).

    Raises:
        ValueError: for no series, or one that does not fit the classes.
    """
    if not recalls:
        raise ValueError('recalls is empty: give the recalls of at least one series by name')
    series = {name: np.atleast_2d(np.asarray(values, dtype=float)) for name, values in recalls.items()}
    for name, values in series.items():
        if values.ndim != 2 or values.shape[1] != len(classes):
            raise ValueError(f'recalls[{name!r}] has shape {values.shape}, for {len(classes)} classes')
    return series
