"""Released checkpoints as files that our configs test with."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import yaml
from mmengine.logging import print_log

from ..files import write_text
from ..registry import class_names, find_set
from ..text.tokenizer import decode
from ..weights import CheckpointError
from ..weights.releases import RELEASES, read_release
from .convert import check_target, write_converted
from .convert_clip import convert_clip

FORMAT = 'mmdfer-release-1'
# CLIP models are no recognisers: both towers, for --image-checkpoint.
TOWERS = {'openai_clip': ('OpenAI/open_clip', ), 'longclip': ('Long-CLIP', )}
KINDS = (*RELEASES, *TOWERS)


def convert_release(kind: str, source: str | os.PathLike, target: str | os.PathLike, force: bool = False,
                    dataset: str = 'dfew') -> str:
    """Write a released checkpoint as a safetensors file under our names.

    A recogniser's file goes to ``mmdfer test CONFIG OUT`` with the config and settings that the report
    names; its logits are the release's. CLIP models are written by :func:`convert_clip`, for
    ``--image-checkpoint``. DFER-CLIP's class texts, which it keeps as embeddings, are written beside the file
    as ``OUT.texts.yaml`` for ``model.cls_head.texts.file``. Its classes, in its own order of the set, are written into
    the file, by which it is brought into the order of the data it is tested on.

    Args:
        kind: one of ``KINDS``.
        source: the release's file.
        target: ends in ``.safetensors``.
        force: write over existing files.
        dataset: the set that DFER-CLIP was trained on, whose class names its texts get.

    Returns:
        The report, which is logged too.

    Raises:
        CheckpointError: for a target of another suffix or one that is there already, and a source that cannot
            be read or is of another release.
        ValueError: for an unknown kind, or a data set of another number of classes.
    """
    if kind not in KINDS:
        raise ValueError(f'{kind!r} is no release known here: choose one of {", ".join(KINDS)}')
    if kind in TOWERS:
        return convert_clip(source, target, force, TOWERS[kind])
    check_target(target, force)
    release = read_release(kind, source)
    settings = {f'model.{key}': str(value) for key, value in release.settings.items()}
    meta = {}
    if release.tokens:
        orders = find_set(dataset).class_orders()
        meta['classes'] = orders.get(kind, class_names(dataset))
        texts = _write_texts(release.tokens, target, dataset, meta['classes'], force)
        settings['model.cls_head.texts.file'] = str(texts)
        settings['model.cls_head.texts.templates'] = '{}'
    options = ' '.join(f'{key}={value}' for key, value in settings.items())
    write_converted(release.state, target, dict(format=FORMAT, release=kind, source=str(source), config=release.config,
                                                settings=settings, **meta))
    report = (f'{source}: {kind} release, {len(release.state)} tensors written to {target}; test it by '
              f'mmdfer test {release.config} {target} --cfg-options {options}')
    print_log(report, logger='current')
    return report


def _write_texts(tokens: list[list[int]], target: str | os.PathLike, dataset: str, names: Sequence[str],
                 force: bool) -> Path:
    """The class texts as a file of ``class name: text``."""
    path = Path(target).with_suffix('.texts.yaml')
    if len(names) != len(tokens):
        raise ValueError(f'--dataset {dataset}: has {len(names)} classes, the release {len(tokens)}; give the set '
                         'that it was trained on')
    if path.exists() and not force:
        raise CheckpointError(f'{path}: is there already; give another name, or write over it by --force')
    texts = {name: decode(row) for name, row in zip(names, tokens, strict=True)}
    write_text(yaml.safe_dump(texts, sort_keys=False, allow_unicode=True, width=10**6), path)
    return path
