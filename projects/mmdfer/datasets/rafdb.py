"""RAF-DB: static faces of 7 basic expressions, for the image stage."""
from __future__ import annotations

import os
from pathlib import Path

from mmengine.registry import DATASETS

from .errors import DatasetError
from .fer_dataset import StaticFERDataset
from .lists.texts import read_text, shown, whole_number


@DATASETS.register_module()
class RAFDBDataset(StaticFERDataset):
    """RAF-DB's basic set in its official layout, for mmpretrain's pipelines.

    ``EmoLabel/list_patition_label.txt`` (the release's spelling) lists ``train_00001.jpg 5``, labels 1 to 7
    = surprise, fear, disgust, happiness, sadness, anger, neutral; the aligned faces are
    ``Image/aligned/train_00001_aligned.jpg``. Items carry ``img_path`` and ``gt_label`` (0-based).

    Args:
        data_root: the folder that holds ``EmoLabel`` and ``Image``.
        split: ``'train'`` or ``'test'``, told by the file name's beginning.
        kwargs: ``BaseDataset``'s own arguments.

    Raises:
        DatasetError: for a missing list or image, or a label outside 1 to 7.
    """
    METAINFO = dict(dataset='rafdb',
                    classes=('surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral'))
    TITLE = 'RAF-DB'

    def __init__(self, data_root: str = '', split: str = 'train', ann_file: str = 'EmoLabel/list_patition_label.txt',
                 data_prefix: dict | None = None, **kwargs) -> None:
        super().__init__(data_root=data_root, split=split, ann_file=ann_file,
                         data_prefix=data_prefix or dict(img_path='Image/aligned'), **kwargs)

    def load_data_list(self) -> list[dict]:
        if not os.path.isfile(self.ann_file):
            raise DatasetError(f'{self.ann_file}: no such list; check data_root (the release spells it '
                               'list_patition_label.txt)')
        folder = Path(self.data_prefix['img_path'])
        present = set(os.listdir(folder)) if folder.is_dir() else set()
        items, missing = [], []
        for number, line in enumerate(read_text(self.ann_file)[0].splitlines(), 1):
            if not line.strip():
                continue
            name, label = self._parse(line, number)
            if not name.startswith(self.split):
                continue
            aligned = f'{os.path.splitext(name)[0]}_aligned.jpg'
            if aligned not in present:
                missing.append(aligned)
            items.append(dict(img_path=str(folder / aligned), gt_label=label))
        if missing:
            raise DatasetError(
                f'{folder}: {len(missing)} listed images are missing (such as {", ".join(missing[:3])}); '
                'unpack aligned.zip of the release there')
        if not items:
            raise DatasetError(f'{self.ann_file}: lists no image of the split {self.split!r}')
        return items

    def _parse(self, line: str, number: int) -> tuple[str, int]:
        parts = line.split()
        classes = len(self.METAINFO['classes'])
        label = whole_number(parts[-1])
        if len(parts) != 2 or label is None or not 1 <= label <= classes:
            raise DatasetError(f'{self.ann_file}:{number}: {shown(line.strip())} cannot be read; expected a file name '
                               f'and a label from 1 to {classes}')
        return parts[0], label - 1
