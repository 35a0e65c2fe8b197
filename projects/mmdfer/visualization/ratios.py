"""What costs how much of its yardstick: one dot a row, with the spread of its rounds and its bound."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .figure import GRID, INK, SERIES, SOFT, legend_below, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WITHIN, OVER, UNBOUND = SERIES[2], SERIES[1], SERIES[0]


def plot_ratios(rows: Sequence[Any], path: str | Path | None, title: str | None = None) -> Figure:
    """Draw rows of a benchmark.

    Args:
        rows: with ``group``, ``name``, ``yardstick``, ``ratio``, ``low``, ``high`` and ``bound``.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure.
    """
    figure = new_figure(9, 1.4 + 0.3 * max(len(rows), 1))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        colour = UNBOUND if row.bound is None else WITHIN if row.ratio <= row.bound else OVER
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=4, alpha=0.35, solid_capstyle='butt')
        axes.plot(row.ratio, place, 'o', color=colour, markersize=5)
        if row.bound is not None:
            axes.plot(row.bound, place, '|', color=INK, markersize=11, markeredgewidth=1.4)
    axes.axvline(1, color=SOFT, linewidth=1)
    axes.set(xscale='log', xlabel='time to the yardstick\'s', title=title or '', ylim=(len(rows) - 0.4, -0.6))
    axes.set_yticks(range(len(rows)), [f'{row.group}: {row.name} / {row.yardstick}' for row in rows], fontsize=8)
    axes.xaxis.set_major_formatter('{x:g}')
    axes.grid(axis='x', color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right', 'left']].set_visible(False)
    axes.tick_params(left=False)
    entries: list[tuple[dict, str]] = [
        (dict(color=UNBOUND, marker='o', linewidth=4, alpha=0.6), 'median and quartiles of the rounds'),
        (dict(color=WITHIN, marker='o', linewidth=4, alpha=0.6), 'within its bound'),
        (dict(color=OVER, marker='o', linewidth=4, alpha=0.6), 'over it'),
        (dict(color=INK, linewidth=0, marker='|', markersize=11, markeredgewidth=1.4), 'bound')]
    legend_below(figure, entries)
    return save(figure, path)
