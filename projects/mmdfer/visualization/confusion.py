"""Confusion matrix as a picture."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import per_class_recall, uar_war
from .figure import INK, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RECALL_COLOUR, CELL_COLOUR = '#4169b0', '#1f5fae'


def plot_confusion_matrix(matrix: np.ndarray | Sequence[Sequence[int]], classes: Sequence[str], path: str | Path | None,
                          title: str | None = None, recalls: bool = True) -> Figure:
    """Draw counts and row percentages of a confusion matrix, with each class's recall beside its row.

    Args:
        matrix: (K, K) counts, a row for each true class.
        classes: K names.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above the line of UAR, WAR and number of clips.
        recalls: draw the bars; without them the matrix has the whole picture, for a page that shows recalls elsewhere.

    Returns:
        The figure; ``axes[0].get_title()`` carries the title.

    Raises:
        ValueError: where ``matrix`` is not a square of counts or ``classes`` has another length.
    """
    matrix = np.asarray(matrix)
    uar, war = uar_war(matrix)
    size = len(matrix)
    if len(classes) != size:
        raise ValueError(f'the matrix has {size} classes, classes names {len(classes)}: {list(classes)}')
    if (matrix < 0).any():
        raise ValueError(f'a confusion matrix counts clips, this one holds {matrix.min()}')

    cell = 0.85 if size <= 8 else 0.72 if size <= 16 else 0.5                   # inches
    cell = cell if recalls or size > 16 else 0.78 * cell
    font = 9 if size <= 8 else 8 if size <= 16 else 7
    name_font, label_font = (font + 1, 10) if size <= 16 else (11, 18)
    if recalls:
        figure = new_figure(cell * size + 3.8, cell * size + 2)
        axes, bars = figure.subplots(1, 2, width_ratios=(cell * size, 1.6), sharey=True)
    else:
        figure = new_figure(cell * size + 1.5, cell * size + 1.6)
        axes = figure.add_subplot()

    row_sums = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.maximum(row_sums, 1)
    axes.imshow(_cells(share), aspect='auto', interpolation='nearest')
    for row, column in np.argwhere(matrix > 0):
        axes.text(column, row, f'{matrix[row, column]}\n{100 * share[row, column]:.0f}%', ha='center', va='center',
                  fontsize=font, color='white' if share[row, column] > 0.5 else INK,
                  fontweight='bold' if row == column else 'normal', linespacing=1.05)
    for row in np.flatnonzero(row_sums == 0):
        axes.axhspan(row - 0.5, row + 0.5, facecolor='#88888822', edgecolor='#88888888', hatch='///', linewidth=0)

    axes.set_xticks(range(size), classes, rotation=45 if size <= 16 else 90, fontsize=name_font,
                    ha='right' if size <= 16 else 'center', rotation_mode='anchor' if size <= 16 else 'default')
    axes.set_yticks(range(size), [f'{name} ({count})' for name, count in zip(classes, row_sums[:, 0])],
                    fontsize=name_font)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which='minor', color='#88888844', linewidth=0.6)
    axes.tick_params(which='both', length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel('predicted class', fontsize=label_font)
    axes.set_ylabel('true class (clips)', fontsize=label_font)
    figures = f'UAR {100 * uar:.2f}%   WAR {100 * war:.2f}%   {matrix.sum()} clips'
    axes.set_title(f'{title}\n{figures}' if title else figures, fontsize=label_font + 2, pad=12)

    if recalls:
        _draw_recalls(bars, matrix, name_font)
    return save(figure, path)


def _cells(share: np.ndarray) -> np.ndarray:
    """Colours (K, K, 4) of shares: one blue, through which the page shines, so that a picture fits a dark page too."""
    from matplotlib.colors import to_rgba
    cells = np.empty((*share.shape, 4))
    cells[:] = to_rgba(CELL_COLOUR)
    cells[..., 3] = share
    return (255 * cells).astype(np.uint8)               # as they end up in the picture: drawn in half the time


def _draw_recalls(bars: Axes, matrix: np.ndarray, font: float) -> None:
    """The recall of each row's class as a bar."""
    clips = matrix.sum(axis=1)
    recalls = 100 * per_class_recall(matrix)
    bars.barh(range(len(matrix)), recalls, height=0.62, color=RECALL_COLOUR)
    for row, recall in enumerate(recalls):
        bars.text(106, row, f'{recall:.1f}' if clips[row] else 'no clip', va='center', fontsize=font)
    bars.axvline(recalls.mean(), color='#c8372d', linewidth=1, linestyle='--')
    bars.set_xlim(0, 170)
    bars.set_xticks([0, 50, 100], ['0', '50', '100'], fontsize=font)
    bars.tick_params(axis='y', which='both', length=0, labelleft=False)
    bars.spines[['top', 'right', 'left']].set_visible(False)
    bars.spines['bottom'].set_bounds(0, 100)
    bars.set_xlabel('recall, %\n(dashed: UAR)', fontsize=font, loc='left')
