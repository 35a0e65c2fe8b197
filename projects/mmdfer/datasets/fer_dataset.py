"""The base of the static FER sets: single faces with one label each, for the image stage."""
from __future__ import annotations

import os
from collections import Counter

import torch
from mmengine.dataset import BaseDataset

from .dfer_dataset import seeded
from .errors import DatasetError


class StaticFERDataset(BaseDataset):
    """Single faces for mmpretrain's pipelines.

    A subclass lists its items by ``load_data_list``; each carries ``gt_label`` (0-based, canonical order)
    and ``img_path`` or ``img``. The class set is in ``METAINFO``. ``ClassBalancedDataset`` around it
    repeats rare classes.

    Args:
        data_root: the set's folder.
        split: one of ``SPLITS``.
        kwargs: ``BaseDataset``'s own arguments, such as ``pipeline``, ``indices`` and ``test_mode``.

    Raises:
        DatasetError: for a folder or split that does not exist.
    """
    SPLITS: tuple[str, ...] = ('train', 'test')

    def __init__(self, data_root: str = '', split: str = 'train', **kwargs) -> None:
        if split not in self.SPLITS:
            raise DatasetError(f'split={split!r} does not exist: choose {" or ".join(map(repr, self.SPLITS))}')
        name = self.METAINFO['dataset']
        if data_root and not os.path.isdir(data_root):
            raise DatasetError(f'data_root={data_root!r}: no such folder; give the folder of {name} with --data-root')
        self.split = split
        # Shared with the workers: their copies of the data set outlive an epoch.
        self._seed_and_epoch = torch.tensor([0, -1]).share_memory_()
        self._counted, self._draws = None, Counter()
        super().__init__(data_root=data_root, **kwargs)

    def get_cat_ids(self, idx: int) -> list[int]:
        """The class of an item, as ``ClassBalancedDataset`` asks for it."""
        return [self.get_data_info(idx)['gt_label']]

    def set_epoch(self, seed: int, epoch: int) -> None:
        """Make a training item's random draws a function of seed, epoch, index and, where it is repeated, turn.

        It reaches running workers. Before the first call, or with ``epoch=-1``, draws come from the global
        generators.
        """
        self._seed_and_epoch[0], self._seed_and_epoch[1] = seed, epoch

    def prepare_data(self, idx: int) -> dict | None:
        seed, epoch = self._seed_and_epoch.tolist()
        if self.test_mode or epoch < 0:
            return super().prepare_data(idx)
        if self._counted != (seed, epoch):
            self._counted, self._draws = (seed, epoch), Counter()
        turn = self._draws[idx]
        self._draws[idx] += 1
        with seeded(seed, epoch, idx, turn):
            return super().prepare_data(idx)
