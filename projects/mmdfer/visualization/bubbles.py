"""Tunable parameters against accuracy, a bubble a model."""
from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import SERIES, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {'paper': (SERIES[1], 'the paper\'s own'), 'other': ('#8a8a8a', 'others, as the paper prints them'),
         'ours': (SERIES[0], 'measured here')}
LARGEST = 2600.0                # square points of the largest bubble
NEAR = 8                        # places of a name that need no line to its bubble


@dataclass(frozen=True)
class Bubble:
    """A model: its name, tunable parameters, WAR in [0, 1], whose figure it is, of :data:`KINDS`, what it is in words,
    and remarks on its figures."""
    name: str
    tunable: float
    war: float
    kind: str = 'other'
    about: str | None = None
    remarks: tuple[str, ...] = ()


def plot_bubbles(bubbles: Sequence[Bubble], path: str | Path | None, title: str | None = None) -> Figure:
    """Draw WAR over tunable parameters on a logarithmic axis; a bubble's area goes with its parameters.

    Args:
        bubbles: one or more, see :class:`Bubble`.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure.

    Raises:
        ValueError: for no model, parameters that are not positive, a WAR outside [0, 1] and another kind.
    """
    if not bubbles:
        raise ValueError('bubbles is empty: there is no model with both a number of parameters and a WAR')
    for one in bubbles:
        if not one.tunable > 0 or not 0 <= one.war <= 1 or one.kind not in KINDS:
            raise ValueError(f'{one}: expected tunable parameters above 0, a WAR in [0, 1] and a kind of '
                             f'{", ".join(KINDS)}')
    figure = new_figure(8.4, 5.2)
    axes = figure.add_subplot()
    tunable, war = np.array([one.tunable for one in bubbles]), 100 * np.array([one.war for one in bubbles])
    areas = np.maximum(LARGEST * tunable / tunable.max(), 45)
    for kind, (colour, told) in KINDS.items():
        own = np.array([one.kind == kind for one in bubbles])
        if own.any():
            axes.scatter(tunable[own] / 1e6, war[own], areas[own], color=colour, alpha=0.45, edgecolor=colour,
                         linewidth=1.2)
            axes.scatter([], [], 60, color=colour, alpha=0.45, edgecolor=colour, label=told)
    margin = max(0.16 * (war.max() - war.min()), 0.6)
    axes.set(xscale='log', xlabel='tunable parameters, M', ylabel='WAR, %',
             ylim=(war.min() - margin, war.max() + margin), xlim=(tunable.min() / 1e6 / 1.8, tunable.max() / 1e6 * 2.2))
    axes.xaxis.set_major_formatter(lambda value, _: f'{value:g}')
    told = '; '.join(f'{one.name}: {one.about}' for one in bubbles if one.about)
    if told:
        axes.text(0, -0.13, textwrap.fill(told, 120), fontsize=8, va='top', color='#555555', transform=axes.transAxes)
    _write_names(axes, bubbles, tunable / 1e6, war, areas)
    axes.grid(color='#e4e4e4', linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc='lower left')
    if title:
        axes.set_title(title, fontsize=11, loc='left')
    return save(figure, path)


def bubble_table(bubbles: Sequence[Bubble]) -> str:
    """The figures behind :func:`plot_bubbles` as a Markdown table, the highest WAR first, with remarks below it."""
    lines = ['| model | tunable, M | WAR, % | figures |', '|---|---:|---:|---|']
    remarks: list[str] = []
    for one in sorted(bubbles, key=lambda one: -one.war):
        name = f'{one.name} ({one.about})' if one.about else one.name
        marks = []
        for remark in one.remarks:
            if remark not in remarks:
                remarks.append(remark)
            marks.append(f'[{remarks.index(remark) + 1}]')
        cells = (f'{name} {" ".join(marks)}'.strip(), f'{one.tunable / 1e6:.2f}', f'{100 * one.war:.2f}',
                 KINDS[one.kind][1])
        lines.append(' | '.join(['', *(re.sub(r'([|*])', r'\\\1', cell) for cell in cells), '']).strip())
    return '\n'.join([*lines, *(['', *(f'{place}. {remark}' for place, remark in enumerate(remarks, 1))] if remarks
                                else ())]) + '\n'


def _write_names(axes, bubbles: Sequence[Bubble], x: np.ndarray, y: np.ndarray, areas: np.ndarray) -> None:
    """Each name where it covers no bubble's middle and no name before it, of places around its bubble."""
    figure = axes.figure
    figure.draw_without_rendering()                 # the layout is needed to know where a name would lie
    dots = axes.transData.transform(np.column_stack([x, y]))
    scale = figure.dpi / 72
    taken: list[tuple[float, float, float, float]] = [
        (px - r, py - r, px + r, py + r) for (px, py), r in zip(dots, 0.42 * scale * np.sqrt(areas))]
    frame = axes.get_window_extent().extents
    for index in np.argsort(-y):
        one, (px, py) = bubbles[index], dots[index]
        width, height = 5.6 * scale * len(one.name), 10 * scale
        radius = 0.5 * scale * np.sqrt(areas[index]) + 3 * scale
        places = [(px + radius, py, 'left', 'center'), (px - radius, py, 'right', 'center'),
                  (px, py + radius, 'center', 'bottom'), (px, py - radius, 'center', 'top'),
                  (px + 0.7 * radius, py + 0.9 * radius, 'left', 'bottom'),
                  (px + 0.7 * radius, py - 0.9 * radius, 'left', 'top'),
                  (px - 0.7 * radius, py + 0.9 * radius, 'right', 'bottom'),
                  (px - 0.7 * radius, py - 0.9 * radius, 'right', 'top'),
                  (px + radius, py + 2 * height, 'left', 'bottom'), (px + radius, py - 2 * height, 'left', 'top'),
                  (px - radius, py + 2 * height, 'right', 'bottom'), (px - radius, py - 2 * height, 'right', 'top')]
        boxes = [_box(*place, width, height) for place in places]
        covered = [sum(_overlap(box, other) for place, other in enumerate(taken) if place != index)
                   + 3 * (width * height - _overlap(box, frame)) for box in boxes]
        best = int(np.argmin(covered))
        tx, ty, ha, va = places[best]
        taken.append(boxes[best])
        axes.annotate(one.name, (x[index], y[index]), ((tx - px) / scale, (ty - py) / scale),
                      textcoords='offset points', ha=ha, va=va, fontsize=9,
                      arrowprops=dict(arrowstyle='-', color='#999999', linewidth=0.7) if best >= NEAR else None,
                      fontweight='normal' if one.kind == 'other' else 'bold', color='#222222')


def _box(x: float, y: float, ha: str, va: str, width: float, height: float) -> tuple[float, float, float, float]:
    left = x - {'left': 0.0, 'center': 0.5, 'right': 1.0}[ha] * width
    low = y - {'bottom': 0.0, 'center': 0.5, 'top': 1.0}[va] * height
    return left, low, left + width, low + height


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)
