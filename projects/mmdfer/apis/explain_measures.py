"""What figures of a model are drawn from: its maps over chosen clips, its features of all of them."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from torch import Tensor, nn

from ..datasets import DatasetError
from ..datasets.sample_ids import list_name, sample_ids
from ..engine.loaders import fit_loaders
from ..explain import (
    AttentionMaps,
    attention_maps,
    check_features,
    dilation_maps,
    flow_of,
    has_attention,
    has_dilation,
    hidden_frames,
    text_similarity,
    video_features,
)
from ..face.map_transform import View
from ..face.store import MISSING, find_maps, load_faces
from ..runs.loading import load_model
from ..runs.mistakes import PACKING
from ..runs.recording import clip_name
from ..runs.samples import build_datasets
from ..trained_on import FIELD, TrainedOn
from .explain_rows import Row

if TYPE_CHECKING:
    from mmengine.config import Config

OF_ATTENTION, OF_CLIPS = {'rollout', 'attention'}, {'rollout', 'attention', 'frames', 'dilation'}
OF_FEATURES = {'tsne', 'umap'}


@dataclass
class ClipMeasure:
    """What one model does with one clip of T frames."""
    id: str
    label: int
    frames: np.ndarray                                  # (T, H, W, 3) uint8, as the model saw them
    predicted: int
    probability: float
    target: int
    maps: AttentionMaps | None = None
    losses: np.ndarray | None = None                    # (T,)
    dilations: dict[str, np.ndarray] = field(default_factory=dict)
    regions: np.ndarray | None = None                   # (T, H, W) region ids, -1 in frames without a face


@dataclass
class RowMeasure:
    """What was measured of one model."""
    row: Row
    classes: list[str]
    lacks: dict[str, str]                               # what was wanted and it cannot be asked for, and why
    clips: list[ClipMeasure] = field(default_factory=list)
    ids: np.ndarray | None = None                       # (N,) of all test clips
    labels: np.ndarray | None = None                    # (N,)
    features: np.ndarray | None = None                  # (N, D)
    positive: np.ndarray | None = None                  # (N, K)
    negative: np.ndarray | None = None                  # (N, K)


def lacking(model: nn.Module) -> dict[str, str]:
    """What a model cannot be asked for, and why."""
    if not hasattr(model, 'backbone') or not hasattr(model, 'cls_head') or not hasattr(model, 'data_preprocessor'):
        raise ValueError(f'{type(model).__name__} is no recognizer of clips with a backbone and a head')
    found = {}
    if not has_attention(model.backbone):
        found.update(dict.fromkeys(OF_ATTENTION, _told(lambda: flow_of(model.backbone))))
    if not has_dilation(model.backbone):
        found['dilation'] = _told(lambda: dilation_maps(model, torch.zeros(0)))
    if not hasattr(model.cls_head, 'similarity'):
        found['similarity'] = _told(lambda: text_similarity(model, torch.zeros(0)))
    return found


def _told(refused: Any) -> str:
    try:
        refused()
    except ValueError as error:
        return str(error)
    raise AssertionError('is not refused')


def measure_row(row: Row, what: Collection[str], chosen: Sequence[str] | int, target: str = 'predicted',
                device: str | None = None, lenient: bool = False) -> RowMeasure:
    """Run a model over what the wanted figures need of its test set; one clip at a time where its maps are wanted.

    Args:
        row: the model.
        what: kinds of figures, see :data:`mmdfer.apis.explain.KINDS`.
        chosen: names of the clips whose maps are wanted, or how many, of each class in turn.
        target: the class that maps are of: ``'predicted'``, ``'true'``, or a class's name.
        device: e.g. ``'cuda'``; by default CUDA where there is one.
        lenient: leave out what the model cannot be asked for instead of refusing it.

    Raises:
        ValueError: for what the model cannot be asked for, clips and classes that are not there, and figures that are
            no numbers.
        DatasetError: for clips that the model was trained on.
        CheckpointError: for a checkpoint that does not fit.
    """
    model, meta = load_model(row.cfg, row.checkpoint, device)
    refused = {kind: why for kind, why in lacking(model).items() if kind in what}
    for kind, why in refused.items():
        if not lenient:
            raise ValueError(f'--what {kind}: {row.name}: {why}')
    found = RowMeasure(row, list(row.cfg.get('run_classes') or ()), refused)
    wanted = set(what) - set(refused)
    places = _places(row.cfg, row.cfg.test_dataloader.dataset.pipeline)
    _check_unseen(row, model, meta, {id(dataset): dataset for dataset, _ in places}.values())
    try:
        if wanted & OF_CLIPS:
            found.clips = _measure_clips(model, row.cfg, places, wanted, chosen, target, found.classes)
        if wanted & (OF_FEATURES | {'similarity'}):
            _measure_all(found, model, row.cfg, wanted)
    except ValueError as error:
        error.add_note(f'{row.name}, {row.checkpoint}')
        raise
    return found


def _places(cfg: Config, pipeline: Sequence[dict]) -> list[tuple[Any, int]]:
    """Every test clip as its data set and its place in it."""
    return [(dataset, index) for dataset in build_datasets(cfg, 'test_dataloader', pipeline=pipeline)
            for index in range(len(dataset))]


def _check_unseen(row: Row, model: nn.Module, meta: dict, datasets: Collection[Any]) -> None:
    known = TrainedOn.from_meta(meta, row.checkpoint)
    for module in model.modules():
        of_tower = getattr(module, FIELD, None)             # what a tower's own file said
        known |= of_tower if isinstance(of_tower, TrainedOn) else TrainedOn.nothing()
    for dataset in datasets:
        seen = known.among(sample_ids(dataset) or ())
        if seen and not row.cfg.get('allow_seen'):
            raise DatasetError(f'{row.checkpoint} was trained on {len(seen)} of the {len(dataset)} clips of '
                               f'{list_name(dataset)}, such as {seen[0].partition("/")[2]}: figures of them show what '
                               'was learned by heart. Use the fold that belongs to it (--fold), or say --allow-seen')


def choose_clips(places: Sequence[tuple[Any, int]], chosen: Sequence[str] | int) -> list[int]:
    """Places of the chosen clips: by name, or the first of each class in turn.

    Raises:
        ValueError: for a name that the test set does not have, or no clip.
    """
    from .similarity import spread_over_classes
    infos = [dataset.get_data_info(index) for dataset, index in places]
    if isinstance(chosen, int):
        if chosen < 1:
            raise ValueError(f'--clips {chosen}: at least 1 clip')
        return spread_over_classes(np.array([int(info['label']) for info in infos]), chosen)
    from ..clip_names import clip_path_key
    names = (str(info.get('video_id', info.get('filename', ''))) for info in infos)
    keys = {clip_path_key(name): place for place, name in enumerate(names)}
    absent = [name for name in chosen if clip_path_key(str(name)) not in keys]
    if absent:
        raise ValueError(f'--ids {absent[0]}: no such clip among the {len(infos)} of the test set, such as '
                         f'{", ".join(list(keys)[:3])}')
    return [keys[clip_path_key(str(name))] for name in chosen]


def _measure_clips(model: nn.Module, cfg: Config, places: list, wanted: set[str], chosen: Sequence[str] | int,
                   target: str, classes: list[str]) -> list[ClipMeasure]:
    measured = []
    steps = list(takewhile(lambda step: step['type'].split('.')[-1] not in PACKING, cfg.test_pipeline))
    seen = _places(cfg, steps) if wanted & OF_ATTENTION else []
    for place in choose_clips(places, chosen):
        dataset, index = places[place]
        sample = dataset[index]
        clip, samples = single_view(model, sample)
        label = int(samples[0].gt_label)
        wished = _target(target, label, classes)
        one = ClipMeasure(clip_name(samples[0]), label, pictures(model, sample), -1, 0.0, -1)
        try:
            _measure_clip(one, model, clip, samples, wanted, wished)
        except ValueError as error:
            error.add_note(f'clip {one.id}')
            raise
        if seen:
            one.regions = region_labels(seen[place][0][seen[place][1]])
        measured.append(one)
    return measured


def _measure_clip(one: ClipMeasure, model: nn.Module, clip: Tensor, samples: list, wanted: set[str],
                  target: int | None) -> None:
    from ..explain.rollout import clip_logits
    with torch.no_grad():
        probabilities = clip_logits(model, clip, samples).softmax(dim=0).cpu()
    one.predicted, one.probability = int(probabilities.argmax()), float(probabilities.max())
    one.target = one.predicted if target is None else target
    if has_attention(model.backbone) and wanted & (OF_ATTENTION | {'frames'}):
        one.maps = attention_maps(model, clip, samples, one.target, gradient=bool(wanted & {'rollout', 'frames'}))
    if 'frames' in wanted:
        one.losses = hidden_frames(model, clip, samples, one.target).numpy()
    if 'dilation' in wanted:
        one.dilations = {name: sizes.numpy() for name, sizes in dilation_maps(model, clip, samples).items()}


def _target(target: str, label: int, classes: Sequence[str]) -> int | None:
    """The class's number; ``None`` for the predicted one."""
    if target == 'predicted':
        return None
    if target == 'true':
        return label
    if target not in classes:
        raise ValueError(f'--target {target}: give predicted, true, or one of {", ".join(classes)}')
    return list(classes).index(target)


def single_view(model: nn.Module, sample: dict) -> tuple[Tensor, list]:
    """The first view of a packed sample as the model's preprocessor gives it, and the sample in a list."""
    inputs = sample['inputs']
    if inputs.ndim == 5:
        inputs = inputs[:1]                                             # (views, 3, T, H, W)
    else:
        inputs = inputs[:getattr(model.backbone, 'num_segments', None) or len(inputs)]      # (T, 3, H, W)
    device = next(model.parameters()).device
    batch = model.data_preprocessor(pseudo_collate([dict(sample, inputs=inputs)]), training=False)
    return batch['inputs'].to(device), batch['data_samples']


def pictures(model: nn.Module, sample: dict) -> np.ndarray:
    """The frames of a sample's first view, (T, H, W, 3) uint8 RGB."""
    inputs = sample['inputs']
    frames = inputs[0].permute(1, 2, 3, 0) if inputs.ndim == 5 else inputs.permute(0, 2, 3, 1)
    if frames.dtype != torch.uint8:                                     # normalised by the pipeline already
        frames = frames.float()
        frames = 255 * (frames - frames.min()) / (frames.max() - frames.min()).clamp(min=1e-6)
    if getattr(model.data_preprocessor, 'to_rgb', False):
        frames = frames.flip(-1)
    return np.ascontiguousarray(frames.to(torch.uint8).numpy())


def region_labels(results: dict) -> np.ndarray | None:
    """Region ids (T, H, W) of a clip as its pipeline shows it, -1 in frames without a face; ``None`` without maps."""
    path = find_maps(results['clip']) if 'clip' in results else None
    if path is None:
        return None
    faces = load_faces(path, np.asarray(results['frame_inds']), ('parsing',), results.get('clip_frames'))
    labels = View.of(results).labels(faces).astype(np.int16)
    labels[faces.state == MISSING] = -1
    return labels


def _measure_all(found: RowMeasure, model: nn.Module, cfg: Config, wanted: set[str]) -> None:
    """Features and similarities of every test clip, batch by batch."""
    ids, labels, features, positive, negative = [], [], [], [], []
    fit_loaders(cfg)
    for data in Runner.build_dataloader(cfg.test_dataloader, seed=0):
        batch = model.data_preprocessor(data, training=False)
        inputs, samples = batch['inputs'], batch['data_samples']
        if wanted & OF_FEATURES:
            features.append(video_features(model, inputs, samples))
        if 'similarity' in wanted:
            near, far = text_similarity(model, inputs, samples)
            positive.append(near)
            negative += [] if far is None else [far]
        labels += [int(sample.gt_label) for sample in samples]
        ids += [clip_name(sample) for sample in samples]
    found.ids, found.labels = np.array(ids), np.array(labels)
    for name, parts in (('features', features), ('positive', positive), ('negative', negative)):
        if parts:
            setattr(found, name, torch.cat(parts).numpy())
            check_features(getattr(found, name), ids)
