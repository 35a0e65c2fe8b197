"""The data sets behind a run's loaders: what they are called, and opened again."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmengine.config import Config

SYNTHETIC = 'synthetic'


def set_name(cfg: Config) -> str | None:
    """The short name of a config's data set, if its class gives one; drawn clips read as a real set get another."""
    from ..registry import DATASETS
    from ..run_config import dataset_configs
    named = (getattr(DATASETS.get(dataset.type), 'METAINFO', {}).get('dataset') for dataset in dataset_configs(cfg))
    name = next((name for name in named if name), None)
    return f'{name}-synthetic' if name and _is_disguised(cfg) else name


def set_title(cfg: Config) -> str | None:
    """What reports call a config's data set, if its class says so; drawn clips are called synthetic."""
    title = _class_title(cfg)
    return f'{title} ({SYNTHETIC})' if title and _is_disguised(cfg) else title


def _class_title(cfg: Config) -> str | None:
    from ..registry import DATASETS
    from ..run_config import dataset_configs
    kinds = (DATASETS.get(dataset.type) for dataset in dataset_configs(cfg))
    return next((kind.title() for kind in kinds if getattr(kind, 'METAINFO', None) and hasattr(kind, 'title')), None)


def _is_disguised(cfg: Config) -> bool:
    """Whether a config reads drawn clips by a class that does not call them so."""
    from ..datasets.drawn import is_drawn
    from ..run_config import dataset_configs
    roots = [dataset.get('data_root') for dataset in dataset_configs(cfg)]
    return SYNTHETIC not in (_class_title(cfg) or '') and any(is_drawn(root) for root in roots if root)


def set_classes(cfg: Config) -> list[str] | None:
    """The class names of a config's data set, in their order, if it names them."""
    from ..run_config import dataset_classes, dataset_configs
    return next((list(names) for names in map(dataset_classes, dataset_configs(cfg)) if names), None)


def build_datasets(cfg: Config, loader: str, data_root: str | None = None, pipeline: Sequence[dict] = ()) -> list:
    """A loader's data sets with another pipeline.

    Raises:
        DatasetError: if a set is not there, or its class is of a module that is not.
    """
    from mmengine.registry import init_default_scope
    from mmengine.utils import import_modules_from_strings

    from ..datasets import DatasetError
    from ..registry import DATASETS
    from ..run_config import dataset_configs
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    try:
        import_modules_from_strings(**cfg.get('custom_imports', dict(imports=[])))
    except ImportError as error:
        raise DatasetError(f'custom_imports: {error}; set PYTHONPATH to the folder of that module') from None
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
