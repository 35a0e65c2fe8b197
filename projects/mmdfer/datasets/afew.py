"""AFEW: 1,156 labelled clips of films with 7 expressions, one split."""
from __future__ import annotations

from ..registry import DATASETS
from .listed_dataset import ListedDataset

CLASSES = ('Angry', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise')


@DATASETS.register_module()
class AFEWDataset(ListedDataset):
    """AFEW (of versions 7.0 and 8.0) with lists of its clips, as most published code has it.

    Lists are ``AFEW_{train,val}.txt`` with lines ``<path> <frames> <label>``, where a path ends in
    ``<split>/<class>/<clip>``; the number of frames is that of the disk, whatever the list says. Frames are
    ``frames/<split>/<class>/<clip>/*.jpg``, videos ``videos/<split>/<class>/<clip>.avi``. Classes are those of the
    release's folders, in their order. Numbers, alphabetical or in DFER-CLIP's order, are told by the class in each
    clip's path. The labels of the test set are not public: published figures are of ``val``. A copy without lists is a
    :class:`~mmdfer.datasets.video_folder.VideoFolderDataset`.

    Arguments are those of :class:`ListedDataset`; there are no folds.
    """
    METAINFO = dict(dataset='afew', classes=CLASSES)
    SPLITS = ('train', 'val')
    LISTS = 'AFEW_{split}.txt'
    FOLDERS = ('frames', 'videos')
    CLIP_DEPTH = 3
    CLASS_FOLDER = -2
    ORDERS = dict(alphabetical=CLASSES, dfer_clip=('Happy', 'Sad', 'Neutral', 'Angry', 'Surprise', 'Disgust', 'Fear'))
    SIZES = {'all clips': dict(train=773, val=383)}
    TOTAL = 1156
