"""The tunable part of a model alone, with what is needed to put it back on the right frozen weights."""
from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from safetensors.torch import save_file
from torch import Tensor, nn

from ..files import whole_file
from .classes import classes_of_file, fit_classes
from .errors import CheckpointError
from .loading import is_of_kind
from .old_names import check_old_meaning, with_current_names
from .places import META as PLACES, adapter_places, check_places
from .reading import read_checkpoint, read_metadata
from .states import find_state_dict

FORMAT = 'mmdfer-tunable-1'


def tunable_names(model: nn.Module) -> set[str]:
    """Names of the parameters that training changes, one name for each."""
    return {bare_name(name) for name, parameter in model.named_parameters() if parameter.requires_grad}


def bare_name(name: str) -> str:
    """A parameter's name without what FSDP puts between its parts."""
    return name.replace('_fsdp_wrapped_module.', '')


def training_buffers(model: nn.Module) -> set[str]:
    """Names of the buffers that training fills beside the weights, and predictions do not depend on.

    A module names its own by ``training_buffers()``. They are in full checkpoints, for a resumed run; in no tunable
    file and no digest, and a file may lack them.
    """
    return {bare_name(f'{prefix}.{name}' if prefix else name) for prefix, module in model.named_modules()
            if hasattr(module, 'training_buffers') for name in module.training_buffers()}


def frozen_digest(model: nn.Module, state: dict[str, Tensor] | None = None) -> str:
    """SHA-256 of names, types and bytes of everything in the state dict that training does not change."""
    # A module shared by two towers has names in both.
    tunable = {bare_name(name) for name, parameter in model.named_parameters(remove_duplicate=False)
               if parameter.requires_grad}
    tunable |= training_buffers(model)
    digest = hashlib.sha256()
    for name, tensor in sorted((model.state_dict() if state is None else state).items()):
        if name not in tunable:
            tensor = tensor.detach().cpu().contiguous()
            digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_tunable(model: nn.Module, path: str | os.PathLike, meta: dict, state: dict[str, Tensor] | None = None) -> None:
    """Write the tunable parameters as safetensors, whole or not at all.

    Args:
        model: its frozen part is not written; its digest is.
        path: ends in ``.safetensors``.
        meta: JSON-able provenance, such as the config's text and the ``classes`` in their order; ``frozen_digest`` is
            added if it lacks it.
        state: the model's state dict, where the model itself holds parts of its weights.
    """
    names, whole = tunable_names(model), model.state_dict() if state is None else state
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in whole.items() if name in names}
    meta = dict(meta, format=FORMAT, **{PLACES: adapter_places(model)})
    meta.setdefault('frozen_digest', frozen_digest(model, whole))
    with whole_file(path) as partial:
        save_file(state, partial, metadata={'mmdfer': json.dumps(meta)})


def load_weights(model: nn.Module, path: str | os.PathLike, classes: Sequence[str] | None = None) -> dict:
    """Load a full checkpoint or a tunable file into a model; nothing is left half-loaded.

    For a tunable file the model must already carry its frozen weights, and their digest must be the one
    that the file was trained on.

    Args:
        model: where the weights go.
        path: the file.
        classes: the model's classes in their order. A file of the same classes in another order is brought into theirs,
            where the model says which weights go by class (:func:`~mmdfer.weights.classes.fit_classes`).

    Returns:
        The file's meta, with the config's text under ``cfg`` for files that mmdfer wrote.

    Raises:
        CheckpointError: for weights of another architecture, of other classes or, with a tunable file, other frozen
            weights.
    """
    checkpoint = read_checkpoint(path)
    meta = checkpoint.get('meta') or {}
    state = find_state_dict(checkpoint, path)
    check_old_meaning(state, meta, path)
    state = fit_classes(with_current_names(model, state), classes_of_file(meta), classes, model, path)
    is_tunable_file = meta.get('format') == FORMAT
    optional = training_buffers(model)
    expected = {name: tensor for name, tensor in model.state_dict().items()
                if (not is_tunable_file or name in tunable_names(model)) and (name not in optional or name in state)}
    _check_architecture(path, state, expected)
    check_places(model, meta, path)
    if is_tunable_file:
        _check_frozen(path, meta, model)
    model.load_state_dict(state, strict=False)
    kind = 'tunable part' if is_tunable_file else 'full checkpoint'
    print_log(f'{path}: {kind}, {len(state)} tensors loaded', logger='current')
    return meta


def _check_architecture(path, state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    missing = sorted(set(expected) - set(state))
    unexpected = sorted(set(state) - set(expected))
    reshaped = [f'{name} is {tuple(state[name].shape)}, expected {tuple(tensor.shape)}'
                for name, tensor in expected.items() if name in state and state[name].shape != tensor.shape]
    retyped = [f'{name} holds {state[name].dtype}, expected {tensor.dtype}' for name, tensor in expected.items()
               if name in state and not is_of_kind(state[name], tensor)]
    problems = [f'{len(keys)} {what} (such as {keys[0]})' for what, keys in
                (('weights missing', missing), ('weights without a place', unexpected), ('shapes differ', reshaped),
                 ('types differ', retyped)) if keys]
    if problems:
        raise CheckpointError(f'{path}: a checkpoint of another architecture than the config: {"; ".join(problems)}; '
                              'use the config that it was trained with')


def _check_frozen(path, meta: dict, model: nn.Module) -> None:
    if meta.get('frozen_digest') == frozen_digest(model):
        return
    source = meta.get('image_checkpoint')
    remedy = (f'give the same file by --image-checkpoint (it was {source})' if source else
              'its frozen weights came from no file, so use the full .pth checkpoint')
    raise CheckpointError(f'{path}: holds the tunable part alone and was trained on other frozen weights than the '
                          f'model has now; {remedy}')


def is_tunable_file(path: str | os.PathLike) -> bool:
    """Whether a file holds a tunable part alone."""
    return read_metadata(path).get('format') == FORMAT
