"""Memory of a training step against clips a step, frames and size, with a card's and with steps that were run."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .figure import GRID, INK, SERIES, SOFT, legend_below, new_figure, save, whole_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GIB = 2**30
LOOKS: dict[str, dict] = {
    'peak': dict(color=SERIES[0], marker='o', markersize=4, linewidth=1.8),
    'kept': dict(color=SERIES[2], marker='o', markersize=3, linewidth=1.2, linestyle='--'),
    'measured': dict(color=SERIES[1], marker='x', markersize=8, markeredgewidth=2, linestyle='none'),
    'card': dict(color=INK, linewidth=1, linestyle=':'),
}
NAMES = dict(peak='peak of a step, worked out', kept='kept for the backward pass, with the clips',
             measured='peak of a step that was run', card="the card's, without what is left free")
AXES = dict(batch='clips a step', frames='frames of a clip', size='pixels of a side')


def plot_cost(found: dict, path: str | Path | None) -> Figure:
    """Draw a report of :func:`mmdfer.apis.cost_report.report`.

    Args:
        found: with ``costs``, ``measured``, ``gpu``, ``reserve``, ``chosen`` and, for the panels of frames and size,
            ``sweep``.
        path: the picture's file; ``None`` to draw without writing.

    Returns:
        The figure; its first panel is over clips a step, where the steps that were run stand as crosses.
    """
    series = dict(batch=found['costs'], **found.get('sweep', {}))
    series = {name: rows for name, rows in series.items() if name == 'batch' or len(rows) > 1}
    figure = new_figure(4.6 * len(series) + 0.4, 3.8)
    shown = ['peak', 'kept']
    for name, axes in zip(series, figure.subplots(1, len(series), squeeze=False)[0], strict=True):
        _panel(axes, found, name, sorted(series[name], key=lambda row: row[name]))
    if found['measured']:
        shown.append('measured')
    if found['gpu']:
        shown.append('card')
    first = found['costs'][0]
    figure.suptitle(f'{Path(found["config"]).stem}: {found["tunable"] / 1e6:.2f} M tunable of '
                    f'{found["total"] / 1e6:.1f} M, {first["precision"]}', fontsize=11, color=INK)
    legend_below(figure, [(LOOKS[kind], NAMES[kind]) for kind in shown])
    return save(figure, path)


def _panel(axes: Axes, found: dict, name: str, rows: list[dict]) -> None:
    at = [row[name] for row in rows]
    for kind in ('peak', 'kept'):
        axes.plot(at, [row[kind] / GIB for row in rows], **LOOKS[kind])
    if name == 'batch' and found['measured']:
        axes.plot([real['batch'] for real in found['measured']], [real['peak'] / GIB for real in found['measured']],
                  zorder=3, **LOOKS['measured'])
    if found['gpu']:
        axes.axhline((found['gpu'] - found['reserve']) / GIB, **LOOKS['card'])
    one = next(row for row in found['costs'] if row['batch'] == found['chosen'])
    fixed = [f'{one[key]} {"clips" if key == "batch" else "frames" if key == "frames" else "pixels"}'
             for key in AXES if key != name]
    axes.set_title(' of '.join(fixed), fontsize=9, color=SOFT)
    axes.set_xlabel(AXES[name], fontsize=9)
    axes.set_ylabel('memory (GiB)', fontsize=9)
    axes.set_ylim(bottom=0)
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(labelsize=8, colors=SOFT)
    axes.spines[['top', 'right']].set_visible(False)
    if name == 'size':
        axes.set_xticks(at)
    else:
        whole_ticks(axes.xaxis)
