"""Clips as points of a plane, a panel a fold or model."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import distinct_colours, legend_text, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = 'osD^vPX*<>p'
COLUMNS = 3


@dataclass(frozen=True)
class EmbeddingPanel:
    """A panel: its title, points (N, 2), classes (N,), and the silhouette of the features that the points stand for."""
    title: str
    points: np.ndarray
    labels: np.ndarray
    silhouette: float | None = None


def plot_embedding(panels: Sequence[EmbeddingPanel], classes: Sequence[str], path: str | Path | None,
                   title: str | None = None) -> Figure:
    """Draw points in the colours and signs of their classes.

    Args:
        panels: one or more, see :class:`EmbeddingPanel`.
        classes: K names.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure, its axes in the order of the panels.

    Raises:
        ValueError: for no panel, and points that are no numbers or do not fit the labels.
    """
    if not panels:
        raise ValueError('panels is empty: there is nothing to draw')
    for panel in panels:
        if panel.points.shape != (len(panel.labels), 2) or not np.isfinite(panel.points).all():
            raise ValueError(f'{panel.title}: expected a point (x, y) for each of {len(panel.labels)} clips')
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(max(4.2 * columns, 6), 3.7 * rows + 0.9)
    colours, seen = distinct_colours(classes), {int(label) for panel in panels for label in panel.labels}
    for index, panel in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        size = float(np.clip(900 / max(len(panel.labels), 1), 5, 30))
        for k in range(len(classes)):
            own = panel.points[panel.labels == k]
            axes.scatter(own[:, 0], own[:, 1], size, color=colours[k], marker=MARKERS[k % len(MARKERS)], linewidths=0,
                         alpha=0.85)
        told = '' if panel.silhouette is None else f'silhouette {panel.silhouette:+.3f}, '
        axes.set_title(f'{panel.title}\n{told}{len(panel.labels)} clips', fontsize=10)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color('#cccccc')
    signs = [figure.axes[0].plot([], [], MARKERS[k % len(MARKERS)], color=colours[k], linestyle='')[0]
             for k in range(len(classes))]
    names = [name if k in seen else f'{name} (no clip)' for k, name in enumerate(classes)]
    figure.legend(signs, [legend_text(name) for name in names], loc='outside lower center',
                  ncols=min(len(classes), 4 if columns == 1 else 7), frameon=False, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=12)
    return save(figure, path)
