"""The data sets behind a run's loaders, opened again."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..datasets import DatasetError
from ..registry import DATASETS
from ..run_config import dataset_configs


def build_datasets(cfg: Config, loader: str, data_root: str | None = None, pipeline: Sequence[dict] = ()) -> list:
    """A loader's data sets with another pipeline.

    Raises:
        DatasetError: if a set is not there.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    built = []
    for dataset in dataset_configs(cfg, (loader, )):
        root = data_root or dataset.get('data_root', '')
        if root and not os.path.isdir(root):
            raise DatasetError(f'data_root={root!r}: no such folder; give the folder of the data set with --data-root')
        built.append(DATASETS.build(dict(dataset, data_root=root, pipeline=list(pipeline))))
    return built


def class_counts(cfg: Config, loader: str, data_root: str | None = None) -> np.ndarray:
    """Samples of each class in a loader's data set, (K,).

    Raises:
        DatasetError: if the set is not there.
    """
    total = 0
    for dataset in build_datasets(cfg, loader, data_root):
        labels = [info.get('label', info.get('gt_label')) for info in map(dataset.get_data_info, range(len(dataset)))]
        total = total + np.bincount(labels, minlength=len(dataset.metainfo['classes']))
    return total
