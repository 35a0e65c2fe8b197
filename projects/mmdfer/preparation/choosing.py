"""Which data set a command is about: one known here by its short name, or that of a config, such as a user's own."""
from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from ..datasets import DatasetError, DFERDataset
from ..registry import DATASETS, find_set, import_own
from ..run_config import dataset_configs, load_config

# What a config says of a data set's use in a run, not of the set.
OF_A_RUN = ('type', 'pipeline', 'data_root', 'split', 'test_mode', 'packed', 'inner', 'inner_share', 'inner_seed',
            'indices', 'skip_bad_clips', 'captions', 'lazy_init', 'max_refetch', 'serialize_data', 'filter_cfg')


@dataclass(frozen=True)
class ChosenSet:
    """A data set's class, and the arguments that say how its lists and folders are to be read."""
    kind: type[DFERDataset]
    options: dict[str, Any] = field(default_factory=dict)


def choose_set(word: str) -> ChosenSet:
    """The data set that a word names.

    Args:
        word: a short name, such as ``'dfew'``; ``MODULE.CLASS`` of a set of one's own; or a run's config, whose
            ``custom_imports`` may bring one.

    Raises:
        ValueError: for a word that is neither; it tells the nearest names.
        DatasetError: for a config without clips, or with other lists than those that its set declares.
    """
    if '.' in word and os.sep not in word and not word.endswith('.py'):
        return ChosenSet(_own(word))
    try:
        return ChosenSet(find_set(word, DFERDataset))
    except ValueError as error:
        unknown = error
    try:
        cfg = load_config(word)
    except ValueError as error:
        if word.endswith('.py'):
            raise
        raise ValueError(f'{unknown}; or give MODULE.CLASS of your own, or a config that trains on it') from error
    dataset = next(dataset_configs(cfg), None)
    kind = None if dataset is None else DATASETS.get(dataset.type)
    if kind is None or not issubclass(kind, DFERDataset):
        raise DatasetError(
            f'{word}: trains on {"no data set" if dataset is None else dataset.type}, which has no clips')
    if dataset.get('ann_file'):
        raise DatasetError(
            f'{word}: reads ann_file={dataset.ann_file!r}, which is one list; the whole set is known by what '
            f'its class declares: give {kind.__name__} LISTS')
    chooses = {name for setup in kind.setups(dataset.get('data_root')) for name in setup.options}
    return ChosenSet(kind, {name: value for name, value in dataset.items() if name not in chooses | set(OF_A_RUN)})


def _own(word: str) -> type[DFERDataset]:
    kind = import_own(word)
    if not (isinstance(kind, type) and issubclass(kind, DFERDataset) and 'dataset' in kind.METAINFO):
        raise ValueError(
            f"{word}: is no data set of clips; derive it from mmdfer.datasets.ListedDataset, and give it a "
            "METAINFO['dataset']")
    return kind
