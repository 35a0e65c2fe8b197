"""What a training starts from: no frozen tower of random weights, and no file that fits nothing, unless it is meant."""
from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from ..registry import HOOKS
from ..run_towers import TOWERS, TRAINED_WHOLE
from ..weights import CheckpointError, with_current_names
from ..weights.tunable import bare_name
from .adapter_checkpoint_hook import LAST
from .sharding import is_sharded

REMEDY = ('give an image model by --image-checkpoint, or a CLIP model by --clip-checkpoint; if random weights are '
          'meant, say so by --random-backbone, or by init_cfg=None in the config')
RESIZED = ('pos_embed', 'positional_embedding')
"""Ends of names whose tensors a tower brings to its own size."""


def random_towers(part: Any, path: str = 'model') -> Iterator[tuple[str, dict]]:
    """The frozen towers in a model's config that no file gives their weights, by their place in the config.

    A tower whose config says ``init_cfg=None`` is meant to be so, and is left out.
    """
    kind = part.get('type') if isinstance(part, dict) else None
    if kind in TOWERS and part.get('freeze', kind not in TRAINED_WHOLE):
        parts = part, part.get('backbone') or {}
        given = any(one.get(key) for one in parts for key in ('init_cfg', 'pretrained'))
        if not given and all(one.get('init_cfg', '') is not None for one in parts):
            yield path, part
    inner = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in inner:
        if isinstance(value, (dict, list, tuple)):
            yield from random_towers(value, f'{path}.{key}')


def allow_random_towers(cfg: Config) -> None:
    """Let a config say of its frozen towers without a file that their weights are meant to be random."""
    for _, tower in random_towers(cfg.get('model') or {}):
        tower['init_cfg'] = None


def check_start(cfg: Config, folder: str | os.PathLike | None = None) -> None:
    """Refuse to train over a frozen tower of random weights.

    Args:
        cfg: a run's config. One that goes on from a checkpoint, or from the weights of ``load_from``, has its towers'
            weights from there; :class:`StartHook` looks at the latter.
        folder: the run's. Defaults to the config's ``work_dir``.

    Raises:
        ValueError: naming the first such tower.
    """
    folder = cfg.get('work_dir') if folder is None else folder
    if cfg.get('load_from') or folder and os.path.isfile(os.path.join(folder, LAST)) and cfg.get('resume'):
        return
    for path, tower in random_towers(cfg.get('model') or {}):
        raise ValueError(f'{path}: the frozen {tower["type"]} would keep random weights, over which training learns '
                         f'little: {REMEDY}')


@HOOKS.register_module()
class StartHook(Hook):
    """Refuse a ``load_from`` that fits nothing of the model, or leaves a frozen tower with random weights.

    A head of other classes, adapters that are new and positions of another number may well keep their own start.
    """

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if getattr(runner, '_resume', False) or not isinstance(checkpoint.get('state_dict'), dict):
            return
        file, model = runner._load_from, runner.model.module if is_model_wrapper(runner.model) else runner.model
        state = {name.removeprefix('module.'): tensor for name, tensor in checkpoint['state_dict'].items()}
        fitting = check_fit(model, with_current_names(model, state), file)
        for path, tower in random_towers(runner.cfg.get('model') or {}):
            inside = f'{path.partition(".")[2]}.'
            frozen = [bare_name(name) for name, parameter in model.named_parameters() if not parameter.requires_grad]
            own = [name for name in frozen if name.startswith(inside)] or frozen
            if own and not fitting.intersection(own):
                raise CheckpointError(f'{file}: holds no weights of the frozen {tower["type"]} ({path}), which would '
                                      f'keep random ones: {REMEDY}')


def check_fit(model: nn.Module, state: dict, file: str | os.PathLike | None) -> set[str]:
    """The names in a file's state dict whose tensors fit the model.

    Raises:
        CheckpointError: if none does, or most are of another shape.
    """
    own = {bare_name(name): tensor for name, tensor in model.state_dict().items()}
    shared = [name for name in state if name in own]
    other = [] if is_sharded(model) else [name for name in shared if tuple(own[name].shape) != tuple(state[name].shape)
                                          and not name.endswith(RESIZED)]
    if not shared:
        raise CheckpointError(f'{file}: fits nothing of the model: it has {len(state)} tensors, such as '
                              f'{next(iter(state), "none")}, the model {len(own)}, such as {next(iter(own), "none")}; '
                              'give a checkpoint of this architecture, or convert the file by mmdfer convert')
    if 2 * len(other) > len(shared):
        name = other[0]
        raise CheckpointError(f'{file}: is of another architecture: {len(other)} of {len(shared)} tensors have other '
                              f'shapes than in the model (such as {name}: {tuple(state[name].shape)}, not '
                              f'{tuple(own[name].shape)}); use the config that it was trained with')
    return set(shared).difference(other)
