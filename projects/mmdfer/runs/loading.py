"""A run's model: built from its config through the registries, with the weights that training left."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from ..registry import MODELS
from ..run_config import flow_classes
from ..weights import classes_of_file, is_tunable_file, load_weights, read_checkpoint

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
    import torch
    from mmengine.registry import init_default_scope
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    classes = flow_classes(cfg) or flow_classes(cfg, classes_of_file(read_checkpoint(checkpoint).get('meta') or {}))
    model = MODELS.build(cfg.model)
    load_into(model, checkpoint, classes)
    return model.to(device or ('cuda' if torch.cuda.is_available() else 'cpu')).eval()


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
                module.init_weights()
    return load_weights(model, checkpoint, classes)
