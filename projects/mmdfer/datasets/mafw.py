"""MAFW: 10,045 clips with single (11 classes) and compound (43) labels and captions in two languages, five folds."""
from __future__ import annotations

import os
from collections.abc import Sequence

from ..labels import class_names
from ..registry import DATASETS
from .errors import DatasetError
from .list_files import read_list_file
from .listed_dataset import SPLITS, ListedDataset

FOLDS = (1, 2, 3, 4, 5)
LISTS = 'Train & Test Set'
KINDS = ('no_caption', 'with_caption')


@DATASETS.register_module()
class MAFWDataset(ListedDataset):
    """MAFW's single labels in the official layout.

    Lists are ``Train & Test Set/single/{no_caption,with_caption}/set_{fold}/{train,test}.txt``: the first with
    lines ``03747.mp4 anger``, the second, in GBK, with tabs between file, label, Chinese and English caption.
    The second has no neutral clips, which have no caption; published figures are of the first. Frames are in
    ``frames/<5 digits>``, faces in ``faces/<5 digits>``, videos ``clips/<5 digits>.mp4``.

    Three orders of the classes circulate in lists of numbers: the official one, which is ours, DFER-CLIP's and
    the alphabetical one. Such a list is told by the official lists beside it, or by ``class_order``.

    Args:
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the folder that holds ``Train & Test Set`` and the clips.
        fold: 1 to 5.
        split: ``'train'`` or ``'test'``.
        lists: ``'no_caption'`` or ``'with_caption'``, the lists to read.
        captions: put ``caption`` (English) and ``caption_zh`` into each item, from the fold's lists with
            captions; a clip without has empty ones.
        data_prefix: folder of the clips. Defaults to ``dict(clip='frames')``; ``'faces'`` and ``'clips'`` are
            the others.
        kwargs: of :class:`ListedDataset`.

    Raises:
        DatasetError: for a fold, split or kind of list that does not exist, or a list that cannot be read.
    """
    METAINFO = dict(dataset='mafw', classes=class_names('mafw'))
    SETTING = 'single'

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', fold: int = 1, split: str = 'train',
                 lists: str = 'no_caption', captions: bool = False, data_prefix: dict | None = None, **kwargs) -> None:
        if fold not in FOLDS:
            raise DatasetError(f'fold={fold} does not exist: MAFW has folds 1 to 5')
        if lists not in KINDS:
            raise DatasetError(f'lists={lists!r} does not exist: choose {" or ".join(map(repr, KINDS))}')
        self.fold, self.lists, self.captions = fold, lists, captions
        super().__init__(pipeline, data_root=data_root, split=split, data_prefix=data_prefix or dict(clip='frames'),
                         **kwargs)

    def list_of(self, split: str, lists: str | None = None) -> str:
        return f'{LISTS}/{self.SETTING}/{lists or self.lists}/set_{self.fold}/{split}.txt'

    def load_data_list(self) -> list[dict]:
        items = super().load_data_list()
        if self.captions:
            captions = self._read_captions()
            for item in items:
                item['caption'], item['caption_zh'] = captions.get(self.key_of(item['video_id']), ('', ''))
        return items

    def _read_captions(self) -> dict[str, tuple[str, str]]:
        """English and Chinese caption of each clip of the fold that has one."""
        found = {}
        for split in SPLITS:
            path = os.path.join(self.data_root, self.list_of(split, 'with_caption'))
            if not os.path.isfile(path):
                raise DatasetError(f'{path}: no such list, which holds the captions; unpack it, or set captions=False')
            file = read_list_file(path)
            if 'caption' not in file.columns:
                raise DatasetError(f'{path}: holds no captions; expected file, label, Chinese and English caption with '
                                   'tabs between them')
            found.update((self.key_of(row.clip), (row.caption, row.caption_zh)) for row in file.rows)
        return found


@DATASETS.register_module()
class MAFWCompoundDataset(MAFWDataset):
    """MAFW's compound labels: as :class:`MAFWDataset`, with 43 classes such as ``anger_disgust``.

    The order is that of :mod:`mmdfer.labels`; a compound's parts may be written in any order.
    """
    METAINFO = dict(dataset='mafw_compound', classes=class_names('mafw_compound'))
    SETTING = 'compound'
