"""What a model looks at, as figures: attention rollout, frames over time, dilations, t-SNE, similarities, captions."""
from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..explain import density, region_weights
from ..face.regions import REGION_ID
from ..files import make_folder, write_arrays, write_json
from ..names import nearest
from ..visualization.figure import check_formats
from .explain_measures import OF_CLIPS, ClipMeasure, RowMeasure, measure_row
from .explain_rows import Row

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config

KINDS = {
    'rollout': 'gradient attention rollout over the frames of clips, a row a model',
    'attention': 'what the last block attends to, in the same form',
    'frames': 'importance of the frames over time, by rollout and by hiding them',
    'dilation': 'dilations of D2Conv3D over the frames, over time and from block to block',
    'tsne': 't-SNE of the features of all test clips, a panel a model or fold, with the silhouette',
    'umap': 'UMAP of the same (needs umap-learn)',
    'similarity': 'similarity of the video feature with the text of every class',
    'captions': 'captions of clips side by side',
}
"""What can be drawn."""

REGIONS = {
    'brows': ('left_brow', 'right_brow'), 'mouth': ('upper_lip', 'inner_mouth', 'lower_lip'),
    'eyes': ('left_eye', 'right_eye'), 'nose': ('nose',), 'skin': ('skin',), 'hair': ('hair',),
    'background': ('background',),
}
"""Regions whose weights are told."""
EXPRESSIVE, BACKGROUND = ('brows', 'mouth'), 'background'


def explain(rows: Sequence[Row], out: str | os.PathLike, what: Collection[str] | None = None,
            clips: int | Sequence[str] = 8, target: str = 'predicted', formats: Sequence[str] = ('png',),
            captions: Sequence[str | os.PathLike] = (), title: str | None = None, seed: int = 0,
            device: str | None = None, prefix: str = '') -> list[Path]:
    """Measure models and draw them.

    Models are loaded and run one after the other, and nothing is written before all is measured.

    Args:
        rows: one or more models, see :func:`mmdfer.apis.explain_rows.rows_of`; their clips are of one set.
        out: folder of the figures, of ``explain.json``, the numbers that they tell, and of ``maps.npz``, the maps.
        what: of :data:`KINDS`. Defaults to all that the models and the set have, but UMAP.
        clips: how many clips are drawn, of each class in turn, or their names.
        target: the class whose logit is explained: ``'predicted'``, ``'true'``, or a class's name.
        formats: of ``png``, ``pdf`` and ``svg``.
        captions: files of captions to set side by side. Defaults to the set's raw and refined ones.
        title: above the figures. Defaults to the name of a drawn set, so that its figures are told as such.
        seed: of t-SNE and UMAP.
        device: e.g. ``'cuda'``; by default CUDA where there is one.
        prefix: of the files' names.

    Returns:
        The files written.

    Raises:
        ValueError: for what is not known or a model cannot be asked for, and for figures that are no numbers.
        ImportError: for UMAP without umap-learn.
        DatasetError: for clips that a model was trained on.
    """
    from . import explain_drawing as drawing
    from .explain_captions import CaptionedSet
    check_formats(formats)
    lenient, wanted = what is None, _wanted(what)
    if not rows:
        raise ValueError('no model is given: there is nothing to explain')
    if len({row.fold for row in rows}) > 1 and wanted & OF_CLIPS:
        if not lenient:
            raise ValueError(f'--what {sorted(wanted & OF_CLIPS)[0]}: {rows[0].name} and {rows[1].name} are of '
                             'different folds, whose test clips are others: explain them apart, or take tsne, umap or '
                             'similarity')
        wanted -= OF_CLIPS
    texts = None
    if 'captions' in wanted:
        texts = CaptionedSet.of(rows[0].cfg, captions, lenient)
        wanted -= set() if texts else {'captions'}
    chosen: int | Sequence[str] = clips
    measured: list[RowMeasure] = []
    for row in rows if wanted - {'captions'} else ():
        measured.append(measure_row(row, wanted, chosen, target, device, lenient))
        chosen = [one.id for one in measured[0].clips] or chosen
    _check_alike(measured)
    drawn = texts.clips(chosen) if texts else []
    numbers = numbers_of(measured) if measured else {}
    title = title or synthetic_title(rows[0].cfg)
    figures = drawing.figures_of(measured, wanted, title, seed, numbers)
    if texts:
        figures['captions'] = drawing.captions_figure(drawn, title)
    make_folder(out)
    written = drawing.save_all(figures, Path(out), formats, prefix)
    for name, write, content in (('explain.json', write_json, numbers), ('maps.npz', write_arrays, _arrays(measured))):
        if content:
            written.append(Path(out) / f'{prefix}{name}')
            write(content, written[-1])
    return written


def explain_captions(cfg: Config, out: str | os.PathLike, clips: int | Sequence[str] = 8,
                     formats: Sequence[str] = ('png',), captions: Sequence[str | os.PathLike] = (),
                     title: str | None = None, prefix: str = '') -> list[Path]:
    """Captions of clips side by side, without a model; arguments as for :func:`explain`.

    Raises:
        CaptionFileError: for a set without captions, or a file that cannot be read.
        ValueError: for clips that are not there.
    """
    from . import explain_drawing as drawing
    from .explain_captions import CaptionedSet
    check_formats(formats)
    drawn = CaptionedSet.of(cfg, captions).clips(clips)
    make_folder(out)
    title = title or synthetic_title(cfg)
    return drawing.save_all({'captions': drawing.captions_figure(drawn, title)}, Path(out), formats, prefix)


def synthetic_title(cfg: Config) -> str | None:
    """What a drawn set is called; figures of real sets need no such word."""
    from ..runs.samples import SYNTHETIC, set_title
    title = set_title(cfg)
    return title if title and SYNTHETIC in title else None


def _wanted(what: Collection[str] | None) -> set[str]:
    from importlib.util import find_spec
    if what is None:
        return set(KINDS) - {'umap'}
    for kind in what:
        if kind not in KINDS:
            raise ValueError(f'--what {kind}: is not known: {nearest(kind, KINDS)}')
    if 'umap' in what and not find_spec('umap'):
        raise ImportError('--what umap: UMAP needs umap-learn, which is not installed: pip install umap-learn, or take '
                          't-SNE (--what tsne)')
    return set(what)


def _check_alike(measured: Sequence[RowMeasure]) -> None:
    """Refuse models of other classes, or that see other frames of the clips, in one figure."""
    for other in measured[1:]:
        first = measured[0]
        if other.classes != first.classes:
            raise ValueError(f'{other.row.name} has the classes {", ".join(other.classes)}, {first.row.name} '
                             f'{", ".join(first.classes)}: explain them apart')
        for one, two in zip(first.clips, other.clips):
            if len(one.frames) != len(two.frames):
                raise ValueError(f'clip {one.id}: {first.row.name} sees {len(one.frames)} frames of it, '
                                 f'{other.row.name} {len(two.frames)}: explain them apart')


def numbers_of(measured: Sequence[RowMeasure]) -> dict[str, Any]:
    """What figures tell in numbers: predictions, weights of regions, silhouettes.

    Returns:
        ``classes``; ``dataset``, what reports call the set; ``rows``, by name: ``checkpoint``, ``clips`` (``id``,
        ``label``, ``predicted``, ``probability``, ``explained``), and where they were measured ``regions`` of
        ``rollout`` and ``attention`` (:func:`face_weights`), ``silhouette``, ``left_out`` with the reasons.
    """
    from ..explain import silhouette
    from ..runs.samples import set_title
    rows = {}
    for one in measured:
        names = one.classes
        told: dict[str, Any] = dict(checkpoint=one.row.checkpoint, clips=[
            dict(id=clip.id, label=names[clip.label], predicted=names[clip.predicted], probability=clip.probability,
                 explained=names[clip.target]) for clip in one.clips])
        regions = {kind: face_weights(one.clips, kind) for kind in ('rollout', 'attention')}
        if any(regions.values()):
            told['regions'] = {kind: found for kind, found in regions.items() if found}
        if one.features is not None:
            told['silhouette'] = silhouette(one.features, one.labels)
        if one.lacks:
            told['left_out'] = one.lacks
        rows[one.row.name] = told
    return dict(classes=measured[0].classes, dataset=set_title(measured[0].row.cfg), rows=rows)


def face_weights(clips: Sequence[ClipMeasure], kind: str = 'rollout') -> dict[str, Any] | None:
    """How much more than a mean pixel a pixel of each region weighs in a kind of map.

    Args:
        clips: of one model; those without face maps are left out.
        kind: ``'rollout'`` or ``'attention'``.

    Returns:
        ``density`` by region, 1 for a map that is even; ``factor``, that of brows and mouth together beside that of the
        background; ``clips``, over how many. ``None`` where no clip has both.
    """
    ids = {name: [REGION_ID[part] for part in parts] for name, parts in REGIONS.items()}
    ids['expressive'] = [region for name in EXPRESSIVE for region in ids[name]]
    found = []
    for clip in clips:
        maps: torch.Tensor | None = getattr(clip.maps, kind) if clip.maps is not None else None
        if maps is None or clip.regions is None:
            continue
        seen = (clip.regions >= 0).all(axis=(1, 2))                     # frames with a face
        if seen.any() and maps[seen].sum() > 0:
            found.append(region_weights(maps[seen].numpy(), clip.regions[seen], ids))
    if not found:
        return None
    densities = {name: density([one[name] for one in found]) for name in ids}
    factor = densities['expressive'] / densities[BACKGROUND] if densities[BACKGROUND] > 0 else None
    return dict(density={name: round(densities[name], 4) for name in REGIONS}, clips=len(found),
                factor=None if factor is None or np.isnan(factor) else round(factor, 4))


def _arrays(measured: Sequence[RowMeasure]) -> dict[str, np.ndarray]:
    """Maps, losses, dilations and features by row and clip, as ``maps.npz`` keeps them."""
    arrays: dict[str, np.ndarray] = {}
    for one in measured:
        for clip in one.clips:
            stem = f'{one.row.name}/{clip.id}'.replace('\\', '/')
            if clip.maps is not None:
                maps = {kind: getattr(clip.maps, kind) for kind in ('rollout', 'attention', 'flow')}
                arrays |= {f'{stem}/{kind}': one.numpy() for kind, one in maps.items() if one is not None}
            if clip.losses is not None:
                arrays[f'{stem}/losses'] = clip.losses
            arrays |= {f'{stem}/dilation/{name}': sizes for name, sizes in clip.dilations.items()}
        for name in ('ids', 'labels', 'features', 'positive', 'negative'):
            if getattr(one, name) is not None:
                arrays[f'{one.row.name}/{name}'] = getattr(one, name)
    return arrays


def named(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """Rows under other names."""
    return [replace(row, name=name) for row, name in zip(rows, names, strict=True)]
