"""The test clips that a run is most wrong about."""
from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.calibration import probabilities
from ..evaluation.predictions import Predictions
from ..visualization.film_strip import film_strip
from .samples import build_datasets

if TYPE_CHECKING:
    from mmengine.config import Config

PACKING = ('FormatShape', 'PackActionInputs', 'PackInputs', 'Normalize')


def confident_mistakes(predictions: Predictions, count: int = 12) -> list[dict]:
    """The wrong predictions of the highest probability, first the worst.

    Returns:
        Dicts with ``index`` in the test set, ``id``, ``label`` and ``predicted`` (class names), ``probability`` of
        the predicted and ``probability_label`` of the true class.
    """
    scores = probabilities(predictions.scores)
    predicted, rows = predictions.predicted, np.arange(len(scores))
    wrong = np.flatnonzero(predicted != predictions.labels)
    worst = wrong[np.argsort(-scores[rows, predicted][wrong], kind='stable')][:count]
    return [dict(index=int(index), id=str(predictions.ids[index]), label=predictions.classes[predictions.labels[index]],
                 predicted=predictions.classes[predicted[index]], probability=float(scores[index, predicted[index]]),
                 probability_label=float(scores[index, predictions.labels[index]])) for index in worst]


def clip_strips(cfg: Config, mistakes: Sequence[dict], data_root: str | None = None, frames: int = 8,
                height: int = 88) -> list[np.ndarray | None]:
    """Film strips of test clips, of the frames that the model saw.

    Args:
        cfg: the run's config; its test pipeline runs as far as the pictures go.
        mistakes: of :func:`confident_mistakes`.
        data_root: folder of the data set, instead of the config's.
        frames: most frames a strip.
        height: of a strip in pixels.

    Returns:
        (height, W, 3) RGB uint8 a mistake; ``None`` where the set has another clip in that place.

    Raises:
        DatasetError, BadClipError: if the set or a clip cannot be read.
    """
    pipeline = list(takewhile(lambda step: step['type'].split('.')[-1] not in PACKING, cfg.test_pipeline))
    places = [(dataset, index) for dataset in build_datasets(cfg, 'test_dataloader', data_root, pipeline)
              for index in range(len(dataset))]
    strips = []
    for mistake in mistakes:
        dataset, index = places[mistake['index']] if mistake['index'] < len(places) else (None, 0)
        if dataset is None or not same_sample(mistake['id'], dataset.get_data_info(index)):
            strips.append(None)
            continue
        seen = dataset[index]
        images = seen['imgs'] if 'imgs' in seen else [seen['img'][..., ::-1]]               # mmpretrain reads BGR
        strips.append(film_strip([np.ascontiguousarray(image) for image in images], frames, height))
    return strips


def same_sample(name: str, info: dict) -> bool:
    """Whether a data set's item is the one that predictions call so; the folder of a picture may have moved."""
    if 'video_id' in info:
        return str(info['video_id']) == name
    return os.path.basename(info.get('img_path', '')) == os.path.basename(name)
