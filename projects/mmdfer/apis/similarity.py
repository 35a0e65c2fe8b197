"""FineCLIPER looked into: similarities with the label texts, weights of the modalities, and what it saw."""
from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor

from ..evaluation import confusion_matrix, uar_war
from ..files import make_folder, write_arrays, write_text
from ..heads import FineCLIPERHead
from ..recognizers.finecliper import modalities_of
from ..registry import MODELS
from ..runs.loading import build_model
from ..runs.mistakes import PACKING
from ..runs.recording import clip_name
from ..runs.samples import build_datasets
from ..visualization import map_strip, plot_modality_weights, plot_similarity, strip_sheet


@torch.no_grad()
def measure_similarity(cfg: Config, checkpoint: str, device: str | None = None) -> dict:
    """Run a FineCLIPER model once over its config's test set.

    Args:
        cfg: the config that the checkpoint was trained with.
        checkpoint: full checkpoint, or tunable file with the image checkpoint in the config.
        device: e.g. ``'cuda'``; by default CUDA where there is one.

    Returns:
        ``ids`` and ``labels`` (N,), ``classes`` (K,), ``scores`` (N, K), ``positive`` and ``negative`` (N, K),
        cosines of the fused feature with the label texts (no ``negative`` without such texts), ``weights``, (N,) of
        each modality, NaN for a clip without it, and ``without``, scores (N, K) with each modality left out, NaN
        for a clip that has no other. Several views of a clip are averaged.

    Raises:
        ValueError: for a model of another kind.
        CheckpointError: for a checkpoint that does not fit.
    """
    kind = MODELS.get((cfg.model.get('cls_head') or {}).get('type', ''))
    if kind is None or not issubclass(kind, FineCLIPERHead):
        raise ValueError(f'{cfg.filename}: its head is no FineCLIPERHead, which alone weighs modalities against '
                         'positive and negative texts')
    model = build_model(cfg, checkpoint, device)
    seen = [name for name, modality in model.modalities.items() if not modality.drop]
    rows, weights, without = defaultdict(list), defaultdict(list), defaultdict(list)
    for data in Runner.build_dataloader(cfg.test_dataloader, seed=0):
        batch = model.data_preprocessor(data, training=False)
        samples, views = batch['data_samples'], batch['inputs'].shape[1]
        features, kwargs = model.extract_feat(batch['inputs'], data_samples=samples, test_mode=True)
        logits, _, shares = model.cls_head.fuse(features, **kwargs)
        sides = model.cls_head.sides(features, **kwargs)
        for name, values in zip(('scores', 'positive', 'negative'), (logits.softmax(dim=1), *sides), strict=True):
            if values is not None:
                rows[name].append(values.unflatten(0, (-1, views)).mean(dim=1).cpu().numpy())
        for name in seen:
            share = shares.get(name, logits.new_full((len(logits), ), torch.nan))
            there = kwargs['present'].get(name, torch.ones_like(share, dtype=torch.bool))
            share = share.masked_fill(~there, torch.nan).unflatten(0, (-1, views)).mean(dim=1)
            weights[name].append(share.cpu().numpy())
            rest = _scores_without(model.cls_head, features, kwargs['present'], name, logits)
            without[name].append(rest.unflatten(0, (-1, views)).mean(dim=1).cpu().numpy())
        rows['labels'].append(np.array([int(sample.gt_label) for sample in samples]))
        rows['ids'].append(np.array([clip_name(sample) for sample in samples]))
    return dict({name: np.concatenate(parts) for name, parts in rows.items()}, classes=np.array(cfg.run_classes),
                weights={name: np.concatenate(parts) for name, parts in weights.items()},
                without={name: np.concatenate(parts) for name, parts in without.items()})


def _scores_without(head: FineCLIPERHead, features: dict[str, Tensor], present: dict[str, Tensor], name: str,
                    logits: Tensor) -> Tensor:
    """Probabilities (B, K) without a modality; NaN for clips that have no other."""
    rest = {other: feature for other, feature in features.items() if other != name}
    if not rest:
        return torch.full_like(logits, torch.nan)
    return head.fuse(rest, present)[0].softmax(dim=1)


def modality_table(found: dict) -> str:
    """Markdown table of UAR and WAR in per cent with all modalities of :func:`measure_similarity` and without each.

    Figures are over the clips that still have a modality, whose number is told.
    """
    cases = dict(all=found['scores'], **{f'without {name}': scores for name, scores in found['without'].items()})
    lines = ['| modalities | UAR | WAR | clips |', '|---|---:|---:|---:|']
    for name, scores in cases.items():
        known = ~np.isnan(scores).any(axis=1)
        figures = ' | '
        if known.any():
            matrix = confusion_matrix(found['labels'][known], scores[known].argmax(axis=1), scores.shape[1])
            figures = ' | '.join(f'{100 * value:.2f}' for value in uar_war(matrix))
        lines.append(f'| {name} | {figures} | {known.sum()} |')
    return '\n'.join(lines) + '\n'


def draw_similarity(cfg: Config, checkpoint: str, out: str | os.PathLike, clips: int = 7,
                    title: str | None = None) -> list[str]:
    """Measure a model and write ``similarity.npz`` and its pictures into a folder.

    Args:
        cfg, checkpoint: as in :func:`measure_similarity`.
        out: the folder.
        clips: number of clips whose frames and maps are drawn; those of each class in turn.
        title: above the pictures.

    Returns:
        Names of the files, beside that one ``similarity.png`` (with negative texts), ``weights.png`` and
        ``modalities.md``, the table of :func:`modality_table` (with several modalities), and ``maps.png`` (for a
        model and a pipeline with maps).
    """
    found, out = measure_similarity(cfg, checkpoint), Path(out)
    make_folder(out)
    write_arrays({name: values for name, values in found.items() if name not in ('weights', 'without')}
                 | {f'weight_{name}': values for name, values in found['weights'].items()}
                 | {f'without_{name}': values for name, values in found['without'].items()}, out / 'similarity.npz')
    labels, classes, written = found['labels'], list(found['classes']), ['similarity.npz']
    if 'negative' in found:
        plot_similarity(found['positive'], found['negative'], labels, classes, out / 'similarity.png', title)
        written.append('similarity.png')
    if len(found['weights']) > 1:
        colours = {name: modality.colour for name, modality in modalities_of(cfg.model).items()}
        plot_modality_weights(found['weights'], labels, classes, out / 'weights.png', title, colours)
        write_text(modality_table(found), out / 'modalities.md')
        written += ['weights.png', 'modalities.md']
    chosen = spread_over_classes(labels, clips)
    if len(chosen) and draw_maps(cfg, chosen, out / 'maps.png',
                                 [f'{found["ids"][index]}: {classes[labels[index]]}' for index in chosen]):
        written.append('maps.png')
    for name in {'similarity.png', 'weights.png', 'maps.png'} - set(written):
        print_log(f'no {name}: the model has no use for it', logger='current')
    return written


def spread_over_classes(labels: np.ndarray, count: int) -> list[int]:
    """The first clips of each class in turn, in the order of the classes, until there are ``count``."""
    ranks = np.zeros(len(labels), int)
    for k in np.unique(labels):
        ranks[labels == k] = np.arange((labels == k).sum())
    return sorted(np.lexsort((labels, ranks))[:count].tolist(), key=lambda index: (labels[index], index))


def draw_maps(cfg: Config, indices: Sequence[int], path: str | os.PathLike, captions: Sequence[str]) -> bool:
    """Draw test clips as the model saw them, frames above what can be drawn of its other modalities.

    Returns:
        Whether there is any such modality that the pipeline loads.
    """
    steps = list(takewhile(lambda step: step['type'].split('.')[-1] not in PACKING, cfg.test_pipeline))
    drawn = [modality for modality in modalities_of(cfg.model).values() if modality.has_picture]
    if not drawn:
        return False
    places = [(dataset, index) for dataset in build_datasets(cfg, 'test_dataloader', pipeline=steps)
              for index in range(len(dataset))]
    strips = []
    for index in indices:
        dataset, place = places[index]
        seen = dataset[place]
        pictures = {modality.name: modality.picture(seen) for modality in drawn}
        kinds = {name: np.asarray(picture) for name, picture in pictures.items() if picture is not None}
        if not kinds:
            return False
        strips.append(map_strip([np.ascontiguousarray(image) for image in seen['imgs']], kinds))
    strip_sheet(strips, captions, path)
    return True
