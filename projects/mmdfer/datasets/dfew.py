"""DFEW: 11,697 single-label clips of 7 expressions, five folds."""
from __future__ import annotations

from collections.abc import Sequence

from ..labels import class_names
from ..registry import DATASETS
from .errors import DatasetError
from .listed_dataset import ListedDataset

FOLDS = (1, 2, 3, 4, 5)


@DATASETS.register_module()
class DFEWDataset(ListedDataset):
    """DFEW in its official layout.

    Lists are ``EmoLabel_DataSplit/{train,test}(single-labeled)/set_{fold}.csv`` with the header
    ``video_name,label`` and labels 1 to 7 (happy, sad, neutral, angry, surprise, disgust, fear). Lists
    with the same header and labels 0 to 6 circulate; one that shows all seven is read as what it is, others
    that start at 0 are refused unless ``label_base=0`` says so, and so are lists whose labels fit both.

    Args:
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the folder that holds ``EmoLabel_DataSplit`` and ``Clip``.
        fold: 1 to 5.
        split: ``'train'`` or ``'test'``.
        data_prefix: folder of frame folders or videos. Defaults to ``dict(clip='Clip/clip_224x224')``, all
            frames of a clip; ``'Clip/clip_224x224_16f'`` holds 16.
        kwargs: of :class:`ListedDataset`, such as ``ann_file`` and ``label_base``.

    Raises:
        DatasetError: for a fold or split that does not exist, or a list that cannot be read.
    """
    METAINFO = dict(dataset='dfew', classes=class_names('dfew'))
    TAKES_NAMES = False
    OFFICIAL_BASE = 1

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', fold: int = 1, split: str = 'train',
                 data_prefix: dict | None = None, **kwargs) -> None:
        if fold not in FOLDS:
            raise DatasetError(f'fold={fold} does not exist: DFEW has folds 1 to 5')
        self.fold = fold
        super().__init__(pipeline, data_root=data_root, split=split,
                         data_prefix=data_prefix or dict(clip='Clip/clip_224x224'), **kwargs)

    def list_of(self, split: str) -> str:
        return f'EmoLabel_DataSplit/{split}(single-labeled)/set_{self.fold}.csv'
