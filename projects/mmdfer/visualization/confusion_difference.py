"""Two confusion matrices as their difference."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import INK, SOFT, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BETTER, WORSE = '#2166ac', '#c0531c'


def plot_confusion_difference(difference: np.ndarray | Sequence[Sequence[float]], classes: Sequence[str],
                              path: str | Path | None, title: str | None = None) -> Figure:
    """Draw by how many points the rows of two confusion matrices differ.

    Blue is to the first model's advantage: more on the diagonal, or less beside it; orange to the second's.

    Args:
        difference: (K, K), first minus second, of the shares of each true class that are predicted as each.
        classes: K names.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure; its axes' texts are the points, an empty cell where they are below 0.05.

    Raises:
        ValueError: where ``difference`` is no square of finite numbers, or does not fit the classes.
    """
    from matplotlib.colors import to_rgba
    points = 100 * np.asarray(difference, dtype=float)
    size = len(classes)
    if points.shape != (size, size) or not np.isfinite(points).all():
        raise ValueError(f'a difference of confusion matrices over {size} classes is {size} by {size} finite numbers, '
                         f'this one has shape {points.shape}')
    advantage = np.where(np.eye(size, dtype=bool), points, -points)
    strongest = max(np.abs(points).max(), 1e-9)
    cells = np.zeros((size, size, 4))
    for sign, colour in ((1, BETTER), (-1, WORSE)):
        cells[sign * advantage > 0] = to_rgba(colour)
    cells[..., 3] = np.abs(points) / strongest          # the page shines through, so that it fits a dark one too
    cell = 0.62 if size <= 16 else 0.5
    figure = new_figure(cell * size + 1.4, cell * size + 1.9)
    axes = figure.add_subplot()
    axes.imshow(cells, aspect='auto', interpolation='nearest')
    font = 8.5 if size <= 16 else 6.5
    for row, column in np.argwhere(np.abs(points) >= 0.05):
        strong = cells[row, column, 3] > 0.55
        axes.text(column, row, f'{points[row, column]:+.1f}', ha='center', va='center', fontsize=font,
                  color='white' if strong else INK, fontweight='bold' if row == column else 'normal')
    axes.set_xticks(range(size), classes, rotation=45 if size <= 16 else 90, fontsize=9,
                    ha='right' if size <= 16 else 'center', rotation_mode='anchor' if size <= 16 else 'default')
    axes.set_yticks(range(size), classes, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_color(SOFT)
    axes.set_xlabel('predicted class')
    axes.set_ylabel('true class')
    told = 'points of a hundred of each true class; blue: to the first one\'s advantage, orange: to the other\'s'
    axes.set_title(f'{title}\n' if title else '', fontsize=10, loc='left')
    figure.supxlabel(told if size > 9 else told.replace('; ', '\n', 1), fontsize=8.5, color=SOFT)
    return save(figure, path)
