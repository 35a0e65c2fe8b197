"""What a run needs before it can start: lists of its folds, weights of its towers; and how many clips it sees."""
from __future__ import annotations

import os
from collections.abc import Sequence

from mmengine.config import Config

from ...engine import check_start
from ...registry import DATASETS
from ...run_config import dataset_configs
from ...run_towers import towers
from ...weights.registry import is_name


def check_lists(cfg: Config, title: str, set_title: str, folds: Sequence[int | None]) -> None:
    """Refuse folds whose lists the set's copy does not have."""
    for dataset in dataset_configs(cfg):
        lists = getattr(DATASETS.get(dataset.type), 'LISTS', '')
        if dataset.get('ann_file') or not lists or dataset.get('lists') or dataset.get('scene'):
            continue
        for fold in folds:
            told = lists.format(split=dataset.get('split', 'train'), fold=fold, lists='no_caption')
            path = os.path.join(dataset.get('data_root', ''), told)
            if not os.path.isfile(path):
                of = '' if fold is None else f'fold {fold} of '
                raise ValueError(f'{title}: {of}{set_title} is missing: there is no {path}; complete the set'
                                 + ('' if fold is None else ', or choose folds by --folds'))


def lacking_weights(cfg: Config) -> str | None:
    """The first weight file of a tower that is not there; without it the tower would be random."""
    paths = ((tower.get('init_cfg') or {}).get('checkpoint') for tower in towers(cfg.model))
    return next((path for path in paths if path and not is_name(path) and not os.path.exists(path)), None)


def check_weights(cfg: Config, folder: str, title: str) -> None:
    """Refuse to train over a frozen tower of random weights, see :func:`~mmdfer.engine.check_start`."""
    try:
        check_start(cfg, folder)
    except ValueError as error:
        raise ValueError(f'{title}: {error}') from None


def count_clips(cfg: Config, fold: int | None, is_test: bool) -> int | None:
    """Clips of the training or the test list, as the set is published."""
    dataset = next(dataset_configs(cfg, ('test_dataloader' if is_test else 'train_dataloader', )))
    sizes = getattr(DATASETS.get(dataset.type), 'SIZES', {})
    of_fold = sizes.get(f'fold {fold}') if fold is not None else next(iter(sizes.values()), None)
    return (of_fold or {}).get('test' if is_test else 'train')
