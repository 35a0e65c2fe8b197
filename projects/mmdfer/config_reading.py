"""Reading a config, by its path or its name, and putting together what its file tells in parts."""
from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mmengine.config import Config

from .config_names import check_path, find_file
from .config_rows import Row, change_config, find_row, row_names
from .names import nearest

BESIDE = 'beside_frames'
RECIPE, RECIPES = 'recipe', 'recipes'
# What of a clip is loaded beside its frames comes behind the steps that crop and flip them, before these.
AFTER_CROPS = ('ColorJitter', 'ClipColorJitter', 'FormatShape')


def read_config(path: str | os.PathLike) -> Config:
    """A config's file, or what a name stands for: a config of the toolbox, or a row of a paper's table.

    Raises:
        ValueError: for a file that is missing or no config, and for an unknown name.
    """
    if os.path.isfile(path):
        return _read_file(path)
    name = str(path)
    row = find_row(name)
    if row is not None:
        return row_config(*row)
    file = find_file(name)
    if file is None:
        check_path(path, row_names() if '/' in name else ())
    return _read_file(file)


def row_config(row: Row, dataset: str | None = None) -> Config:
    """The config of a row: its base on that data set, and what it changes there.

    Raises:
        ValueError: for a change that hits nothing.
    """
    base = read_config(row.base(dataset))
    content = base.to_dict()
    change_config(content, row.changes, row.name(dataset))
    return Config(content, cfg_text=f'# {row.name(dataset)}: {row.group}, {row.title}',
                  filename=f'{row.stem(dataset)}.py')


@contextmanager
def files_read_once() -> Iterator[None]:
    """Read each config file once within a block, where many rows are read that change the same few."""
    before = _READ.get()
    token = _READ.set({} if before is None else before)
    try:
        yield
    finally:
        _READ.reset(token)


_READ: ContextVar[dict[str, Config] | None] = ContextVar('_READ', default=None)


def _read_file(path: str | os.PathLike) -> Config:
    read = _READ.get()
    if read is not None and str(path) in read:
        return copy.deepcopy(read[str(path)])
    try:
        cfg = Config.fromfile(path)
    except (SyntaxError, AttributeError, FileNotFoundError) as error:
        raise ValueError(f'{path}: cannot be read as a config: {error}') from error
    if read is not None:
        read[str(path)] = copy.deepcopy(cfg)
    return cfg


def apply_recipe(cfg: Config) -> None:
    """Change a config by the one of its ``recipes`` that ``recipe`` names; both entries are gone afterwards.

    A config says so what another recipe of the same model changes in it, by dotted key as rows do:
    ``recipe='paper', recipes=dict(release={'train_cfg.max_epochs': 25})``. ``'paper'`` is the config as it stands. What
    a recipe changes in a part that a row leaves out, such as an adapter, is left out too.

    Raises:
        ValueError: for a recipe that the config does not have.
    """
    name, recipes = cfg.pop(RECIPE, None), cfg.pop(RECIPES, None) or {}
    if name is None or name == 'paper':
        return
    if name not in recipes:
        raise ValueError(f'recipe={name!r}: the config has no such recipe; {nearest(str(name), ["paper", *recipes])}')
    content = cfg._cfg_dict
    change_config(content, {key: value for key, value in recipes[name].items() if not _left_out(content, key, value)},
                  f'recipe {name!r}')


def _left_out(config: Any, key: str, value: Any) -> bool:
    """Whether a change has no object: in a part that stands as ``None``, or leaving out what is not there."""
    *parents, last = key.split('.')
    for part in parents:
        config = config.get(part, ...) if isinstance(config, Mapping) else ...
        if config is None:
            return True
    return value is None and isinstance(config, Mapping) and last not in config


def place_beside_frames(cfg: Config) -> None:
    """Put the steps of ``beside_frames`` into every pipeline of clips, and what they load into what it packs.

    A config says once, for any data set, what is loaded beside the frames:
    ``beside_frames=dict(captions=dict(steps=[dict(type='LoadCaption')], meta_keys=('caption', )))``. An entry that is
    ``None`` is left out.
    """
    parts = [part for part in (cfg.pop(BESIDE, None) or {}).values() if part]
    for pipeline in _pipelines(cfg._cfg_dict) if parts else ():
        kinds = [step['type'] for step in pipeline]
        if 'PackActionInputs' not in kinds:
            continue
        place = next(index for index, kind in enumerate(kinds) if kind in (*AFTER_CROPS, 'PackActionInputs'))
        pipeline[place:place] = [copy.deepcopy(step) for part in parts for step in part['steps']]
        packing = next(step for step in pipeline if step['type'] == 'PackActionInputs')
        for keys in ('meta_keys', 'algorithm_keys'):
            added = [key for part in parts for key in part.get(keys, ())]
            if added:
                packing[keys] = (*packing.get(keys, ()), *added)


def _pipelines(value: Any) -> Iterator[list]:
    """Every pipeline in a config, each once."""
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _pipelines(one)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if str(key).endswith('pipeline') and isinstance(one, list):
                yield one
            else:
                yield from _pipelines(one)
