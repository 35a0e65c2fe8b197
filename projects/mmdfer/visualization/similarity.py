"""How near the clips of each class lie to the positive and the negative text of their class."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import distinct_colours, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_similarity(positive: np.ndarray, negative: np.ndarray, labels: np.ndarray, classes: Sequence[str],
                    path: str | Path | None, title: str | None = None) -> Figure:
    """Draw, for each class, the mean cosine of its clips with their class's positive and negative text.

    Whiskers are the standard deviation over the clips; the number above a pair is the mean of what decides,
    positive minus negative (FineCLIPER, ACM MM 2024, figure 5).

    Args:
        positive: cosines (N, K) with the positive text of every class.
        negative: the same with the negative texts.
        labels: (N,) the clips' classes.
        classes: K names; those without clips stay empty.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure; its axes' first two containers of bars are the positive and the negative means.

    Raises:
        ValueError: for no clip, or arrays that do not fit each other.
    """
    positive, negative, labels = (np.asarray(array) for array in (positive, negative, labels))
    if not len(labels):
        raise ValueError('labels is empty: there is no clip to show')
    if not positive.shape == negative.shape == (len(labels), len(classes)):
        raise ValueError(f'positive has shape {positive.shape} and negative {negative.shape}; {len(labels)} clips of '
                         f'{len(classes)} classes need {(len(labels), len(classes))}')
    own = np.arange(len(labels)), labels
    sides = [[side[own][labels == k] for k in range(len(classes))] for side in (positive, negative)]
    figure = new_figure(max(7.5, 1.05 * len(classes) + 1.5), 4)
    axes = figure.add_subplot()
    colours, places, width = distinct_colours(classes), np.arange(len(classes)), 0.38
    for offset, values, alpha, name in ((-width / 2, sides[0], 1, 'positive'), (width / 2, sides[1], 0.4, 'negative')):
        means, spreads = _means(values), [one.std() if len(one) else 0 for one in values]
        axes.bar(places + offset, means, 0.94 * width, color=colours, alpha=alpha, label=name)
        axes.errorbar(places + offset, means, spreads, fmt='none', ecolor='#333333', elinewidth=0.9, capsize=2.5)
    top = _tops(sides)
    span = max(top.max(), 0) - min(min(_means(values).min() for values in sides), 0)
    for place, one, other in zip(places, *sides):
        if len(one):
            axes.text(place, top[place] + 0.03 * span, f'{(one - other).mean():+.2f}', ha='center', fontsize=9,
                      color='#222222')
    axes.axhline(0, color='#222222', linewidth=0.8)
    axes.set_ylim(top=max(top.max(), 0) + 0.14 * span)
    many = len(classes) > 16
    axes.set_xticks(places, [f'{name}\n{len(one)} clips' for name, one in zip(classes, sides[0])],
                    rotation=90 if many else 0, fontsize=8 if many else 10)
    axes.set_ylabel('cosine with the own class\'s text')
    told = 'solid: positive text, pale: negative text; whiskers: deviation over clips; figures: positive - negative'
    axes.set_title(f'{title}\n{told}' if title else told, fontsize=10, loc='left', color='#444444')
    axes.grid(axis='y', color='#e4e4e4', linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis='x', length=0)
    axes.spines[['top', 'right', 'bottom']].set_visible(False)
    return save(figure, path)


def _means(values: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([one.mean() if len(one) else 0. for one in values])


def _tops(sides: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """The highest point of each pair of bars, with whiskers, at least 0."""
    reach = [[one.mean() + one.std() if len(one) else 0. for one in values] for values in sides]
    return np.maximum(np.max(reach, axis=0), 0)
