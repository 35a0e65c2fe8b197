"""A run's model: built from its config through the registries, with the weights that training left."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from ..config_text import carried_values
from ..registry import MODELS
from ..run_config import flow_classes
from ..weights import CheckpointError, classes_of_file, is_tunable_file, load_weights, read_checkpoint

if TYPE_CHECKING:
    from mmengine.config import Config


def build_model(cfg: Config, checkpoint: str, device: str | None = None) -> nn.Module:
    """The config's model with a checkpoint's weights, on a device and in evaluation mode.

    Args:
        cfg: the config that the checkpoint was trained with.
        checkpoint: full checkpoint, or tunable file with the image checkpoint in the config.
        device: e.g. ``'cuda'``; by default CUDA where there is one.

    The classes of the config's data reach the model, and ``cfg.run_classes`` holds them; where the data name none, they
    are the checkpoint's.

    Raises:
        CheckpointError: if the file does not fit.
    """
    return load_model(cfg, checkpoint, device)[0]


def load_model(cfg: Config, checkpoint: str, device: str | None = None) -> tuple[nn.Module, dict]:
    """:func:`build_model`, and the checkpoint's meta."""
    import torch
    from mmengine.registry import init_default_scope
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    classes = flow_classes(cfg) or flow_classes(cfg, classes_of_file(read_checkpoint(checkpoint).get('meta') or {}))
    model = MODELS.build(cfg.model)
    meta = load_into(model, checkpoint, classes)
    return model.to(device or ('cuda' if torch.cuda.is_available() else 'cpu')).eval(), meta


def load_into(model: nn.Module, checkpoint: str, classes: Sequence[str] | None = None) -> dict:
    """Load either kind of file; for a tunable one the towers' own ``init_cfg`` gives the frozen part.

    Args:
        model: where the weights go.
        checkpoint: the file.
        classes: the model's classes in their order, against which those of the file are held.

    Returns:
        The file's meta.

    Raises:
        CheckpointError: if the file does not fit.
    """
    if is_tunable_file(checkpoint):
        for module in model.modules():
            if isinstance(getattr(module, 'init_cfg', None), dict) and module.init_cfg.get('type') == 'Pretrained':
                try:
                    module.init_weights()
                except CheckpointError as error:
                    error.add_note(f'it is to hold the frozen weights that {checkpoint} stands on: give their file by '
                                   '--image-checkpoint, for a text tower of long texts by --long-clip-checkpoint')
                    raise
    meta = load_weights(model, checkpoint, classes)
    check_normalisation(model, meta, checkpoint)
    return meta


def check_normalisation(model: nn.Module, meta: dict, path: str) -> None:
    """Refuse a file whose model saw frames under another mean and standard deviation than the config's.

    Raises:
        CheckpointError: naming both, and the options that set the file's.
    """
    preprocessor, told = getattr(model, 'data_preprocessor', None), _told_normalisation(meta)
    theirs = {key: told[key] for key in ('mean', 'std') if isinstance(told.get(key), (list, tuple))
              and all(isinstance(value, int | float) for value in told[key])}
    ours = {key: [round(float(value), 3) for value in getattr(preprocessor, key).flatten()]
            for key in theirs if getattr(preprocessor, key, None) is not None}
    if all(_alike(ours[key], theirs[key]) for key in ours):
        return
    options = ' '.join(
        f'model.data_preprocessor.{key}=[{",".join(map(str, values))}]' for key, values in theirs.items())
    raise CheckpointError(f'{path}: was trained on frames normalised by {_told(theirs)}, the config has {_told(ours)}; '
                          f'use the config that it was trained with, or give its own by --cfg-options {options}')


def _alike(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    return len(ours) == len(theirs) and all(
        math.isclose(own, other, rel_tol=1e-3) for own, other in zip(ours, theirs, strict=True))


def _told(values: dict) -> str:
    return ', '.join(f'{key} {list(value)}' for key, value in values.items())


def _told_normalisation(meta: dict) -> dict:
    """The mean and standard deviation that a converted file tells of, or the config that a file carries."""
    if 'mean' in meta:
        return meta
    values = carried_values(meta.get('cfg'))
    for place in (values.get('model'), values):
        told = place.get('data_preprocessor') if isinstance(place, dict) else None
        if isinstance(told, dict):
            return told
    return {}
