"""DFEW: 11,697 single-label clips of 7 expressions, five folds."""
from __future__ import annotations

from ..registry import DATASETS
from .declaration import fold_sizes
from .listed_dataset import ListedDataset

CLASSES = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')


@DATASETS.register_module()
class DFEWDataset(ListedDataset):
    """DFEW in its official layout.

    Lists are ``EmoLabel_DataSplit/{train,test}(single-labeled)/set_{fold}.csv`` with the header
    ``video_name,label`` and labels 1 to 7 (happy, sad, neutral, angry, surprise, disgust, fear). Lists
    with the same header and labels 0 to 6 circulate; one that shows all seven is read as what it is, others
    that start at 0 are refused unless ``label_base=0`` says so, and so are lists whose labels fit both.

    ``data_root`` holds ``EmoLabel_DataSplit`` and ``Clip``; ``Clip/clip_224x224`` has all frames of a clip,
    ``Clip/clip_224x224_16f`` 16. Arguments are those of :class:`ListedDataset`.
    """
    METAINFO = dict(dataset='dfew', classes=CLASSES)
    FOLDS = (1, 2, 3, 4, 5)
    LISTS = 'EmoLabel_DataSplit/{split}(single-labeled)/set_{fold}.csv'
    FOLDERS = ('Clip/clip_224x224', 'Clip/clip_224x224_16f')
    FRAMES = {'Clip/clip_224x224_16f': 16}
    ORDERS = dict(official=CLASSES)
    TAKES_NAMES = False
    OFFICIAL_BASE = 1
    SIZES = fold_sizes((9356, 2341), (9356, 2341), (9357, 2340), (9358, 2339), (9361, 2336))
    CLASS_SIZES = {
        ('fold 1', 'train'): (1956, 1515, 2135, 1738, 1175, 116, 721),
        ('fold 1', 'test'): (489, 379, 534, 435, 294, 29, 181),
    }
    TOTAL = 11697


@DATASETS.register_module()
class DemoDataset(DFEWDataset):
    """The demo's drawn clips (``mmdfer demo-clips``): DFEW's layout and classes, no real faces."""
    METAINFO = dict(dataset='demo', classes=CLASSES)
    TITLE = 'demo (synthetic)'
    SIZES, CLASS_SIZES, TOTAL = {}, {}, None
