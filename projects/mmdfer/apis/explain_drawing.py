"""Figures of what was measured of models."""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..explain import tsne, umap
from ..visualization import plot_similarity
from ..visualization.caption_pairs import CaptionedClip, plot_captions
from ..visualization.class_similarity import plot_class_similarity
from ..visualization.dilation import AXES, dilation_scale, plot_dilations
from ..visualization.embedding import EmbeddingPanel, plot_embedding
from ..visualization.figure import save_formats
from ..visualization.frame_importance import ImportanceClip, plot_frame_importance
from ..visualization.heat_rows import HeatClip, HeatScale, plot_heat_rows, top_of
from .explain_measures import OF_FEATURES, ClipMeasure, RowMeasure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {'rollout': 'gradient attention rollout', 'attention': 'attention of the last block',
          'frames': 'importance of the frames', 'tsne': 't-SNE of the clips\' features',
          'umap': 'UMAP of the clips\' features'}


def figures_of(measured: Sequence[RowMeasure], wanted: Collection[str], title: str | None, seed: int,
               numbers: Mapping[str, Any]) -> dict[str, Figure]:
    """Figures by their files' stems, of what is wanted and was measured."""
    figures: dict[str, Figure] = {}
    clips = [clip for one in measured for clip in one.clips]
    for kind in ('rollout', 'attention'):
        if kind in wanted and any(_map(clip, kind) is not None for clip in clips):
            figures[kind] = _attention(measured, kind, title, numbers)
    if 'frames' in wanted and any(clip.losses is not None for clip in clips):
        figures['frames'] = _frames(measured, title)
    for one in measured if 'dilation' in wanted else ():
        if any(clip.dilations for clip in one.clips):
            figures |= {f'{stem}{_suffix(measured, one)}': figure for stem, figure in _dilation(one, title).items()}
    for kind in sorted(OF_FEATURES & set(wanted)):
        if any(one.features is not None for one in measured):
            figures[kind] = _embedding(measured, kind, title, seed, numbers)
    for one in measured:
        if one.positive is not None:
            figures |= {f'{stem}{_suffix(measured, one)}': figure for stem, figure in _similarity(one, title).items()}
    return figures


def captions_figure(clips: Sequence[CaptionedClip], title: str | None) -> Figure:
    """Captions side by side."""
    return plot_captions(clips, None, title)


def save_all(figures: Mapping[str, Figure], out: Path, formats: Sequence[str], prefix: str = '') -> list[Path]:
    """Write figures by their stems, behind a prefix; the files."""
    return [path for stem, figure in figures.items() for path in save_formats(figure, out / f'{prefix}{stem}', formats)]


def _suffix(measured: Sequence[RowMeasure], one: RowMeasure) -> str:
    """Of a file of one model among several."""
    name = ''.join(letter if letter.isalnum() else '_' for letter in one.row.name)
    return f'_{name}' if len(measured) > 1 else ''


def _map(clip: ClipMeasure, kind: str) -> np.ndarray | None:
    found = None if clip.maps is None else getattr(clip.maps, kind)
    return None if found is None else found.numpy()


def _caption(clip: ClipMeasure, one: RowMeasure, alone: bool) -> str:
    """The clip's name and class, and what a single model says of it."""
    said = f'; predicted {one.classes[clip.predicted]} {100 * clip.probability:.0f}%' if alone else ''
    return f'{clip.id}: {one.classes[clip.label]}{said}'


def _row_name(one: RowMeasure, clip: ClipMeasure, several: bool) -> str:
    if not several:
        return ''
    return f'{one.row.name}\n{one.classes[clip.predicted]} {100 * clip.probability:.0f}%'


def _attention(measured: Sequence[RowMeasure], kind: str, title: str | None, numbers: Mapping[str, Any]) -> Figure:
    several = len(measured) > 1
    clips, evened = [], []
    for index, first in enumerate(measured[0].clips):
        rows = {}
        for one in measured:
            maps = _map(one.clips[index], kind)
            if maps is not None:
                evened.append(maps * maps.size)                                     # 1 for a map that is even
                rows[_row_name(one, one.clips[index], several) or TITLES[kind].replace(' ', '\n', 1)] = evened[-1]
        if rows:
            clips.append(HeatClip(_caption(first, measured[0], not several), first.frames, rows))
    scale = HeatScale(0, max(top_of(evened), 1.5), 'weight of a patch (1: even)')
    return plot_heat_rows(clips, scale, None, _titled(title, TITLES[kind], _factors(kind, numbers)))


def _factors(kind: str, numbers: Mapping[str, Any]) -> str:
    """What the numbers say of brows and mouth."""
    rows = {name: row.get('regions', {}).get(kind) for name, row in numbers['rows'].items()}
    told = [f'{name + ": " if len(rows) > 1 else ""}{found["factor"]:.2f}' for name, found in rows.items()
            if found and found['factor'] is not None]
    return f'brows and mouth weigh {", ".join(told)} times the background' if told else ''


def _titled(title: str | None, *lines: str) -> str:
    first = ', '.join(filter(None, (title, lines[0])))
    return '\n'.join(filter(None, (first, *lines[1:])))


def _frames(measured: Sequence[RowMeasure], title: str | None) -> Figure:
    clips = []
    for index, first in enumerate(measured[0].clips):
        own = {one.row.name: one.clips[index] for one in measured}
        shares = {name: rollout.sum(axis=(1, 2)) for name, clip in own.items()
                  if (rollout := _map(clip, 'rollout')) is not None}
        losses = {name: clip.losses for name, clip in own.items() if clip.losses is not None}
        clips.append(ImportanceClip(_caption(first, measured[0], len(measured) == 1), first.frames, shares, losses))
    return plot_frame_importance(clips, None, _titled(title, TITLES['frames']))


def _dilation(one: RowMeasure, title: str | None) -> dict[str, Figure]:
    """Maps over the frames of each clip, the mean of the blocks, and what they are over time, blocks and the face."""
    shapes = {sizes.shape for clip in one.clips for sizes in clip.dilations.values()}
    largest = max(shapes, key=lambda shape: shape[1:])
    blocks = [name for name, sizes in one.clips[0].dilations.items() if sizes.shape == largest]
    sizes = np.stack([[clip.dilations[name] for name in blocks] for clip in one.clips])     # (N, L, 3, T, H, W)
    means = sizes.mean(axis=1)
    clips = []
    for clip, mean in zip(one.clips, means):
        places = np.arange(len(clip.frames)) * mean.shape[1] // len(clip.frames)            # a stride in time repeats
        rows = {f'along {axis}': values[places] for axis, values in zip(AXES, mean)}
        clips.append(HeatClip(_caption(clip, one, True), clip.frames, rows))
    told = f'dilations of D²Conv3D, mean of {len(blocks)} blocks'
    faces = np.stack([clip.frames[len(clip.frames) // 2] for clip in one.clips])
    return {
        'dilation': plot_dilations(sizes, [_short(name) for name in blocks], faces, None,
                                   _titled(title, f'dilations of D²Conv3D, {one.row.name}')),
        'dilation_maps': plot_heat_rows(clips, dilation_scale(means), None, _titled(title, told)),
    }


def _short(name: str) -> str:
    """A layer's name, its block counted from 1 as in the papers."""
    words = name.replace('.adapters', '').removesuffix('.conv').split('.')
    return ' '.join(str(int(word) + 1) if word.isdecimal() else word for word in words if word not in ('layers', 'fe'))


def _embedding(measured: Sequence[RowMeasure], kind: str, title: str | None, seed: int,
               numbers: Mapping[str, Any]) -> Figure:
    place = {'tsne': tsne, 'umap': umap}[kind]
    told = {name: row.get('silhouette') for name, row in numbers['rows'].items()}
    panels = [EmbeddingPanel(one.row.name, place(one.features, seed), one.labels, told[one.row.name])
              for one in measured if one.features is not None]
    return plot_embedding(panels, measured[0].classes, None, _titled(title, TITLES[kind]))


def _similarity(one: RowMeasure, title: str | None) -> dict[str, Figure]:
    told = _titled(title, f'{one.row.name}: video feature and class texts')
    cosines, label = one.positive, 'mean cosine'
    figures = {}
    if one.negative is not None:
        figures['similarity_sides'] = plot_similarity(one.positive, one.negative, one.labels, one.classes, None, told)
        cosines, label = one.positive - one.negative, 'mean cosine with the positive minus with the negative text'
    return {'similarity': plot_class_similarity(cosines, one.labels, one.classes, None, told, label), **figures}
