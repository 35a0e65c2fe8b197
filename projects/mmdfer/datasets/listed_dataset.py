"""Sets that come with lists of their train and test clips, official ones or others in circulation."""
from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from string import Formatter
from typing import Any, ClassVar

from mmengine.logging import print_log

from ..clip_names import path_parts
from .declaration import fold_name, refuse
from .dfer_dataset import DFERDataset
from .errors import DatasetError
from .lists import Dialect, ListFile, read_list_file
from .lists.texts import refuse_lines


class ListedDataset(DFERDataset):
    """A set read from a list in any dialect (:mod:`mmdfer.datasets.lists`), which the log names.

    A set of one's own needs no more than a class with these attributes and those of
    :class:`~mmdfer.datasets.declaration.DeclaredSet`.

    Attributes:
        LISTS: the official lists below ``data_root``, with ``{split}`` and, for a set with folds, ``{fold}``.
        CAPTIONS: the lists that hold captions, likewise, for a set that has its own.
        TAKES_NAMES: whether labels of lists may be names.
        OFFICIAL_BASE: the first number of the official lists, where they have numbers.
        CLASS_FOLDER: which part of a clip's name is the folder of its class, such as -2, where one is.

    Args:
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the set's folder.
        fold: one of ``FOLDS``, by default the first; ``None`` for a set without.
        split: one of ``SPLITS``.
        ann_file: a list of another name than the official one, absolute or below ``data_root``.
        label_base: 0 or 1, the first label of a list of numbers, where it cannot be told.
        class_order: the order of the classes in a list of numbers, where it cannot be told: a name such as
            ``'alphabetical'``, or all class names.
        check_leaks: refuse test clips that are also in the official training list.
        captions: put ``caption`` (English) and ``caption_zh`` into each item, from the lists that hold captions; a clip
            without has empty ones.
        kwargs: of :class:`DFERDataset`.

    Raises:
        DatasetError: for a fold or split that does not exist, a list that cannot be read or told, a clip listed with
            two labels or, for a test, twice, or test clips that are also in the official training list.
    """
    LISTS: ClassVar[str] = ''
    CAPTIONS: ClassVar[str] = ''
    TAKES_NAMES: ClassVar[bool] = True
    OFFICIAL_BASE: ClassVar[int | None] = None
    CLASS_FOLDER: ClassVar[int | None] = None

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', fold: int | None = None, split: str = 'train',
                 ann_file: str | None = None, label_base: int | None = None,
                 class_order: str | Sequence[str] | None = None, captions: bool = False, check_leaks: bool = True,
                 **kwargs: Any) -> None:
        if split not in self.SPLITS:
            raise DatasetError(f'split={split!r} does not exist: choose {" or ".join(map(repr, self.SPLITS))}')
        self.fold, self.split, self.captions = self._check_fold(fold), split, captions
        if captions and not self.CAPTIONS:
            raise DatasetError(f'captions=True: the lists of {self.title()} hold none')
        self.is_official_list, self.check_leaks = ann_file is None, check_leaks
        self.dialect = self.dialect_of_lists(label_base, class_order)
        path = ann_file or self.list_of(split)
        if not path:
            raise DatasetError(f'{type(self).__name__}: declares no LISTS; give ann_file')
        super().__init__(path, pipeline, data_root=data_root, **kwargs)

    @classmethod
    def dialect_of_lists(cls, label_base: int | None = None,
                         class_order: str | Sequence[str] | None = None) -> Dialect:
        """How labels of the set's lists are to be read, with a user's word on numbers."""
        return Dialect(cls.METAINFO['dataset'], tuple(cls.METAINFO['classes']), cls.class_orders(), cls.TAKES_NAMES,
                       cls.OFFICIAL_BASE, label_base, class_order)

    @classmethod
    def check_declaration(cls) -> None:
        super().check_declaration()
        for attribute in ('LISTS', 'CAPTIONS'):
            fields = {name for _, name, _, _ in Formatter().parse(getattr(cls, attribute)) if name is not None}
            if getattr(cls, attribute) and 'split' not in fields:
                refuse(cls, attribute,
                       f'{getattr(cls, attribute)!r} is the same for every split; put {{split}} into it')
            if fields and ('fold' in fields) != bool(cls.FOLDS):
                refuse(cls, attribute, f'{getattr(cls, attribute)!r} and FOLDS={cls.FOLDS} do not fit: '
                       + ('put {fold} into it' if cls.FOLDS else 'a set without folds has one list a split'))

    def _check_fold(self, fold: int | None) -> int | None:
        if fold is None or fold in self.FOLDS:
            return fold if fold is not None or not self.FOLDS else self.FOLDS[0]
        if not self.FOLDS:
            raise DatasetError(f'fold={fold}: {self.title()} has no folds')
        run = self.FOLDS == tuple(range(self.FOLDS[0], self.FOLDS[-1] + 1))
        told = f'{self.FOLDS[0]} to {self.FOLDS[-1]}' if run else ', '.join(map(str, self.FOLDS))
        raise DatasetError(f'fold={fold} does not exist: {self.title()} has folds {told}')

    def list_of(self, split: str) -> str:
        """The official list of a split, below ``data_root``; empty for a set that declares none."""
        return self.LISTS.format(split=split, fold=self.fold)

    def read_list(self) -> list[tuple[str, int]]:
        file, labels, told, _ = self.read_rows()
        print_log(f'{self.ann_file}: {file}; {told}', logger='current')
        self._check_repeats(file, labels)
        return [(self.name_of(row.clip), label) for row, label in zip(file.rows, labels)]

    def _part(self) -> Sequence[str]:
        official = () if self.is_official_list else (os.path.basename(self.ann_file), )
        fold = None if self.fold is None else fold_name(self.fold)
        return tuple(filter(None, (self.metainfo['dataset'], fold, self.split, *official)))

    def read_rows(self) -> tuple[ListFile, list[int], str, dict[int, int]]:
        """The list, the canonical label of each of its rows, in words what they were, and :meth:`known_labels`."""
        file = read_list_file(self.ann_file)
        known = self.known_labels(file)
        return file, *self.dialect.read(file, known), known

    def name_of(self, clip: str) -> str:
        """A listed clip without the folders above the set's own."""
        return '/'.join(path_parts(clip)[-self.CLIP_DEPTH:])

    def known_labels(self, file: ListFile) -> dict[int, int]:
        """Canonical labels of rows, by their place, that are known by the clip.

        They are those of the classes' folders or, for a list that is not official, of the copy's official lists.
        """
        if self.CLASS_FOLDER is not None:
            return self._labels_of_folders(file)
        if self.is_official_list:
            return {}
        known: dict[str, int] = {}
        for split in self.SPLITS:
            path = os.path.join(self.data_root, self.list_of(split))
            if os.path.isfile(path) and not os.path.samefile(path, self.ann_file):
                official = read_list_file(path)
                labels, _ = self.dialect_of_lists().read(official)
                known.update((self.key_of(row.clip), label) for row, label in zip(official.rows, labels))
        keys = (self.key_of(row.clip) for row in file.rows)
        return {place: known[key] for place, key in enumerate(keys) if key in known}

    def _labels_of_folders(self, file: ListFile) -> dict[int, int]:
        known = {}
        for place, row in enumerate(file.rows):
            parts = self.key_of(row.clip).split('/')
            label = self.dialect.find(parts[self.CLASS_FOLDER]) if len(parts) >= -self.CLASS_FOLDER else None
            if label is not None:
                known[place] = label
        return known

    def load_data_list(self) -> list[dict]:
        items = super().load_data_list()
        if self.check_leaks and self.test_mode and self.is_official_list and self.split == self.SPLITS[-1]:
            self._check_leak(items)
        if self.captions:
            captions = self._read_captions()
            for item in items:
                item['caption'], item['caption_zh'] = captions.get(self.key_of(item['video_id']), ('', ''))
        return items

    def _check_repeats(self, file: ListFile, labels: Sequence[int]) -> None:
        """Refuse clips that are listed with two labels, and in a test those that would count twice."""
        first: dict[str, tuple[int, int]] = {}
        torn, repeats, names = [], [], self.METAINFO['classes']
        for row, label in zip(file.rows, labels):
            line, before = first.setdefault(self.key_of(row.clip), (row.line, label))
            if before != label:
                torn.append((row.line, f'{self.name_of(row.clip)} is listed as {names[before]} in line {line} and as '
                             f'{names[label]}; keep one'))
            elif line != row.line:
                repeats.append((row.line, f'{self.name_of(row.clip)} is listed in line {line} too and would count '
                                'twice; keep one'))
        refuse_lines(self.ann_file, torn)
        if self.test_mode:
            refuse_lines(self.ann_file, repeats)
        elif repeats:
            print_log(f'{self.ann_file}: {len(repeats)} clips are listed more than once and count as often (such as in '
                      f'line {", ".join(str(line) for line, _ in repeats[:5])})', logger='current',
                      level=logging.WARNING)

    def _check_leak(self, items: list[dict]) -> None:
        path = os.path.join(self.data_root, self.list_of(self.SPLITS[0]))
        if not os.path.isfile(path) or len(self.SPLITS) < 2:
            return
        trained = {self.key_of(row.clip) for row in read_list_file(path).rows}
        shared = [item['video_id'] for item in items if self.key_of(item['video_id']) in trained]
        if shared:
            raise DatasetError(f'{self.ann_file}: {len(shared)} test clips are also in {path} (such as '
                               f'{", ".join(shared[:5])}); restore the official lists, or say --allow-seen, which the '
                               'result then tells')

    def _read_captions(self) -> dict[str, tuple[str, str]]:
        """English and Chinese caption of each clip of the fold that has one."""
        found = {}
        for split in self.SPLITS:
            path = os.path.join(self.data_root, self.CAPTIONS.format(split=split, fold=self.fold))
            if not os.path.isfile(path):
                raise DatasetError(f'{path}: no such list, which holds the captions; unpack it, or set captions=False')
            file = read_list_file(path)
            if 'caption' not in map(str.lower, file.columns):
                raise DatasetError(f'{path}: holds no captions; expected file, label, Chinese and English caption with '
                                   "tabs between them, or a header with 'caption'")
            found.update((self.key_of(row.clip), (row.caption, row.caption_zh)) for row in file.rows)
        return found
