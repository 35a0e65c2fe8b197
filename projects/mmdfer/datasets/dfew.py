"""DFEW: 11,697 single-label clips of 7 expressions, five folds."""
from __future__ import annotations

from collections.abc import Sequence

from ..labels import class_names
from ..registry import DATASETS
from .dfer_dataset import DFERDataset
from .errors import DatasetError
from .tables import stream_columns


@DATASETS.register_module()
class DFEWDataset(DFERDataset):
    """DFEW in its official layout.

    Lists are ``EmoLabel_DataSplit/{train,test}(single-labeled)/set_{fold}.csv`` with the header
    ``video_name,label`` and labels 1 to 7 (happy, sad, neutral, angry, surprise, disgust, fear). Lists
    with the same header and labels 0 to 6 circulate; they are refused unless ``label_base=0`` says so, and
    so are lists whose labels fit both.

    Args:
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the folder that holds ``EmoLabel_DataSplit`` and ``Clip``.
        fold: 1 to 5.
        split: ``'train'`` or ``'test'``.
        data_prefix: folder of frame folders or videos. Defaults to ``dict(clip='Clip/clip_224x224')``, all
            frames of a clip.
        ann_file: a list of another name; replaces ``fold`` and ``split``.
        label_base: 0 or 1, the first label of the list; ``None`` tells 1-based lists from others.
        kwargs: of :class:`DFERDataset`.

    Raises:
        DatasetError: for a fold or split that does not exist, or a list that cannot be read.
    """
    METAINFO = dict(dataset='dfew', classes=class_names('dfew'))
    FOLDS = (1, 2, 3, 4, 5)

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', fold: int = 1, split: str = 'train',
                 data_prefix: dict | None = None, ann_file: str | None = None, label_base: int | None = None,
                 **kwargs) -> None:
        if fold not in self.FOLDS:
            raise DatasetError(f'fold={fold} does not exist: DFEW has folds 1 to 5')
        if split not in ('train', 'test'):
            raise DatasetError(f"split={split!r} does not exist: choose 'train' or 'test'")
        self.label_base = label_base
        super().__init__(
            ann_file or f'EmoLabel_DataSplit/{split}(single-labeled)/set_{fold}.csv', pipeline, data_root=data_root,
            data_prefix=data_prefix or dict(clip='Clip/clip_224x224'), **kwargs)

    def read_list(self) -> list[tuple[str, int]]:
        rows = list(stream_columns(self.ann_file, ('video_name', 'label')))
        labels = []
        for line, (name, text) in rows:
            if not name or not text:
                raise DatasetError(f'{self.ann_file}:{line}: a value is missing; expected video_name,label')
            if not text.lstrip('-').isdigit():
                raise DatasetError(f'{self.ann_file}:{line}: label={text!r} is no number; expected 1 to 7')
            labels.append(int(text))
        base = tell_label_base(self.ann_file, labels, len(self.METAINFO['classes']), self.label_base)
        return [(name, label - base) for (_, (name, _)), label in zip(rows, labels)]


def tell_label_base(path: str, labels: list[int], num_classes: int, base: int | None) -> int:
    """Whether a list's labels start at 0 or 1.

    Raises:
        DatasetError: for labels out of range, labels that start at 0 where nobody said so, or labels that
            fit both.
    """
    low, high = min(labels, default=1), max(labels, default=num_classes)
    if base is not None:
        if low < base or high > base + num_classes - 1:
            raise DatasetError(f'{path}: labels run from {low} to {high}; expected {base} to {base + num_classes - 1} '
                               f'(label_base={base})')
        return base
    if low < 0 or high > num_classes:
        raise DatasetError(f'{path}: labels run from {low} to {high}; expected 1 to {num_classes}')
    if low == 0 and high == num_classes:
        raise DatasetError(f'{path}: labels run from 0 to {num_classes}, one class too many; expected 1 to '
                           f'{num_classes}')
    if low == 0:
        raise DatasetError(f'{path}: labels start at 0, the official lists at 1; set label_base=0 if the list is '
                           'meant so')
    if high < num_classes:
        raise DatasetError(f'{path}: labels run from {low} to {high} and fit both a 1-based and a 0-based list; set '
                           'label_base to 0 or 1')
    return 1
