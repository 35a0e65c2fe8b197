"""Confusion matrix as a picture."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import per_class_recall, uar_war
from .figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECALL_COLOUR = '#4169b0'


def plot_confusion_matrix(matrix: np.ndarray | Sequence[Sequence[int]], classes: Sequence[str], path: str | Path | None,
                          title: str | None = None) -> Figure:
    """Draw counts and row percentages of a confusion matrix, with each class's recall beside its row.

    Args:
        matrix: (K, K) counts, a row for each true class.
        classes: K names.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above the line of UAR, WAR and number of clips.

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
    font = 9 if size <= 8 else 8 if size <= 16 else 7
    name_font, label_font = (font + 1, 10) if size <= 16 else (11, 18)
    figure = new_figure(cell * size + 3.8, cell * size + 2)
    axes, bars = figure.subplots(1, 2, width_ratios=(cell * size, 1.6), sharey=True)

    row_sums = matrix.sum(axis=1, keepdims=True)
    share = matrix / np.maximum(row_sums, 1)
    axes.imshow(share, cmap='Blues', vmin=0, vmax=1, aspect='auto')
    for row, column in np.argwhere(matrix > 0):
        axes.text(column, row, f'{matrix[row, column]}\n{100 * share[row, column]:.0f}%', ha='center', va='center',
                  fontsize=font, color='white' if share[row, column] > 0.5 else '#222222',
                  fontweight='bold' if row == column else 'normal', linespacing=1.05)
    for row in np.flatnonzero(row_sums == 0):
        axes.axhspan(row - 0.5, row + 0.5, facecolor='#eeeeee', edgecolor='#bbbbbb', hatch='///', linewidth=0)

    axes.set_xticks(range(size), classes, rotation=45 if size <= 16 else 90, fontsize=name_font,
                    ha='right' if size <= 16 else 'center', rotation_mode='anchor' if size <= 16 else 'default')
    axes.set_yticks(range(size), [f'{name} ({count})' for name, count in zip(classes, row_sums[:, 0])],
                    fontsize=name_font)
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which='minor', color='white', linewidth=1.2)
    axes.tick_params(which='both', length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel('predicted class', fontsize=label_font)
    axes.set_ylabel('true class (clips)', fontsize=label_font)
    figures = f'UAR {100 * uar:.2f}%   WAR {100 * war:.2f}%   {matrix.sum()} clips'
    axes.set_title(f'{title}\n{figures}' if title else figures, fontsize=label_font + 2, pad=12)

    recalls = 100 * per_class_recall(matrix)
    bars.barh(range(size), recalls, height=0.62, color=RECALL_COLOUR)
    for row, recall in enumerate(recalls):
        bars.text(106, row, f'{recall:.1f}' if row_sums[row] else 'no clip', va='center', fontsize=name_font)
    bars.axvline(100 * uar, color='#c8372d', linewidth=1, linestyle='--')
    bars.set_xlim(0, 170)
    bars.set_xticks([0, 50, 100], ['0', '50', '100'], fontsize=name_font)
    bars.tick_params(axis='y', which='both', length=0, labelleft=False)
    bars.spines[['top', 'right', 'left']].set_visible(False)
    bars.spines['bottom'].set_bounds(0, 100)
    bars.set_xlabel('recall, %\n(dashed: UAR)', fontsize=name_font, loc='left')
    return save(figure, path)
