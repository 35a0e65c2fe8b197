"""The samples of a data set, of whatever class and under whatever wrappers, by names that lists and copies share."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from ..trained_on import TrainedOn

PATHS = ('filename', 'frame_dir', 'img_path', 'video_path')


def innermost_datasets(dataset: Any) -> Iterator[Any]:
    """The data sets below wrappers such as ``RepeatDataset``, ``ClassBalancedDataset`` and ``ConcatDataset``."""
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else None)
    if inner is None:
        yield dataset
    else:
        for one in inner:
            yield from innermost_datasets(one)


def sample_ids(dataset: Any) -> list[str] | None:
    """Names of a data set's samples, without those of wrappers' repeats; ``None`` where they have none.

    A set of this package names its samples itself, by ``sample_ids()``; one of another class has the paths of its
    items.
    """
    found: list[str] = []
    for one in innermost_datasets(dataset):
        ids = _ids_of(one)
        if ids is None:
            return None
        found += ids
    return found


def trained_on(dataset: Any) -> TrainedOn:
    """What a model that is trained on a data set will have seen."""
    total = TrainedOn.nothing()
    for one in innermost_datasets(dataset):
        ids = _ids_of(one)
        total |= TrainedOn.unknown() if ids is None else TrainedOn.of(ids, part_name(one))
    return total


def part_name(dataset: Any) -> str:
    """Which part of which set a data set is, for people."""
    if hasattr(dataset, 'part_name'):
        return dataset.part_name()
    return str((getattr(dataset, 'metainfo', None) or {}).get('dataset') or type(dataset).__name__)


def list_name(dataset: Any) -> str:
    """The list or folder that a data set is read from, for messages."""
    files = [str(getattr(one, 'ann_file', '') or getattr(one, 'data_root', '') or type(one).__name__)
             for one in innermost_datasets(dataset)]
    return ' and '.join(dict.fromkeys(files))


def _ids_of(dataset: Any) -> list[str] | None:
    if hasattr(dataset, 'sample_ids'):
        return dataset.sample_ids()
    if not hasattr(dataset, 'get_data_info'):
        return None
    infos: Sequence[Any] = [dataset.get_data_info(index) for index in range(len(dataset))]
    paths = [next((info[key] for key in PATHS if isinstance(info, dict) and isinstance(info.get(key), str)), None)
             for info in infos]
    return None if None in paths else [f'file{os.path.abspath(path)}' for path in paths if path is not None]
