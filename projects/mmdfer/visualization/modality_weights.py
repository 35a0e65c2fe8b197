"""What each modality weighs over the clips of a set."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .figure import new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_modality_weights(weights: Mapping[str, np.ndarray], labels: np.ndarray, classes: Sequence[str],
                          path: str | Path | None, title: str | None = None,
                          colours: Mapping[str, str | None] | None = None) -> Figure:
    """Draw the spread of the modalities' weights as boxes, a group for each class and one for all clips.

    A box holds the middle half, its line the median, whiskers end within 1.5 box lengths.

    Args:
        weights: by modality, (N,) in [0, 1]; NaN for a clip without it, which is left out.
        labels: (N,) the clips' classes.
        classes: K names.
        path: the picture's file; ``None`` to draw without writing.
        title: a line above.
        colours: by modality; one without gets the next of matplotlib's own.

    Returns:
        The figure.

    Raises:
        ValueError: for no modality, no clip, or weights that do not fit the labels.
    """
    labels = np.asarray(labels)
    series = {name: np.asarray(values, dtype=float) for name, values in weights.items()}
    if not series or not len(labels):
        raise ValueError('weights is empty: give those of at least one modality and clip')
    for name, values in series.items():
        if values.shape != labels.shape:
            raise ValueError(f'weights[{name!r}] has shape {values.shape}, for {len(labels)} clips')
    groups = {'all': np.ones(len(labels), bool), **{name: labels == k for k, name in enumerate(classes)}}
    figure = new_figure(max(7.5, 0.27 * len(series) * len(groups) + 1.5), 4)
    axes, width = figure.add_subplot(), 0.8 / len(series)
    for index, (name, values) in enumerate(series.items()):
        places = np.arange(len(groups)) + (index - (len(series) - 1) / 2) * width
        spread = [values[chosen & ~np.isnan(values)] for chosen in groups.values()]
        boxes = axes.boxplot(spread, positions=places, widths=0.8 * width, patch_artist=True, manage_ticks=False,
                             flierprops=dict(marker='.', markersize=2.5, markeredgecolor='#999999'),
                             medianprops=dict(color='#111111', linewidth=1.2))
        colour = (colours or {}).get(name) or f'C{index}'
        for box in boxes['boxes']:
            box.set(facecolor=colour, edgecolor=colour, linewidth=1.2)          # a narrow box still shows its colour
        for line in boxes['whiskers'] + boxes['caps']:
            line.set(color=colour)
        absent = int(np.isnan(values).sum())
        axes.bar(0, 0, color=colour, label=f'{name} (absent in {absent})' if absent else name)
    axes.axhline(1 / len(series), color='#999999', linewidth=0.9, linestyle='--', zorder=0)
    axes.text(len(groups) - 0.45, 1 / len(series), ' equal', va='center', fontsize=8, color='#777777')
    axes.axvline(0.5, color='#dddddd', linewidth=1)
    many = len(groups) > 16
    axes.set_xticks(range(len(groups)), list(groups), rotation=90 if many else 0, fontsize=8 if many else 10)
    axes.set(ylabel='weight', xlim=(-0.5, len(groups) - 0.4), ylim=(0, None))
    axes.set_title(title or f'weights of the modalities over {len(labels)} clips', fontsize=10, loc='left',
                   color='#444444')
    axes.legend(ncols=len(series), fontsize=9, frameon=False, loc='upper right', bbox_to_anchor=(1, 1.13))
    axes.grid(axis='y', color='#e4e4e4', linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis='x', length=0)
    axes.spines[['top', 'right']].set_visible(False)
    return save(figure, path)
