"""How often a model is right where it is so sure: the reliability diagram."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .figure import GRID, INK, SOFT, legend_below, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOUR, TEMPERED = '#4169b0', '#c8372d'


def plot_reliability(bins: Sequence[Mapping[str, Any]], path: str | Path | None,
                     tempered: Sequence[Mapping[str, Any]] | None = None, title: str | None = None) -> Figure:
    """Draw the share of clips that are right against how sure the model is of them, and how many clips that are.

    Args:
        bins: of :func:`mmdfer.evaluation.calibration.calibration`.
        path: the picture's file; ``None`` to draw without writing.
        tempered: the same under a temperature, as a line.
        title: a line above.

    Returns:
        The figure, with the axes of the diagram and of the clips.
    """
    figure = new_figure(5.2, 4.2)
    axes, counts = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    filled = [one for one in bins if one['clips']]
    edges, width = [100 * one['low'] for one in filled], 100 / len(bins)
    axes.bar(edges, [100 * one['right'] for one in filled], width, align='edge', color=COLOUR, alpha=0.75,
             edgecolor=COLOUR)
    axes.plot([100 * one['confidence'] for one in filled], [100 * one['right'] for one in filled], 'o', color=INK,
              markersize=3)
    axes.plot([0, 100], [0, 100], '--', color=SOFT, linewidth=1)
    entries: list[tuple[dict, str]] = [
        (dict(color=COLOUR, linewidth=7, alpha=0.75), 'right, of the clips of a bin'),
        (dict(color=INK, linewidth=0, marker='o', markersize=3), 'at the bin\'s mean confidence'),
        (dict(color=SOFT, linewidth=1, linestyle='--'), 'calibrated')]
    if tempered is not None:
        some = [one for one in tempered if one['clips']]
        axes.plot([100 * one['confidence'] for one in some], [100 * one['right'] for one in some], '-', color=TEMPERED,
                  marker='s', markersize=3, linewidth=1.4)
        entries.append((dict(color=TEMPERED, linewidth=1.4, marker='s', markersize=3), 'under the temperature'))
    counts.bar(edges, [one['clips'] for one in filled], width, align='edge', color='#8c8c8c', edgecolor='#8c8c8c')
    axes.set(ylabel='right, %', xlim=(0, 100), ylim=(0, 102), title=title or '')
    counts.set(xlabel='probability of the predicted class, %', ylabel='clips')
    for one in (axes, counts):
        one.grid(color=GRID, linewidth=0.8)
        one.set_axisbelow(True)
        one.spines[['top', 'right']].set_visible(False)
    legend_below(figure, entries)
    return save(figure, path)
