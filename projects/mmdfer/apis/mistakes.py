"""The test clips that a run is most wrong about."""
from __future__ import annotations

import os
from itertools import takewhile

import numpy as np
from mmengine.config import Config

from ..visualization import film_strip
from .run_folder import Predictions, build_datasets

PACKING = ('FormatShape', 'PackActionInputs', 'PackInputs', 'Normalize')


def confident_mistakes(predictions: Predictions, count: int = 12) -> list[dict]:
    """The wrong predictions of the highest probability, first the worst.

    Returns:
        Dicts with ``index`` in the test set, ``id``, ``label`` and ``predicted`` (class names), ``probability`` of
        the predicted and ``probability_label`` of the true class.
    """
    scores = probabilities(predictions.scores)
    predicted, rows = scores.argmax(axis=1), np.arange(len(scores))
    wrong = np.flatnonzero(predicted != predictions.labels)
    worst = wrong[np.argsort(-scores[rows, predicted][wrong], kind='stable')][:count]
    return [dict(index=int(index), id=str(predictions.ids[index]), label=predictions.classes[predictions.labels[index]],
                 predicted=predictions.classes[predicted[index]], probability=float(scores[index, predicted[index]]),
                 probability_label=float(scores[index, predictions.labels[index]])) for index in worst]


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Scores (N, K) as they are where each row is a distribution already, else through a softmax."""
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=0.02):
        return scores
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def clip_strips(cfg: Config, ids: list[str], data_root: str | None = None, frames: int = 8,
                height: int = 88) -> dict[str, np.ndarray]:
    """Film strips of test clips, of the frames that the model saw.

    Args:
        cfg: the run's config; its test pipeline runs as far as the pictures go.
        ids: of the clips.
        data_root: folder of the data set, instead of the config's.
        frames: most frames a strip.
        height: of a strip in pixels.

    Returns:
        (height, W, 3) RGB uint8 by id; a clip that the set does not have is left out.

    Raises:
        DatasetError, BadClipError: if the set or a clip cannot be read.
    """
    wanted, strips = set(ids), {}
    pipeline = takewhile(lambda step: step['type'].split('.')[-1] not in PACKING, cfg.test_pipeline)
    for dataset in build_datasets(cfg, 'test_dataloader', data_root, list(pipeline)):
        for index in range(len(dataset)):
            name = sample_id(dataset.get_data_info(index))
            if name in wanted:
                seen = dataset[index]
                images = seen['imgs'] if 'imgs' in seen else [seen['img'][..., ::-1]]       # mmpretrain reads BGR
                strips[name] = film_strip([np.ascontiguousarray(image) for image in images], frames, height)
    return strips


def sample_id(info: dict) -> str:
    """What a sample is called: its clip's id, or its file's name."""
    return str(info['video_id']) if 'video_id' in info else os.path.basename(info['img_path'])
