"""The towers in a run's config, and the weight files that they start from."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from mmengine.config import Config, ConfigDict

from .weights.registry import is_name

# Stock backbones take ``init_cfg`` and go past it in silence, or take none.
# Unless their config says freeze=True.
TRAINED_WHOLE = ('ImageViT', 'JointViT', 'LGIFormer', 'M3DFEL', 'SVFAP', 'SnippetViT')
READ_IMAGE_CHECKPOINTS = ('AdapterViT', 'AdaptedBackbone', 'S2DViT', *TRAINED_WHOLE)
TOWERS = (*READ_IMAGE_CHECKPOINTS, 'CLIPTextEncoder')
CLIP_CONTEXT = 77
IMAGE_SET = '{image_set}'


def set_image_checkpoint(cfg: Config, path: str | None) -> None:
    """Start the image towers, and text towers where the model has any, from an image model's or a CLIP model's weights.

    A video encoder starts so from a file of its pre-training.

    A tower whose config says ``init_cfg=None`` keeps its random weights. ``{image_set}`` in the path stands for the
    config's entry of that name, so that one path serves rows that start from models of different image sets.

    Raises:
        ValueError: if there is no such file or folder, or the backbone is none that reads such files.
    """
    if path is None:
        return
    if IMAGE_SET in path:
        if not cfg.get('image_set'):
            raise ValueError(f'--image-checkpoint {path}: the config has no image_set, which {IMAGE_SET} stands for; '
                             'give a path without it')
        path = path.replace(IMAGE_SET, cfg.image_set)
    path = _weights(path, '--image-checkpoint')
    kind = cfg.get('model', {}).get('backbone', {}).get('type')
    if kind not in READ_IMAGE_CHECKPOINTS:
        raise ValueError(f'--image-checkpoint: a backbone of type {kind} does not read one; give its weights as its '
                         'class wants them, by --cfg-options model.backbone.pretrained=... or load_from=...')
    for tower in towers(cfg.model):
        if tower.get('init_cfg', ...) is not None:
            tower.init_cfg = dict(type='Pretrained', checkpoint=path)


def check_image_sets(path: str | None, rows: Mapping[str, str | None]) -> None:
    """Refuse one image model for rows that start from models of different image sets.

    Args:
        path: ``--image-checkpoint``.
        rows: the image set of each row, if it has one.

    Raises:
        ValueError: naming a row of each set.
    """
    first: dict[str, str] = {}
    for row, image_set in rows.items():
        if image_set:
            first.setdefault(image_set, row)
    if path is not None and IMAGE_SET not in path and len(first) > 1:
        told = ', '.join(f'{row} of {image_set}' for image_set, row in first.items())
        raise ValueError(f'--image-checkpoint {path}: one model for rows that start from models of different image '
                         f'sets ({told}); write {IMAGE_SET} into the path, or choose rows by --only')


def set_long_clip_checkpoint(cfg: Config, path: str | None) -> None:
    """Start the text towers of long texts from a Long-CLIP model's weights, instead of CLIP's stretched ones.

    Raises:
        ValueError: if there is no such file, or the model has no such tower.
    """
    if path is None:
        return
    path = _weights(path, '--long-clip-checkpoint')
    long = [tower for tower in towers(cfg.model) if tower.get('context_length', CLIP_CONTEXT) > CLIP_CONTEXT]
    if not long:
        raise ValueError(f'--long-clip-checkpoint {path}: the model has no text tower with a context over '
                         f'{CLIP_CONTEXT}')
    for tower in long:
        tower.init_cfg = dict(type='Pretrained', checkpoint=path)


def _weights(path: str, option: str) -> str:
    """The whole path of a file or folder, or the name of registered weights, which a tunable file then carries."""
    if is_name(path):
        return path
    if not os.path.exists(path):
        raise ValueError(f'{option} {path}: no such file, and no name of registered weights (mmdfer weights list)')
    return os.path.abspath(path)


def towers(model: ConfigDict | list) -> Iterator[ConfigDict]:
    """Configs of the image and text towers in a model's config that read weight files."""
    if isinstance(model, dict) and model.get('type') in TOWERS:
        yield model
    for value in model.values() if isinstance(model, dict) else model:
        if isinstance(value, (dict, list, tuple)):
            yield from towers(value)
