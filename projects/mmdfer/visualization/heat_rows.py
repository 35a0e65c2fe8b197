"""Heat maps over the frames of clips: the frames of a clip, and below them a row of maps for each model or axis."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .figure import new_figure, save
from .film_strip import film_strip

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE, STRIP = 0.3, 0.95         # inches of a caption's line and of a strip's height
LETTER = 0.075                  # inches of a letter of the rows' names, which stand beside them


@dataclass(frozen=True)
class HeatClip:
    """A clip to draw: a line above it, frames (T, H, W, 3) uint8, and maps (T, h, w) by the name of their row."""
    caption: str
    frames: np.ndarray
    rows: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class HeatScale:
    """What the colours mean: their span, the map of colours, the bar's label, and how much the frame shines through.

    ``fading`` lets the frame stand bare where the map is low. ``floor`` is what values cannot lie below, where the bar
    begins.
    """
    low: float
    high: float
    label: str
    colours: str = 'inferno'
    fading: bool = True
    floor: float | None = None


def plot_heat_rows(clips: Sequence[HeatClip], scale: HeatScale, path: str | Path | None, title: str | None = None,
                   count: int = 8) -> Figure:
    """Draw maps over the frames of clips, all on one scale.

    Args:
        clips: one or more, see :class:`HeatClip`.
        scale: see :class:`HeatScale`.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.
        count: most frames of a row, spread over the clip.

    Returns:
        The figure; its axes are the strips in their order, then the bar of colours.

    Raises:
        ValueError: for no clip, and maps of other frames or that are no numbers.
    """
    if not clips:
        raise ValueError('clips is empty: there is nothing to draw maps over')
    if not scale.high > scale.low:
        raise ValueError(f'a scale from {scale.low} to {scale.high}: its end must lie above its start')
    for clip in clips:
        _check(clip)
    strips = [[film_strip(list(clip.frames), count)] + [
        film_strip(overlaid(clip.frames, maps, scale), count) for maps in clip.rows.values()] for clip in clips]
    widest = max(strip.shape[1] / strip.shape[0] for rows in strips for strip in rows)
    heights = [height for rows in strips for height in [LINE, *[STRIP] * len(rows)]]
    letters = max(len(line) for clip in clips for name in clip.rows for line in name.split('\n'))
    figure = new_figure(LETTER * letters + STRIP * widest + 1.2, sum(heights) + 0.25 + 0.35 * bool(title))
    figure.get_layout_engine().set(w_pad=0.04, h_pad=0.012, wspace=0, hspace=0)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=(STRIP * widest, 0.16))
    place = iter(range(len(heights)))
    for clip, rows in zip(clips, strips):
        _write_caption(figure.add_subplot(grid[next(place), 0]), clip.caption)
        for name, strip in zip(['', *clip.rows], rows):
            axes = figure.add_subplot(grid[next(place), 0])
            axes.imshow(strip)
            axes.set_anchor('W')
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            axes.set_ylabel(name, rotation=0, ha='right', va='center', fontsize=9)
    draw_bar(figure.add_subplot(grid[:min(len(heights), 1 + len(strips[0])), 1]), scale)
    if title:
        figure.suptitle(title, fontsize=12)
    return save(figure, path)


def _check(clip: HeatClip) -> None:
    if not clip.rows:
        raise ValueError(f'{clip.caption}: has no map')
    for name, maps in clip.rows.items():
        if maps.ndim != 3 or len(maps) != len(clip.frames):
            raise ValueError(f'{clip.caption}, {name}: maps {maps.shape} for {len(clip.frames)} frames')
        if not np.isfinite(maps).all():
            raise ValueError(f'{clip.caption}, {name}: the map is no number (NaN or infinite) in places')


def overlaid(frames: np.ndarray, maps: np.ndarray, scale: HeatScale) -> list[np.ndarray]:
    """Frames (T, H, W, 3) in grey under the colours of maps (T, h, w), which are enlarged smoothly."""
    import cv2
    from matplotlib import colormaps
    colours, drawn = colormaps[scale.colours], []
    for frame, values in zip(frames, np.asarray(maps, dtype=np.float32)):
        large = cv2.resize(values, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        place = np.clip((large - scale.low) / (scale.high - scale.low), 0, 1)
        grey = np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2)
        alpha = (0.25 + 0.5 * place if scale.fading else np.full_like(place, 0.55))[..., None]
        drawn.append(np.uint8((1 - alpha) * grey + alpha * 255 * colours(place)[..., :3]))
    return drawn


def _write_caption(axes: Any, caption: str) -> None:
    axes.axis('off')
    axes.text(0, 0.1, caption, fontsize=10, fontweight='bold', va='bottom', transform=axes.transAxes)


def draw_bar(axes: Any, scale: HeatScale) -> None:
    """Fill axes with the bar of a scale."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    norm = Normalize(scale.low, scale.high)
    bar = axes.figure.colorbar(ScalarMappable(norm, scale.colours), cax=axes)
    bar.set_label(scale.label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    if scale.floor is not None:
        bar.ax.set_ylim(max(scale.low, scale.floor), scale.high)


def top_of(maps: Sequence[np.ndarray], quantile: float = 0.995) -> float:
    """Where a scale of maps ends: at a quantile of their values, so that one bright place does not darken the rest."""
    return float(np.quantile(np.concatenate([np.ravel(one) for one in maps]), quantile))
