"""How far D²Conv3D reaches, over time, from block to block and over the face."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import SERIES, new_figure, save
from .heat_rows import HeatScale, draw_bar, overlaid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXES = ('time', 'height', 'width')
STYLES = ('-', '--', ':')
DIVERGING = 'PuOr_r'


def plot_dilations(sizes: np.ndarray, blocks: Sequence[str], faces: np.ndarray, path: str | Path | None,
                   title: str | None = None) -> Figure:
    """Draw dilations averaged over clips: over time, from block to block, and over the mean face.

    Args:
        sizes: (clips, blocks, 3, T, H, W), along time, height and width.
        blocks: their names.
        faces: (clips, H', W', 3) uint8, a frame of each clip, or one mean picture.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.

    Returns:
        The figure; its axes are those over time, over blocks, the three faces, then the bar of colours.

    Raises:
        ValueError: for no clip, and sizes that do not fit the names.
    """
    sizes = np.asarray(sizes, dtype=float)
    if sizes.ndim != 6 or not sizes.size or sizes.shape[1:3] != (len(blocks), 3):
        raise ValueError(f'sizes {sizes.shape}: expected (clips, {len(blocks)}, 3, T, H, W) of one clip or more')
    figure = new_figure(12, 5.6 + 0.35 * bool(title))
    top, bottom = figure.add_gridspec(2, 1, height_ratios=(1.1, 1))
    over_time, over_blocks = (figure.add_subplot(place) for place in top.subgridspec(1, 2, width_ratios=(1, 1.2)))
    _draw_lines(over_time, sizes.mean(axis=(1, 4, 5)), np.arange(1, sizes.shape[3] + 1))
    over_time.set(title='over time', xlabel='frame', ylabel='dilation, cells')
    _draw_lines(over_blocks, sizes.mean(axis=(3, 4, 5)).transpose(0, 2, 1), np.arange(1, len(blocks) + 1))
    over_blocks.set(title='from block to block', xlabel=f'block ({blocks[0]} to {blocks[-1]})')
    figure.legend(*over_time.get_legend_handles_labels(), loc='outside lower center', ncols=3, frameon=False,
                  fontsize=9)
    face = _enlarged(np.asarray(faces).mean(axis=0))[None]
    maps = sizes.mean(axis=(0, 1, 3))                                           # (3, H, W)
    scale = dilation_scale(maps)
    places = bottom.subgridspec(1, 4, width_ratios=(1, 1, 1, 0.05))
    for index, axis in enumerate(AXES):
        axes = figure.add_subplot(places[index])
        axes.imshow(overlaid(face, maps[index][None], scale)[0])
        axes.set_title(f'along {axis}: {maps[index].min():.2f} to {maps[index].max():.2f}', fontsize=10)
        axes.axis('off')
    draw_bar(figure.add_subplot(places[3]), scale)
    count = f'{len(sizes)} clip{"s" if len(sizes) > 1 else ""}, {len(blocks)} blocks'
    figure.suptitle(f'{title}\n{count}' if title else count, fontsize=11)
    return save(figure, path)


def dilation_scale(values: np.ndarray) -> HeatScale:
    """Colours around the plain convolution's 1: as far to either side as the values go, at least by 0.05."""
    far = max(float(np.quantile(np.abs(np.asarray(values) - 1), 0.995)), 0.05)
    return HeatScale(1 - far, 1 + far, 'dilation, cells (1: plain convolution)', DIVERGING, fading=False, floor=0)


def _enlarged(face: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) of at least 224 pixels of height."""
    import cv2
    times = max(224 / face.shape[0], 1)
    size = round(times * face.shape[1]), round(times * face.shape[0])
    return cv2.resize(face.astype(np.float32), size, interpolation=cv2.INTER_CUBIC).clip(0, 255)


def _draw_lines(axes: Axes, values: np.ndarray, places: np.ndarray) -> None:
    """Means over clips of (clips, 3, N) with a band from the 10th to the 90th per cent of the clips."""
    from matplotlib.ticker import MaxNLocator
    for index, axis in enumerate(AXES):
        low, high = np.quantile(values[:, index], (0.1, 0.9), axis=0)
        axes.fill_between(places, low, high, color=SERIES[index], alpha=0.18, linewidth=0)
        axes.plot(places, values[:, index].mean(axis=0), STYLES[index], color=SERIES[index], linewidth=1.8, marker='o',
                  markersize=3.5, label=f'along {axis}')
    axes.axhline(1, color='#999999', linewidth=0.9, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis='y', color='#e4e4e4', linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)

