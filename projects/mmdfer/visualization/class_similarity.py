"""How near the clips of each class lie to the text of every class."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_class_similarity(cosines: np.ndarray, labels: np.ndarray, classes: Sequence[str], path: str | Path | None,
                          title: str | None = None, label: str = 'mean cosine') -> Figure:
    """Draw the mean similarity of each class's clips with each class's text; the greatest of a row is bold.

    Args:
        cosines: (N, K), of each clip with each class.
        labels: (N,) the clips' classes.
        classes: K names; those without clips are hatched.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.
        label: of the bar of colours.

    Returns:
        The figure; the first of its axes has the cells.

    Raises:
        ValueError: for no clip, and cosines that do not fit or are no numbers.
    """
    cosines, labels, size = np.asarray(cosines, dtype=float), np.asarray(labels), len(classes)
    if not len(labels):
        raise ValueError('labels is empty: there is no clip to show')
    if cosines.shape != (len(labels), size) or not np.isfinite(cosines).all():
        raise ValueError(f'cosines {cosines.shape}: expected numbers for {len(labels)} clips and {size} classes')
    means = np.full((size, size), np.nan)
    for k in np.unique(labels):
        means[k] = cosines[labels == k].mean(axis=0)
    cell = 0.8 if size <= 8 else 0.68 if size <= 16 else 0.42
    figure = new_figure(cell * size + 3.2, 0.72 * cell * size + 2)
    axes = figure.add_subplot()
    image = axes.imshow(means, cmap='cividis', aspect='auto')
    low, high = np.nanmin(means), np.nanmax(means)
    digits = 2 if high - low > 0.2 else 3
    for row, column in np.argwhere(np.isfinite(means)):
        bright = (means[row, column] - low) / max(high - low, 1e-9) > 0.55
        axes.text(column, row, _figure(means[row, column], digits), ha='center', va='center',
                  fontsize=9 if size <= 16 else 5,
                  color='#111111' if bright else 'white',
                  fontweight='bold' if column == int(means[row].argmax()) else 'normal')
    for row in np.flatnonzero(np.isnan(means).any(axis=1)):
        axes.axhspan(row - 0.5, row + 0.5, facecolor='#eeeeee', edgecolor='#bbbbbb', hatch='///', linewidth=0)
    counts = np.bincount(labels, minlength=size)
    axes.set_xticks(range(size), classes, rotation=45 if size <= 16 else 90, ha='right' if size <= 16 else 'center',
                    rotation_mode='anchor' if size <= 16 else 'default', fontsize=10 if size <= 16 else 6)
    axes.set_yticks(range(size), [f'{name} ({count})' for name, count in zip(classes, counts)],
                    fontsize=10 if size <= 16 else 6)
    axes.set_xlabel('text of the class')
    axes.set_ylabel('true class (clips)')
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(label, fontsize=9)
    bar.outline.set_visible(False)
    if title:
        axes.set_title(title, fontsize=11)
    return save(figure, path)


def _figure(value: float, digits: int) -> str:
    text = f'{value:.{digits}f}'
    return text if float(text) else text.removeprefix('-')                      # no -0.00
