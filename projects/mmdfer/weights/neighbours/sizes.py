"""Sizes of a vision transformer, read from a released file's tensors under our names."""
from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..errors import CheckpointError
from ..loading import depth_of, fuse_qkv
from ..release import under

HEAD = 64           # channels of a head, in every size of these systems


def vit_settings(state: Mapping[str, Tensor], config: Mapping[str, int], path: str | os.PathLike) -> dict[str, int]:
    """Entries of a config's ``model`` by dotted key, where the file's ``backbone`` is of other sizes than the config's.

    What a tensor that is missing would tell is taken as the config has it; the tensor is missed later, by its name.

    Args:
        state: tensors by our names.
        config: the config's entries, of which those are read that are here.
        path: the file, for messages.
    """
    def size(name: str, axis: int) -> int | None:
        tensor = state.get(f'backbone.{name}')
        return None if tensor is None or tensor.ndim <= axis else tensor.shape[axis]

    width, patch = size('layers.0.ln1.weight', 0), size('patch_embed.projection.weight', -1)
    positions = size('pos_embed', 1)
    found = {
        'backbone.arch.embed_dims': width,
        'backbone.arch.num_layers': depth_of(under(state, 'backbone.'), path),
        'backbone.arch.num_heads': None if width is None else max(1, width // HEAD),
        'backbone.arch.feedforward_channels': size('layers.0.ffn.layers.0.0.weight', 0),
        'backbone.patch_size': patch,
        'backbone.img_size': patch and positions and math.isqrt(positions - 1) * patch,
    }
    return others({key: value for key, value in found.items() if key in config}, config)


def others(found: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """What is known and is not as the config has it."""
    return {key: value for key, value in found.items() if value is not None and value != config[key]}


def extent(state: Mapping[str, Tensor], name: str, axis: int = 0) -> int | None:
    """A tensor's size along an axis; ``None`` where it is missing."""
    return state[name].shape[axis] if name in state else None


def fused(state: dict[str, Tensor], attention: str, parts: tuple[str, str, str],
          path: str | os.PathLike) -> dict[str, Tensor]:
    """As :func:`mmdfer.weights.loading.fuse_qkv` does.

    Raises:
        CheckpointError: naming a part that is missing.
    """
    for name in state:
        for one in parts:
            beside = [name.replace(f'{attention}{one}.', f'{attention}{other}.') for other in parts]
            missing = next((other for other in beside if other not in state), None)
            if missing is not None:
                raise CheckpointError(f'{path}: {missing} is missing, where {name} is there; it is damaged: choose the '
                                      'file as it was released')
    return fuse_qkv(state, attention, parts)
