"""What captions say of clips, side by side below the clips' frames."""
from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import SERIES, new_figure, save
from .film_strip import film_strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, LINE, LETTERS = 11.0, 0.19, 14.5            # inches, inches a line, letters an inch


@dataclass(frozen=True)
class CaptionedClip:
    """A clip: a line above it, frames (T, H, W, 3), and a text by the name of its source; ``None`` for none."""
    caption: str
    frames: np.ndarray
    texts: Mapping[str, str | None]


def plot_captions(clips: Sequence[CaptionedClip], path: str | Path | None, title: str | None = None) -> Figure:
    """Draw each clip's frames and, below them, its captions beside each other (FineCLIPER, ACM MM 2024, figure 4).

    Args:
        clips: one or more, of the same sources.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure; a clip has an axes of frames and one a source.

    Raises:
        ValueError: for no clip, or clips of other sources than the first.
    """
    if not clips or not clips[0].texts:
        raise ValueError('clips is empty, or the first has no caption: there is nothing to set side by side')
    sources = list(clips[0].texts)
    for clip in clips:
        if list(clip.texts) != sources:
            raise ValueError(f'{clip.caption}: has captions of {list(clip.texts)}, the first clip of {sources}')
    letters = int(LETTERS * WIDTH / len(sources)) - 6
    told = [[textwrap.wrap(clip.texts[source] or '(no caption)', letters) for source in sources] for clip in clips]
    heights = [size for lines in told for size in (1.25, 0.42 + LINE * max(map(len, lines)))]
    figure = new_figure(WIDTH, sum(heights) + 0.3 + 0.3 * bool(title))
    figure.get_layout_engine().set(h_pad=0.05, hspace=0)
    grid = figure.add_gridspec(len(heights), len(sources), height_ratios=heights)
    for index, (clip, texts) in enumerate(zip(clips, told)):
        axes = figure.add_subplot(grid[2 * index, :])
        axes.imshow(film_strip(list(clip.frames), 8))
        axes.set_title(clip.caption, fontsize=10, fontweight='bold', loc='left', pad=3)
        axes.set_anchor('W')
        axes.axis('off')
        for column, (source, lines) in enumerate(zip(sources, texts)):
            _write(figure.add_subplot(grid[2 * index + 1, column]), source, clip.texts[source], lines, column)
    if title:
        figure.suptitle(title, fontsize=12)
    return save(figure, path)


def _write(axes: Axes, source: str, text: str | None, lines: Sequence[str], column: int) -> None:
    words = f'{len(text.split())} words' if text else 'none'
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.spines['left'].set(visible=True, color=SERIES[column % len(SERIES)], linewidth=3)
    axes.text(0.015, 1, f'{source} ({words})', fontsize=9, fontweight='bold', va='top', transform=axes.transAxes,
              color=SERIES[column % len(SERIES)])
    axes.annotate('\n'.join(lines), (0.015, 1), xytext=(0, -16), textcoords='offset points', xycoords='axes fraction',
                  fontsize=9, va='top', linespacing=1.35, color='#222222' if text else '#888888')
