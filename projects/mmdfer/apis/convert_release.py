"""Released checkpoints as files that our configs test with."""
from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path

import yaml
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope

from ..files import write_text
from ..names import check_name
from ..registry import find_set
from ..run_config import load_config
from ..shell_words import argument, config_option
from ..text.tokenizer import decode
from ..weights import CheckpointError, find_state_dict, read_checkpoint
from ..weights.classes import class_axes
from ..weights.neighbours.mae_sfer import is_pretraining
from ..weights.release import Release
from ..weights.releases import RELEASES, read_release
from .convert import check_target, convert_vit, write_converted
from .convert_clip import convert_clip
from .counting import build_shapes

FORMAT = 'mmdfer-release-1'
# CLIP models are no recognisers: both towers, for --image-checkpoint.
TOWERS = {'openai_clip': ('OpenAI/open_clip', ), 'longclip': ('Long-CLIP', )}
KINDS = (*RELEASES, *TOWERS)
# The order in which both releases with texts list the classes of every set.
ORDER = 'dfer_clip'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
CONFIG_FRAMES = 16


def convert_release(kind: str, source: str | os.PathLike, target: str | os.PathLike, force: bool = False,
                    dataset: str | None = None, class_order: str | None = None) -> str:
    """Write a released checkpoint as a safetensors file under our names.

    The report names the next command, with the config and settings of the release: it normalises frames and resizes
    them as the release does, so that its logits are the release's. CLIP models are written by :func:`convert_clip`, for
    ``--image-checkpoint``. Class texts, which DFER-CLIP and PE-CLIP keep as embeddings, are written beside the file as
    ``OUT.texts.yaml`` for ``model.cls_head.texts.file``. The classes, in the release's own order of the set, are
    written into the file, by which it is brought into the order of the data it is tested on.

    Args:
        kind: one of ``KINDS``.
        source: the release's file.
        target: ends in ``.safetensors``.
        force: write over existing files.
        dataset: the set that it was trained on, for its classes' names. Defaults to ``'dfew'`` for a model with texts,
            and for a neighbouring system to the first of its sets with as many classes, where all these list them
            alike; without a set a model of another kind does not know its classes.
        class_order: the order of the classes, by its name in the set's ``ORDERS``. Defaults to the release's.

    Returns:
        The report, which is logged too.

    Raises:
        CheckpointError: for a target of another suffix or one that is there already, and a source that cannot
            be read, is of another release, or lacks a tensor of its config's model or has it in another shape.
        ValueError: for an unknown kind, a data set of another number of classes, or an order that is not known.
    """
    if kind not in KINDS:
        raise ValueError(f'{kind!r} is no release known here: choose one of {", ".join(KINDS)}')
    if kind in TOWERS:
        return convert_clip(source, target, force, TOWERS[kind])
    check_target(target, force)
    if kind == 'mae_sfer' and is_pretraining(find_state_dict(read_checkpoint(source), source)):
        return f'{convert_vit(source, target, force)}; it has no classifier: give it by --image-checkpoint {target}'
    release = read_release(kind, source)
    settings = {f'model.{key}': str(value) for key, value in release.settings.items()} | _frame_settings(release)
    meta: dict = {}
    if dataset is None:
        dataset = 'dfew' if release.tokens else _told_by_its_classes(kind, release, source)
    if dataset is not None and not release.headless:
        meta['classes'] = _class_names(kind, release, dataset, class_order)
    if release.tokens:
        settings['model.cls_head.texts.file'] = str(_write_texts(release.tokens, target, meta['classes'], force))
        settings['model.cls_head.texts.templates'] = '{}'
    config = release.config_on(dataset)
    model = load_config(config).model
    if release.whole:
        _check_whole(kind, release, config, model, source)
    preprocessing = model.data_preprocessor
    meta.update({key: list(preprocessing[key]) for key in ('mean', 'std')})
    write_converted(release.state, target, dict(format=FORMAT, release=kind, source=str(source), config=config,
                                                settings=settings, **meta))
    unused = f' ({len(release.unused)} that its computation leaves out are not)' if release.unused else ''
    report = (f'{source}: {kind} release, {len(release.state)} tensors written to {target}{unused}; '
              f'{_next_command(release, config, settings, target, dataset)}{release.note and "; "}{release.note}')
    print_log(report, logger='current')
    return report


def _frame_settings(release: Release) -> dict[str, str]:
    """Entries for clips of another number of frames than the configs'."""
    if release.frames in (None, CONFIG_FRAMES):
        return {}
    places = ['test_pipeline', *(f'{loader}.dataset.pipeline' for loader in LOADERS)]
    return {f'{place}.1.num_frames': str(release.frames) for place in places}


def _told_by_its_classes(kind: str, release: Release, source: str | os.PathLike) -> str | None:
    """The first set with as many classes as a neighbour's release, where all such sets list them alike.

    Raises:
        ValueError: where they do not, or no set has as many.
    """
    if not release.orders:
        return None
    if release.classes is None:
        raise ValueError(f'{source}: a {kind} release does not tell its classes; give the set that it was trained on '
                         f'by --dataset, one of {", ".join(release.orders)}')
    lists = {name: find_set(name).class_orders()[order] for name, order in release.orders.items()}
    fitting = {name: classes for name, classes in lists.items() if len(classes) == release.classes}
    if not fitting:
        raise ValueError(f'{source}: has {release.classes} classes, and {kind} was released on '
                         + ', '.join(f'{name} ({len(classes)})' for name, classes in lists.items())
                         + '; give the set that it was trained on by --dataset, and the order of its classes by '
                         '--class-order')
    if len(set(fitting.values())) > 1:
        raise ValueError(f'{source}: {kind} lists the {release.classes} classes of {" and ".join(fitting)} '
                         'in different orders; give the set that it was trained on by --dataset')
    return next(iter(fitting))


def _check_whole(kind: str, release: Release, config: str, model: dict, source: str | os.PathLike) -> None:
    """Refuse a release that has not each tensor of its config's model, and no other.

    Raises:
        CheckpointError: naming the first tensor that is of another shape, missing or left over.
    """
    cfg = Config(dict(model=copy.deepcopy(model)))
    cfg.merge_from_dict({f'model.{key}': value for key, value in release.settings.items()})
    init_default_scope('mmaction')
    shapes = build_shapes(cfg.model)
    without = (class_axes(shapes) or {}) if release.headless else {}
    ours = {name: tuple(value.shape) for name, value in shapes.state_dict().items() if name not in without}
    theirs = {name: tuple(value.shape) for name, value in release.state.items()}
    of_classes = '' if release.classes is None else f' of {release.classes} classes'
    whose = f'a {kind} release{of_classes} as {config} has it'
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            what = ('is missing' if name not in theirs else 'has no place' if name not in ours else
                    f'is {theirs[name]}, not {ours[name]}')
            raise CheckpointError(f'{source}: {name} {what} in {whose}; it is of another size or system, or damaged: '
                                  'choose the file as it was released')


def _class_names(kind: str, release: Release, dataset: str, order: str | None) -> tuple[str, ...]:
    """The classes in the release's order.

    Raises:
        ValueError: for a set of another number of classes, or an order that is not known.
    """
    orders = find_set(dataset).class_orders()
    if order is not None:
        check_name(f'--class-order of {dataset}', order, orders)
    elif dataset in release.orders:
        order = release.orders[dataset]
    elif release.tokens and ORDER in orders:
        order = ORDER
    elif len(orders) == 1:
        order, = orders
    else:
        raise ValueError(f'--dataset {dataset}: in which order {kind} lists its classes is not known; give it by '
                         f'--class-order, one of {", ".join(orders)}')
    names = orders[order]
    if release.classes not in (None, len(names)):
        raise ValueError(f'--dataset {dataset}: has {len(names)} classes, the release {release.classes}; give the set '
                         'that it was trained on')
    return names


def _next_command(release: Release, config: str, settings: dict[str, str], target: str | os.PathLike,
                  dataset: str | None) -> str:
    """How to go on with the file, in words with the command."""
    options = ' '.join(config_option(key, _typed(value)) for key, value in settings.items())
    if release.headless:
        start = config_option('load_from', str(target))
        return ('it has no classifier and cannot be tested: train one on it by '
                f'mmdfer train {config} --cfg-options {start}{" " if options else ""}{options}')
    if dataset in release.sets:
        given = f' --cfg-options {options}' if options else ''
        return f'test it by mmdfer test {config} {argument(target)}{given}'
    if dataset is not None:
        return (f'there is no config of it on {dataset}: write one that stands on {config} with the data of {dataset}, '
                f'and test it by mmdfer test CONFIG {argument(target)} --cfg-options {options}')
    training = ' '.join(config_option(key, _typed(value)) for key, value in settings.items()
                        if not key.endswith('.num_classes'))
    return (f'the file does not know its {release.classes} classes (--dataset and --class-order tell them), so over '
            f'data of these in its own order the config is {config} --cfg-options {options}; train on from it by '
            f'mmdfer train {config} --cfg-options {config_option("load_from", str(target))} fresh_classes=True'
            f'{" " if training else ""}{training}')


def _typed(value: str) -> object:
    """A setting as it is meant: a number of the release's, or a text."""
    return int(value) if value.isdigit() else False if value == 'False' else value


def _write_texts(tokens: list[list[int]], target: str | os.PathLike, names: Sequence[str], force: bool) -> Path:
    """The class texts as a file of ``class name: text``."""
    path = Path(target).with_suffix('.texts.yaml')
    if path.exists() and not force:
        raise CheckpointError(f'{path}: is there already; give another name, or write over it by --force')
    texts = {name: decode(row) for name, row in zip(names, tokens, strict=True)}
    write_text(yaml.safe_dump(texts, sort_keys=False, allow_unicode=True, width=10**6), path)
    return path
