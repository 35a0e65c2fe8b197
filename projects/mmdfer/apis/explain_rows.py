"""The models that a figure compares: a row or panel each."""
from __future__ import annotations

import copy
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.logging import print_log

from ..runs.layout import BEST_CHECKPOINT

if TYPE_CHECKING:
    from mmengine.config import Config

CHECKPOINTS = (BEST_CHECKPOINT, 'best.safetensors', 'last.safetensors')
"""Of a run's folder, the first that is there."""


@dataclass(frozen=True)
class Row:
    """A model: what figures call it, its config, and its checkpoint; ``fold`` where its folder tells it."""
    name: str
    cfg: Config
    checkpoint: str
    fold: int | None = None


def rows_of(cfg: Config, checkpoints: Sequence[str | os.PathLike], names: Sequence[str] | None = None) -> list[Row]:
    """Rows of one config.

    Args:
        cfg: the config that the checkpoints were trained with.
        checkpoints: files; a run's folder, whose best checkpoint is taken; or a folder of ``fold_1``, ``fold_2``, ...,
            which makes a row a fold, on that fold's test clips.
        names: of the rows. Defaults to folds, folders or file stems.

    Raises:
        ValueError: for a path that is none of these, names of another number or twice the same.
    """
    found: list[tuple[str, str, int | None]] = []
    for path in map(Path, checkpoints):
        of_path = _of_path(path)
        _tell_missing(cfg, path, [fold for _, _, fold in of_path] if path.is_dir() and len(of_path) > 1 else [])
        found += of_path
    given = list(names) if names else _distinct([name for name, _, _ in found])
    if len(given) != len(found) or len(set(given)) != len(given):
        raise ValueError(f'--names {" ".join(given)}: {len(found)} rows need as many names, each once')
    return [Row(name, _of_fold(cfg, fold), checkpoint, fold) for name, (_, checkpoint, fold) in zip(given, found)]


def _of_path(path: Path) -> list[tuple[str, str, int | None]]:
    """Name, checkpoint and fold of each row that a path stands for."""
    if path.is_file():
        return [(path.parent.name if path.name in CHECKPOINTS and path.parent.name else path.stem, str(path),
                 _fold(path.parent))]
    if not path.is_dir():
        raise ValueError(f'{path}: no such checkpoint: give a file, a run\'s folder, or a folder of folds')
    folds = sorted((one for one in path.glob('fold_*') if _fold(one) is not None), key=lambda one: _fold(one) or 0)
    if folds:
        return [(f'fold {_fold(one)}', _checkpoint_in(one), _fold(one)) for one in folds]
    return [(path.name, _checkpoint_in(path), _fold(path))]


def _checkpoint_in(folder: Path) -> str:
    for name in CHECKPOINTS:
        if (folder / name).is_file():
            return str(folder / name)
    raise ValueError(f'{folder}: holds none of {", ".join(CHECKPOINTS)}: give a run\'s folder, or the '
                     'checkpoint itself')


def _fold(folder: Path) -> int | None:
    stem, _, number = folder.name.partition('_')
    return int(number) if stem == 'fold' and number.isdecimal() else None


def _tell_missing(cfg: Config, path: Path, folds: Sequence[int | None]) -> None:
    """Warn of folds of the set that a folder of folds lacks."""
    from ..run_config import set_folds
    missing = [f'fold_{fold}' for fold in set_folds(cfg) if fold not in folds]
    if folds and missing:
        print_log(f'{path}: holds no {", ".join(missing)}; the figure is of the folds that are there', logger='current',
                  level=logging.WARNING)


def _of_fold(cfg: Config, fold: int | None) -> Config:
    """The config with the test clips of a fold, if its set has folds."""
    from ..run_config import dataset_configs
    cfg = copy.deepcopy(cfg)
    for dataset in dataset_configs(cfg, ('test_dataloader',)):
        if fold is not None and 'fold' in dataset:
            dataset.fold = fold
    return cfg


def _distinct(names: Sequence[str]) -> list[str]:
    """Names, of which equal ones are numbered."""
    return [name if names.count(name) == 1 else f'{name} {names[:place].count(name) + 1}'
            for place, name in enumerate(names)]
