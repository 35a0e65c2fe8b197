"""How a clip's predicted expression changes over time."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .figure import distinct_colours, ink_on, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_timeline(result: Mapping[str, Any], path: str | Path) -> Figure:
    """Draw the class probabilities of a video's windows over time, stacked, with the leading class above.

    Args:
        result: what inference returns: ``video``, ``duration`` in seconds, ``classes`` (K names), ``windows``, a
            list of dicts with ``start`` and ``end`` in seconds and ``probabilities`` (K,), and ``clip`` with
            ``label`` and ``probabilities`` (K,) of the whole; optionally ``thumbnails``, a list of (seconds,
            (H, W, 3) uint8 RGB), drawn as a strip above.
        path: the picture's file.

    Returns:
        The figure; its title carries the clip's label and probability.

    Raises:
        ValueError: for no window, or probabilities that do not fit the classes.
    """
    classes, duration = list(result['classes']), float(result['duration'])
    if duration <= 0:
        raise ValueError(f'duration={duration}: a video lasts longer than 0 s')
    if not result['windows']:
        raise ValueError(f'{result["video"]}: windows is empty; there is nothing to draw over time')
    windows = sorted(result['windows'], key=lambda window: window['start'] + window['end'])
    for window in windows:
        if not 0 <= window['start'] < window['end']:
            raise ValueError(f'a window from {window["start"]} s to {window["end"]} s: it must end after it starts')
    spans = [f'the window from {window["start"]:.2f} s' for window in windows]
    probabilities = np.stack([_checked(window['probabilities'], classes, span)
                              for window, span in zip(windows, spans)])                             # (N, K)
    clip = _checked(result['clip']['probabilities'], classes, 'the clip')
    if result['clip']['label'] not in classes:
        raise ValueError(f'the clip is labelled {result["clip"]["label"]!r}, which is not among classes={classes}')
    centres = np.array([(window['start'] + window['end']) / 2 for window in windows])              # (N,)
    thumbnails = result.get('thumbnails') or []
    colours = distinct_colours(classes)

    figure = new_figure(12, 4.6 + 1.3 * bool(thumbnails))
    grid = figure.add_gridspec(3, 2, width_ratios=(5, 1.35), height_ratios=(1.15 if thumbnails else 0.01, 0.2, 3))
    stack = figure.add_subplot(grid[2, 0])
    band = figure.add_subplot(grid[1, 0], sharex=stack)
    _draw_stack(stack, centres, probabilities, colours, duration)
    _draw_band(band, centres, probabilities, classes, colours, duration)
    _draw_clip(figure.add_subplot(grid[1:, 1]), clip, classes, colours)
    if thumbnails:
        _draw_thumbnails(figure.add_subplot(grid[0, 0], sharex=stack), thumbnails, duration)
    label = result['clip']['label']
    figure.suptitle(f'{Path(result["video"]).name}: {label} {100 * clip[classes.index(label)]:.0f}%', fontsize=13)
    return save(figure, path)


def _checked(probabilities: Any, classes: list[str], whose: str) -> np.ndarray:
    """Probabilities as (K,) float, one a class, adding up to 1 within the error of half precision."""
    probabilities = np.asarray(probabilities, dtype=float)
    if probabilities.shape != (len(classes),):
        raise ValueError(f'{whose} has probabilities of shape {probabilities.shape}, for {len(classes)} classes')
    if (probabilities < 0).any() or not abs(probabilities.sum() - 1) < 0.02:
        raise ValueError(f'{whose} has probabilities that add up to {probabilities.sum():.3f}, not 1: are they logits? '
                         "Set average_clips='prob'")
    return probabilities


def _draw_stack(axes: Axes, centres: np.ndarray, probabilities: np.ndarray, colours: list, duration: float) -> None:
    """Stacked areas through the windows' centres, held level to both ends of the video."""
    times = np.concatenate([[0.0], centres, [duration]])
    held = np.concatenate([probabilities[:1], probabilities, probabilities[-1:]])
    axes.stackplot(times, held.T, colors=colours, linewidth=0)
    axes.plot(centres, np.zeros_like(centres), 'o', markersize=4.5, markerfacecolor='white', markeredgecolor='#222222',
              clip_on=False, zorder=5)
    axes.set(xlim=(0, duration), ylim=(0, 1), xlabel='time, s (dots: centres of the windows)', ylabel='probability')
    axes.spines[['top', 'right']].set_visible(False)


def _draw_band(axes: Axes, centres: np.ndarray, probabilities: np.ndarray, classes: list[str], colours: list,
               duration: float) -> None:
    """The leading class at each time, neighbours of the same class as one piece, named where the name fits."""
    leading = probabilities.argmax(axis=1)
    first = np.flatnonzero(np.concatenate([[True], leading[1:] != leading[:-1]]))      # where each piece begins
    borders = np.concatenate([[0.0], (centres[first[1:] - 1] + centres[first[1:]]) / 2, [duration]])
    for start, end, index in zip(borders[:-1], borders[1:], leading[first]):
        axes.axvspan(start, end, facecolor=colours[index], edgecolor='white', linewidth=1)
        if (end - start) / duration > 0.0105 * len(classes[index]):
            axes.text((start + end) / 2, 0.5, classes[index], ha='center', va='center', fontsize=9,
                      color=ink_on(colours[index]),
                      fontweight='bold')
    axes.set_ylim(0, 1)
    axes.axis('off')


def _draw_clip(axes: Axes, clip: np.ndarray, classes: list[str], colours: list) -> None:
    """Bars of the whole clip's probabilities, which are the legend of the colours too."""
    order = range(len(classes))
    axes.barh(order, clip, color=colours, height=0.7)
    for row, probability in enumerate(clip):
        axes.text(probability + 0.02, row, f'{100 * probability:.0f}%', va='center', fontsize=8)
    axes.set_yticks(order, classes, fontsize=9 if len(classes) <= 16 else 5)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.25), xticks=[])
    axes.set_xlabel('whole clip', loc='left')
    axes.tick_params(axis='y', length=0)
    axes.spines[['top', 'right', 'bottom']].set_visible(False)


def _draw_thumbnails(axes: Axes, thumbnails: list, duration: float) -> None:
    """A strip of frames side by side, each the one nearest in time to its place."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage
    height = 78.0                                                # points
    width = max(height * image.shape[1] / image.shape[0] for _, image in thumbnails)
    count = min(max(int(600 / (width + 3)), 1), len(thumbnails))        # the axes are about 600 points wide
    for position in (np.arange(count) + 0.5) * duration / count:
        _, image = min(thumbnails, key=lambda thumbnail: abs(thumbnail[0] - position))
        picture = OffsetImage(image, zoom=height / image.shape[0])
        axes.add_artist(AnnotationBbox(picture, (position, 0.5), frameon=False, pad=0))
    axes.set_ylim(0, 1)
    axes.axis('off')
