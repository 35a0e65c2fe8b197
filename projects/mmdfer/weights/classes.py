"""The classes of a weight file against those of a model: the same, in another order, or others."""
from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ..class_order import Axis, difference, listed, places_of
from .errors import CheckpointError

# Where heads of MMAction2 and MMPretrain, which do not say it, have their classifier.
STOCK_CLASSIFIERS = ('fc_cls', 'fc')
HEADS = ('cls_head', 'head')


def classes_of_file(meta: dict) -> tuple[str, ...] | None:
    """Class names by which a file was trained, from its meta: a tunable file's, or a checkpoint's of mmengine."""
    classes = meta.get('classes') or (meta.get('dataset_meta') or {}).get('classes')
    return None if classes is None else tuple(str(name) for name in classes)


def class_axes(model: nn.Module) -> dict[str, Axis] | None:
    """Tensors of a model's state dict that go by class, with the axis of the classes.

    A module says so itself, by ``class_axes() -> dict[name, axis]``; of a stock head it is the classifier.

    Returns:
        The axes by name; ``None`` if there is a head that does not say.
    """
    axes: dict[str, Axis] = {}
    for prefix, module in model.named_modules():
        start = f'{prefix}.' if prefix else ''
        if hasattr(module, 'class_axes'):
            axes.update((start + name, axis) for name, axis in module.class_axes().items())
        elif prefix in HEADS:
            found = _stock_axes(module)
            if found is None:
                return None
            axes.update((start + name, axis) for name, axis in found.items())
    return axes


def _stock_axes(head: nn.Module) -> dict[str, int] | None:
    for place in STOCK_CLASSIFIERS:
        layer = getattr(head, place, None)
        if isinstance(layer, nn.Linear) and layer.out_features == getattr(head, 'num_classes', None):
            return {f'{place}.{name}': 0 for name, _ in layer.named_parameters()}
    return None


def fit_classes(state: dict[str, Tensor], theirs: Sequence[str] | None, ours: Sequence[str] | None, model: nn.Module,
                path: str | os.PathLike, fresh: bool = False) -> dict[str, Tensor]:
    """A file's tensors for a model whose classes are ``ours``.

    Args:
        state: the tensors, by names of the model's state dict.
        theirs: the file's classes; ``None`` for a file that does not know them, which is taken as it is.
        ours: the model's classes; ``None`` where they are not known.
        model: it, or rather its modules, say which tensors go by class.
        path: the file, for messages.
        fresh: of a file of other or unknown classes leave out what goes by class, which then keeps the model's own
            start.

    Returns:
        The tensors, those that go by class in the order of ``ours``.

    Raises:
        CheckpointError: for other classes, unless no tensor goes by class; for another order in a head that does not
            say which tensors do.
    """
    if theirs is None and fresh:
        fresh_axes = class_axes(model) or {}
        print_log(f'{path}: does not know its classes; {", ".join(fresh_axes)} keep their own start', logger='current')
        return {name: tensor for name, tensor in state.items() if name not in fresh_axes}
    if theirs is None or ours is None or tuple(theirs) == tuple(ours):
        return state
    axes, places = class_axes(model), places_of(ours, theirs)
    if places is None:
        return _of_other_classes(state, theirs, ours, axes, path, fresh)
    if axes is None:
        raise CheckpointError(f'{path}: has the classes of the data in another order ({listed(theirs)}), and the head '
                              'does not say which of its tensors go by class; give the head a class_axes(), or test '
                              'with data in that order')
    permuted = dict(state)
    for name, axis in axes.items():
        if name in state:
            for one in axis if isinstance(axis, tuple) else (axis, ):
                if state[name].shape[one] != len(theirs):
                    raise CheckpointError(f'{path}: {name} has {state[name].shape[one]} classes, its meta names '
                                          f'{len(theirs)}: the file contradicts itself')
                permuted[name] = permuted[name].index_select(one, torch.tensor(places, device=state[name].device))
    if places != list(range(len(places))):
        print_log(f'{path}: its classes are in the order {listed(theirs)}; {len(axes)} tensors were brought into that '
                  f'of the data, {listed(ours)}', logger='current')
    return permuted


def _of_other_classes(state: dict[str, Tensor], theirs: Sequence[str], ours: Sequence[str],
                      axes: dict[str, Axis] | None, path: str | os.PathLike, fresh: bool) -> dict[str, Tensor]:
    told = (f'{path}: was trained on the classes {listed(theirs)}; the data have {listed(ours)} '
            f'({difference(theirs, ours)})')
    if axes == {}:
        print_log(f'{told}: no weight goes by class, the texts are those of the data', logger='current')
        return state
    if fresh and axes is not None:
        print_log(f'{told}: {", ".join(axes)} keep their own start', logger='current')
        return {name: tensor for name, tensor in state.items() if name not in axes}
    raise CheckpointError(f'{told}. Use the config and data of its classes; to train on from it with a classifier of '
                          'its own, give load_from and fresh_classes=True (--cfg-options load_from=FILE '
                          'fresh_classes=True)')
