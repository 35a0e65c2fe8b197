"""Released checkpoints as files that our configs test with."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import yaml
from mmengine.logging import print_log

from ..files import write_text
from ..names import check_name
from ..registry import find_set
from ..run_config import load_config
from ..shell_words import argument, config_option
from ..text.tokenizer import decode
from ..weights import CheckpointError
from ..weights.releases import RELEASES, Release, read_release
from .convert import check_target, write_converted
from .convert_clip import convert_clip

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
        dataset: the set that it was trained on, for its classes' names. Defaults to ``'dfew'`` for a model with texts;
            without a set a model of another kind does not know its classes.
        class_order: the order of the classes, by its name in the set's ``ORDERS``. Defaults to the release's.

    Returns:
        The report, which is logged too.

    Raises:
        CheckpointError: for a target of another suffix or one that is there already, and a source that cannot
            be read or is of another release.
        ValueError: for an unknown kind, a data set of another number of classes, or an order that is not known.
    """
    if kind not in KINDS:
        raise ValueError(f'{kind!r} is no release known here: choose one of {", ".join(KINDS)}')
    if kind in TOWERS:
        return convert_clip(source, target, force, TOWERS[kind])
    check_target(target, force)
    release = read_release(kind, source)
    settings = {f'model.{key}': str(value) for key, value in release.settings.items()} | _frame_settings(release)
    meta: dict = {}
    if release.tokens and dataset is None:
        dataset = 'dfew'
    if dataset is not None:
        meta['classes'] = _class_names(kind, release, dataset, class_order)
    if release.tokens:
        settings['model.cls_head.texts.file'] = str(_write_texts(release.tokens, target, meta['classes'], force))
        settings['model.cls_head.texts.templates'] = '{}'
    config = release.config_on(dataset)
    preprocessing = load_config(config).model.data_preprocessor
    meta.update({key: list(preprocessing[key]) for key in ('mean', 'std')})
    write_converted(release.state, target, dict(format=FORMAT, release=kind, source=str(source), config=config,
                                                settings=settings, **meta))
    report = (f'{source}: {kind} release, {len(release.state)} tensors written to {target}; '
              f'{_next_command(release, config, settings, target, dataset)}')
    print_log(report, logger='current')
    return report


def _frame_settings(release: Release) -> dict[str, str]:
    """Entries for clips of another number of frames than the configs'."""
    if release.frames in (None, CONFIG_FRAMES):
        return {}
    places = ['test_pipeline', *(f'{loader}.dataset.pipeline' for loader in LOADERS)]
    return {f'{place}.1.num_frames': str(release.frames) for place in places}


def _class_names(kind: str, release: Release, dataset: str, order: str | None) -> tuple[str, ...]:
    """The classes in the release's order.

    Raises:
        ValueError: for a set of another number of classes, or an order that is not known.
    """
    orders = find_set(dataset).class_orders()
    if order is not None:
        check_name(f'--class-order of {dataset}', order, orders)
    elif release.tokens and ORDER in orders:
        order = ORDER
    elif len(orders) == 1:
        order, = orders
    else:
        raise ValueError(f'--dataset {dataset}: in which order {kind} lists its classes is not known; give it by '
                         f'--class-order, one of {", ".join(orders)}')
    names = orders[order]
    if len(names) != release.classes:
        raise ValueError(f'--dataset {dataset}: has {len(names)} classes, the release {release.classes}; give the set '
                         'that it was trained on')
    return names


def _next_command(release: Release, config: str, settings: dict[str, str], target: str | os.PathLike,
                  dataset: str | None) -> str:
    """How to go on with the file, in words with the command."""
    options = ' '.join(config_option(key, _typed(value)) for key, value in settings.items())
    if dataset in release.sets:
        return f'test it by mmdfer test {config} {argument(target)} --cfg-options {options}'
    if dataset is not None:
        return (f'there is no config of it on {dataset}: write one that stands on {config} with the data of {dataset}, '
                f'and test it by mmdfer test CONFIG {argument(target)} --cfg-options {options}')
    training = ' '.join(config_option(key, _typed(value)) for key, value in settings.items()
                        if key != 'model.cls_head.num_classes')
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
