"""People's expressions over a video as a picture for a paper: one lane a person, a short clip as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .figure import distinct_colours, legend_text, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LANES = 12


def plot_lanes(
    result: Mapping[str, Any], path: str | Path | None, thumbnails: Sequence[tuple[float, np.ndarray]] = ()
) -> Figure:
    """Draw the windows' probabilities of each person over time.

    Args:
        result: of inference, see :mod:`mmdfer.video.results`.
        path: the picture (.png, .pdf, .svg); nothing is written without one.
        thumbnails: (seconds, (H, W, 3) RGB) for a film strip above.

    Returns:
        The figure. Nobody to draw makes a picture that says so.
    """
    classes, tracks = list(result['classes']), [track for track in result['tracks'] if track['windows']][:MOST_LANES]
    colours = distinct_colours(classes)
    if not tracks:
        figure = new_figure(8, 1.6)
        figure.text(0.5, 0.5, 'nobody is seen long enough to be judged', ha='center', va='center')
        figure.suptitle(result['name'], fontsize=12)
        return save(figure, path)
    alone = all(len(track['windows']) == 1 for track in tracks)
    strip = bool(thumbnails) and not alone
    height = 0.5 + (0.5 + 0.23 * len(classes)) * len(tracks) if alone else 1.1 + 1.1 * strip + 1.35 * len(tracks)
    figure = new_figure(8 if alone else 12, height)
    grid = figure.add_gridspec(len(tracks) + strip, 1, height_ratios=[0.9] * strip + [1.0] * len(tracks))
    lanes = []
    for row, track in enumerate(tracks):
        axes = figure.add_subplot(grid[row + strip], sharex=lanes[0] if lanes and not alone else None)
        lanes.append(axes)
        if alone:
            _bars(axes, track, classes, colours, named=len(tracks) > 1)
        else:
            _lane(axes, track, colours, float(result['duration']), last=row == len(tracks) - 1)
    if strip:
        _strip(figure.add_subplot(grid[0], sharex=lanes[0]), thumbnails, float(result['duration']))
    if not alone:
        handles = [lanes[0].plot([], [], 's', color=colour)[0] for colour in colours]
        figure.legend(
            handles,
            [legend_text(name) for name in classes],
            loc='outside lower center',
            ncols=min(len(classes), 8),
            frameon=False,
            fontsize=9,
        )
    notice = ' (frame-wise baseline)' if result['model']['notice'] else ''
    figure.suptitle(f'{result["name"]}: {result["model"]["name"]}{notice}', fontsize=12)
    return save(figure, path)


def _lane(axes: Axes, track: Mapping[str, Any], colours: Sequence, duration: float, last: bool) -> None:
    """Stacked blocks, one a window, from half way to its neighbours."""
    windows = track['windows']
    middles = np.array([(window['start'] + window['end']) / 2 for window in windows])
    between = (middles[:-1] + middles[1:]) / 2
    borders = np.concatenate([[windows[0]['start']], between, [windows[-1]['end']]])
    scores = np.array([window['probabilities'] for window in windows])
    bottoms = np.concatenate([np.zeros((len(scores), 1)), scores.cumsum(axis=1)[:, :-1]], axis=1)
    for index, colour in enumerate(colours):
        axes.bar(
            borders[:-1],
            scores[:, index],
            np.diff(borders),
            bottoms[:, index],
            align='edge',
            color=colour,
            linewidth=0.4,
            edgecolor='white',
        )
    for time in track['joined']:
        axes.axvline(time, color='black', linestyle=':', linewidth=1)
    axes.set(xlim=(0, duration), ylim=(0, 1), yticks=(0, 1))
    axes.set_ylabel(f'{track["label"]}\n{track["clip"]["label"]}', fontsize=9, rotation=0, ha='right', va='center')
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(labelbottom=last)
    if last:
        axes.set_xlabel('time, s')


def _bars(axes: Axes, track: Mapping[str, Any], classes: Sequence[str], colours: Sequence, named: bool) -> None:
    """One window: its probabilities, and nothing that looks like a course over time."""
    window = track['windows'][0]
    values = window['probabilities']
    axes.barh(range(len(classes)), values, color=colours, height=0.7)
    for row, value in enumerate(values):
        axes.text(value + 0.01, row, f'{100 * value:.0f}%', va='center', fontsize=9)
    axes.set_yticks(range(len(classes)), classes, fontsize=9)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.12), xticks=[])
    whose = f'{track["label"]}: ' if named else ''
    axes.set_xlabel(f'{whose}one window, {window["start"]:.1f} to {window["end"]:.1f} s', loc='left')
    axes.spines[['top', 'right', 'bottom']].set_visible(False)


def _strip(axes: Axes, thumbnails: Sequence[tuple[float, np.ndarray]], duration: float) -> None:
    """Pictures side by side, each the one nearest in time to the middle of its place."""
    image = thumbnails[0][1]
    count = max(min(len(thumbnails), int(11 * image.shape[0] / image.shape[1]) or 1), 1)
    width = duration / count
    for place in range(count):
        middle = (place + 0.5) * width
        _, image = min(thumbnails, key=lambda one: abs(one[0] - middle))
        axes.imshow(
            image, extent=(place * width + 0.01 * width, (place + 1) * width - 0.01 * width, 0, 1), aspect='auto'
        )
    axes.set(xlim=(0, duration), ylim=(0, 1))
    axes.axis('off')
