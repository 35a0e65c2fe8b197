"""FERV39k: 38,935 clips of 7 expressions in 22 scenes, one split."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ..names import nearest
from ..registry import DATASETS
from .declaration import Setup
from .errors import DatasetError
from .listed_dataset import ListedDataset

CLASSES = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')
SETUPS = '4_setups'
WHOLE = 'all scenes'


@DATASETS.register_module()
class FERV39kDataset(ListedDataset):
    """FERV39k in its official layout.

    Lists are ``4_setups/All_scenes/{train,test}_All.csv``, and a scene's
    ``4_setups/22_scenes/{train,test}_{scene}.csv``, with lines ``Action/Happy/0267 Happy``. Frames are
    ``2_ClipsforFaceCrop/<scene>/<expression>/<4 digits>/*.jpg``. The release gives no order of the classes; ours is
    that of most published code, DFEW's. Lists with numbers, alphabetical or not, are told by the expression in each
    clip's path. There are no folds.

    Args:
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the folder that holds ``4_setups`` and ``2_ClipsforFaceCrop``.
        split: ``'train'`` or ``'test'``.
        scene: one of the 22 scenes, such as ``'Action'``; ``None`` for all.
        kwargs: of :class:`ListedDataset`.

    Raises:
        DatasetError: for a split or scene that does not exist, a list that cannot be read, or a label that is
            not the clip's folder.
    """
    METAINFO = dict(dataset='ferv39k', classes=CLASSES)
    TITLE = 'FERV39k'
    FOLDERS = ('2_ClipsforFaceCrop', )
    CLIP_DEPTH = 3
    CLASS_FOLDER = -2
    ORDERS = dict(dfer_clip=CLASSES, alphabetical=tuple(sorted(CLASSES)))
    SIZES = {WHOLE: dict(train=31088, test=7847)}
    CLASS_SIZES = {(WHOLE, 'train'): (5854, 5523, 7790, 5906, 2502, 1833, 1680)}
    TOTAL = 38935

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', split: str = 'train', scene: str | None = None,
                 **kwargs: Any) -> None:
        self.scene = scene
        super().__init__(pipeline, data_root=data_root, split=split, **kwargs)

    def _part(self) -> Sequence[str]:
        return (*super()._part(), *([self.scene] if self.scene is not None else ()))

    def list_of(self, split: str) -> str:
        if self.scene is None:
            return f'{SETUPS}/All_scenes/{split}_All.csv'
        return f'{SETUPS}/22_scenes/{split}_{self.scene}.csv'

    @classmethod
    def setups(cls, root: str | None = None) -> list[Setup]:
        scenes = [] if root is None else find_scenes(root)
        return [Setup(WHOLE), *(Setup(scene, dict(scene=scene), 'scenes', lacks_classes=True, part_of=WHOLE)
                                for scene in scenes)]

    def load_data_list(self) -> list[dict]:
        if self.scene is not None and self.is_official_list and not os.path.isfile(self.ann_file):
            scenes = find_scenes(self.data_root)
            if scenes:
                raise DatasetError(f'scene={self.scene!r} does not exist: {nearest(self.scene, scenes)}')
        return super().load_data_list()


def find_scenes(data_root: str) -> list[str]:
    """The scenes that have lists of their own."""
    folder = os.path.join(data_root, SETUPS, '22_scenes')
    if not os.path.isdir(folder):
        return []
    return sorted(name[len('train_'):-len('.csv')] for name in os.listdir(folder)
                  if name.startswith('train_') and name.endswith('.csv'))
