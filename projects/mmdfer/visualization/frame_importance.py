"""Which frames of a clip a model's prediction rests on, over time."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import SERIES, legend_text, new_figure, save
from .film_strip import film_strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = 'osD^vP*'


@dataclass(frozen=True)
class ImportanceClip:
    """A clip to draw: a line above it, frames (T, H, W, 3), and by model (T,) shares of attention rollout, which sum to
    1, and (T,) what the class's probability loses when a frame is hidden; either may be empty."""
    caption: str
    frames: np.ndarray
    shares: Mapping[str, np.ndarray]
    losses: Mapping[str, np.ndarray]


def plot_frame_importance(clips: Sequence[ImportanceClip], path: str | Path | None,
                          title: str | None = None) -> Figure:
    """Draw each clip's frames, and below them their importance over time, a line a model.

    Args:
        clips: one or more, see :class:`ImportanceClip`.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure; three axes a clip (frames, shares, losses), two where one of the measures is not there.

    Raises:
        ValueError: for no clip, nothing measured, and values that do not fit the frames.
    """
    if not clips:
        raise ValueError('clips is empty: there is nothing to draw over time')
    kinds = [kind for kind in ('shares', 'losses') if any(getattr(clip, kind) for clip in clips)]
    if not kinds:
        raise ValueError('neither shares nor losses of any frame are given')
    for clip in clips:
        for name, values in [*clip.shares.items(), *clip.losses.items()]:
            if np.shape(values) != (len(clip.frames),) or not np.isfinite(values).all():
                raise ValueError(f'{clip.caption}, {name}: expected a number for each of {len(clip.frames)} frames')
    columns = min(2, len(clips))
    rows = -(-len(clips) // columns)
    figure = new_figure(6.4 * columns, rows * (0.95 + 1.3 * len(kinds)) + 0.5)
    outer = figure.add_gridspec(rows, columns, hspace=0.05, wspace=0.04)
    names = list(dict.fromkeys(name for clip in clips for kind in kinds for name in getattr(clip, kind)))
    for index, clip in enumerate(clips):
        inner = outer[divmod(index, columns)].subgridspec(1 + len(kinds), 1, height_ratios=(0.7, *[1.2] * len(kinds)))
        _draw_strip(figure.add_subplot(inner[0]), clip)
        for row, kind in enumerate(kinds, 1):
            axes = figure.add_subplot(inner[row])
            _draw_lines(axes, getattr(clip, kind), kind, names)
            axes.set_xlim(0.5, len(clip.frames) + 0.5)
            axes.tick_params(labelbottom=row == len(kinds))
            if row == len(kinds):
                axes.set_xlabel('frame', fontsize=9)
    if len(names) > 1:
        lines = [figure.axes[-1].plot([], [], color=_colour(names, name), marker=_marker(names, name))[0]
                 for name in names]
        figure.legend(lines, [legend_text(name) for name in names], loc='outside lower center',
                      ncols=min(len(names), 5), frameon=False, fontsize=9)
    if title:
        figure.suptitle(title, fontsize=12)
    return save(figure, path)


def _draw_strip(axes: Axes, clip: ImportanceClip) -> None:
    axes.imshow(film_strip(list(clip.frames), len(clip.frames) if len(clip.frames) <= 16 else 16))
    axes.set_title(clip.caption, fontsize=9, loc='left', pad=3)
    axes.axis('off')


def _draw_lines(axes: Axes, values: Mapping[str, np.ndarray], kind: str, names: Sequence[str]) -> None:
    from matplotlib.ticker import MaxNLocator
    for name, line in values.items():
        axes.plot(np.arange(1, len(line) + 1), 100 * np.asarray(line), color=_colour(names, name),
                  marker=_marker(names, name), markersize=4, linewidth=1.5)
    if kind == 'shares':
        frames = len(next(iter(values.values()))) if values else 1
        axes.axhline(100 / frames, color='#999999', linewidth=0.9, linestyle='--', zorder=0)
        axes.set_ylim(bottom=0)
        axes.set_ylabel('rollout, %\n(dashed: equal)', fontsize=9)
    else:
        axes.axhline(0, color='#999999', linewidth=0.9, zorder=0)
        axes.set_ylabel('probability lost\nif hidden, points', fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=2))
    axes.grid(axis='y', color='#e4e4e4', linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.spines[['top', 'right']].set_visible(False)


def _colour(names: Sequence[str], name: str) -> str:
    return SERIES[names.index(name) % len(SERIES)]


def _marker(names: Sequence[str], name: str) -> str:
    return MARKERS[names.index(name) % len(MARKERS)]
