"""MAFW: 10,045 clips with single (11 classes) and compound (43) labels and captions in two languages, five folds."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..registry import DATASETS
from .declaration import Setup, fold_name, fold_sizes
from .errors import DatasetError
from .listed_dataset import ListedDataset

KINDS = ('no_caption', 'with_caption')
SINGLE = ('anger', 'disgust', 'fear', 'happiness', 'neutral', 'sadness', 'surprise', 'contempt', 'anxiety',
          'helplessness', 'disappointment')
# The 32 compounds, each of two or three emotions in the official order of the single ones. The release lists no
# order of its 43 classes; ours is: the 11 single ones, then pairs, then triples, each by its parts' official order.
COMPOUNDS = (
    'anger_disgust', 'anger_sadness', 'anger_surprise', 'anger_anxiety', 'anger_helplessness', 'disgust_sadness',
    'disgust_surprise', 'disgust_contempt', 'disgust_anxiety', 'disgust_helplessness', 'disgust_disappointment',
    'fear_sadness', 'fear_surprise', 'fear_anxiety', 'happiness_surprise', 'happiness_contempt', 'sadness_surprise',
    'sadness_anxiety', 'sadness_helplessness', 'sadness_disappointment', 'surprise_anxiety', 'anxiety_helplessness',
    'helplessness_disappointment', 'anger_disgust_contempt', 'anger_disgust_anxiety', 'disgust_anxiety_helplessness',
    'disgust_helplessness_disappointment', 'fear_sadness_anxiety', 'fear_surprise_anxiety',
    'sadness_anxiety_helplessness', 'sadness_helplessness_disappointment', 'anxiety_helplessness_disappointment')
DFER_CLIP = ('happiness', 'sadness', 'neutral', 'anger', 'surprise', 'disgust', 'fear', 'contempt', 'anxiety',
             'helplessness', 'disappointment')


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
        kwargs: of :class:`ListedDataset`.

    Raises:
        DatasetError: for a fold, split or kind of list that does not exist, or a list that cannot be read.
    """
    METAINFO = dict(dataset='mafw', classes=SINGLE)
    FOLDS = (1, 2, 3, 4, 5)
    LISTS = 'Train & Test Set/single/{lists}/set_{fold}/{split}.txt'
    CAPTIONS = 'Train & Test Set/single/with_caption/set_{fold}/{split}.txt'
    FOLDERS = ('frames', 'faces', 'clips')
    ORDERS = dict(official=SINGLE, dfer_clip=DFER_CLIP, alphabetical=tuple(sorted(SINGLE)))
    SIZES = fold_sizes((7333, 1839), (7335, 1837), (7339, 1833), (7340, 1832), (7341, 1831))
    TOTAL = 9172
    LACKS_CLASSES = False               # in the lists of a fold

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', fold: int = 1, split: str = 'train',
                 lists: str = 'no_caption', **kwargs: Any) -> None:
        if lists not in KINDS:
            raise DatasetError(f'lists={lists!r} does not exist: choose {" or ".join(map(repr, KINDS))}')
        self.lists = lists
        super().__init__(pipeline, data_root=data_root, fold=fold, split=split, **kwargs)

    @classmethod
    def setups(cls, root: str | None = None) -> list[Setup]:
        return [Setup(fold_name(fold), dict(fold=fold), lacks_classes=cls.LACKS_CLASSES) for fold in cls.FOLDS] + [
            Setup(f'{fold_name(fold)}, with captions', dict(fold=fold, lists='with_caption'), 'with captions',
                  lacks_classes=True, with_captions=True) for fold in cls.FOLDS]

    def list_of(self, split: str) -> str:
        return self.LISTS.format(split=split, fold=self.fold, lists=self.lists)


@DATASETS.register_module()
class MAFWCompoundDataset(MAFWDataset):
    """MAFW's compound labels: as :class:`MAFWDataset`, with 43 classes such as ``anger_disgust``.

    A compound's parts may be written in any order.
    """
    METAINFO = dict(dataset='mafw_compound', classes=SINGLE + COMPOUNDS)
    TITLE = 'MAFW, compound'
    LISTS = 'Train & Test Set/compound/{lists}/set_{fold}/{split}.txt'
    CAPTIONS = 'Train & Test Set/compound/with_caption/set_{fold}/{split}.txt'
    ORDERS = dict(canonical=SINGLE + COMPOUNDS, alphabetical=tuple(sorted(SINGLE + COMPOUNDS)))
    SIZES, TOTAL = {}, 8996
    LACKS_CLASSES = True
    BESIDE = 'mafw'
