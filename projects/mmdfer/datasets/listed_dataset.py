"""Sets that come with lists of their train and test clips, official ones or others in circulation."""
from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from mmengine.logging import print_log

from .dfer_dataset import DFERDataset
from .dialects import Dialect
from .errors import DatasetError
from .list_files import ListFile, read_list_file

SPLITS = ('train', 'test')


class ListedDataset(DFERDataset):
    """A set read from a list in any dialect (:mod:`mmdfer.datasets.dialects`), which the log names.

    Args:
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the set's folder.
        split: ``'train'`` or ``'test'``.
        ann_file: a list of another name than the official one, absolute or below ``data_root``.
        label_base: 0 or 1, the first label of a list of numbers, where it cannot be told.
        class_order: the order of the classes in a list of numbers, where it cannot be told: a name such as
            ``'alphabetical'``, or all class names.
        kwargs: of :class:`DFERDataset`.

    Raises:
        DatasetError: for a split that does not exist, a list that cannot be read or told, a clip listed with
            two labels, or test clips that are also in the official training list.
    """
    TAKES_NAMES = True
    OFFICIAL_BASE: int | None = None

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', split: str = 'train', ann_file: str | None = None,
                 label_base: int | None = None, class_order: str | Sequence[str] | None = None, **kwargs) -> None:
        if split not in SPLITS:
            raise DatasetError(f"split={split!r} does not exist: choose 'train' or 'test'")
        self.split = split
        self.is_official_list = ann_file is None
        self.dialect = Dialect(self.METAINFO['dataset'], self.TAKES_NAMES, self.OFFICIAL_BASE, label_base, class_order)
        super().__init__(ann_file or self.list_of(split), pipeline, data_root=data_root, **kwargs)

    def list_of(self, split: str) -> str:
        """The official list of a split, below ``data_root``."""
        raise NotImplementedError

    def read_list(self) -> list[tuple[str, int]]:
        file, labels, told = self.read_rows()
        print_log(f'{self.ann_file}: {file}; {told}', logger='current')
        return [(self.name_of(row.clip), label) for row, label in zip(file.rows, labels)]

    def read_rows(self) -> tuple[ListFile, list[int], str]:
        """The list, the canonical label of each of its rows, and in words what the labels were."""
        file = read_list_file(self.ann_file)
        return file, *self.dialect.read(file, self.known_labels(file))

    def name_of(self, clip: str) -> str:
        """A listed clip without the folders above the set's own."""
        return '/'.join(clip.strip('/').split('/')[-self.CLIP_DEPTH:])

    def known_labels(self, file: ListFile) -> dict[int, int]:
        """Canonical labels of rows, by their place, that the official lists of the same copy know by the clip."""
        if self.is_official_list:
            return {}
        known: dict[str, int] = {}
        for split in SPLITS:
            path = os.path.join(self.data_root, self.list_of(split))
            if os.path.isfile(path) and not os.path.samefile(path, self.ann_file):
                official = read_list_file(path)
                labels, _ = Dialect(self.METAINFO['dataset'], self.TAKES_NAMES, self.OFFICIAL_BASE).read(official)
                known.update((self.key_of(row.clip), label) for row, label in zip(official.rows, labels))
        keys = (self.key_of(row.clip) for row in file.rows)
        return {place: known[key] for place, key in enumerate(keys) if key in known}

    def load_data_list(self) -> list[dict]:
        items = super().load_data_list()
        self._check_repeats(items)
        if self.test_mode and self.is_official_list and self.split == 'test':
            self._check_leak(items)
        return items

    def _check_repeats(self, items: list[dict]) -> None:
        labels: dict[str, int] = {}
        repeats = []
        for item in items:
            if item['clip'] in labels:
                repeats.append(item['video_id'])
            first = labels.setdefault(item['clip'], item['label'])
            if first != item['label']:
                names = self.METAINFO['classes']
                raise DatasetError(f"{self.ann_file}: {item['video_id']} is listed as {names[first]} and as "
                                   f"{names[item['label']]}; keep one")
        if repeats:
            print_log(f'{self.ann_file}: {len(repeats)} clips are listed more than once and count as often (such as '
                      f'{", ".join(repeats[:5])})', logger='current', level=logging.WARNING)

    def _check_leak(self, items: list[dict]) -> None:
        path = os.path.join(self.data_root, self.list_of('train'))
        if not os.path.isfile(path):
            return
        trained = {self.key_of(row.clip) for row in read_list_file(path).rows}
        shared = [item['video_id'] for item in items if self.key_of(item['video_id']) in trained]
        if shared:
            raise DatasetError(f'{self.ann_file}: {len(shared)} test clips are also in {path} (such as '
                               f'{", ".join(shared[:5])}); restore the official lists')
