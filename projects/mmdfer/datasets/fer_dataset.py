"""The base of the static FER sets: single faces with one label each, for the image stage."""
from __future__ import annotations

import os

from mmengine.dataset import BaseDataset

from .declaration import DeclaredSet
from .errors import DatasetError
from .seeding import EpochSeeded


class StaticFERDataset(DeclaredSet, EpochSeeded, BaseDataset):
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
    def __init__(self, data_root: str = '', split: str = 'train', **kwargs) -> None:
        if split not in self.SPLITS:
            raise DatasetError(f'split={split!r} does not exist: choose {" or ".join(map(repr, self.SPLITS))}')
        name = self.METAINFO['dataset']
        if data_root and not os.path.isdir(data_root):
            raise DatasetError(f'data_root={data_root!r}: no such folder; give the folder of {name} with --data-root')
        self.split = split
        super().__init__(data_root=data_root, **kwargs)

    def sample_ids(self) -> list[str]:
        """A name for each face, the same in every list and copy that holds it: its set, and its file or row there."""
        infos, root = map(super().get_data_info, range(len(self))), os.path.join(self.data_root or '', '')
        names = (f'row {info["row"]}' if 'row' in info else info['img_path'].removeprefix(root) for info in infos)
        return [f'{self.samples_of()}/{name}' for name in names]

    def part_name(self) -> str:
        """Which part of its set this is, for people."""
        return f'{self.metainfo["dataset"]}, {self.split}'

    def get_cat_ids(self, idx: int) -> list[int]:
        """The class of an item, as ``ClassBalancedDataset`` asks for it."""
        return [self.get_data_info(idx)['gt_label']]
