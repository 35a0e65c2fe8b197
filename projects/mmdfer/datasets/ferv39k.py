"""FERV39k: 38,935 clips of 7 expressions in 22 scenes, one split."""
from __future__ import annotations

import os
from collections.abc import Sequence

from ..labels import class_names
from ..registry import DATASETS
from .errors import DatasetError
from .list_files import ListFile
from .listed_dataset import ListedDataset

SETUPS = '4_setups'


@DATASETS.register_module()
class FERV39kDataset(ListedDataset):
    """FERV39k in its official layout.

    Lists are ``4_setups/All_scenes/{train,test}_All.csv``, and a scene's
    ``4_setups/22_scenes/{train,test}_{scene}.csv``, with lines ``Action/Happy/0267 Happy``. Frames are
    ``2_ClipsforFaceCrop/<scene>/<expression>/<4 digits>/*.jpg``. Classes are happy, sad, neutral, angry,
    surprise, disgust, fear; lists with numbers, alphabetical or not, are told by the expression in each clip's
    path. There are no folds.

    Args:
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the folder that holds ``4_setups`` and ``2_ClipsforFaceCrop``.
        split: ``'train'`` or ``'test'``.
        scene: one of the 22 scenes, such as ``'Action'``; ``None`` for all.
        data_prefix: folder of the scenes. Defaults to ``dict(clip='2_ClipsforFaceCrop')``.
        kwargs: of :class:`ListedDataset`.

    Raises:
        DatasetError: for a split or scene that does not exist, a list that cannot be read, or a label that is
            not the clip's folder.
    """
    METAINFO = dict(dataset='ferv39k', classes=class_names('ferv39k'))
    CLIP_DEPTH = 3

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', split: str = 'train', scene: str | None = None,
                 data_prefix: dict | None = None, **kwargs) -> None:
        self.scene = scene
        super().__init__(pipeline, data_root=data_root, split=split,
                         data_prefix=data_prefix or dict(clip='2_ClipsforFaceCrop'), **kwargs)

    def list_of(self, split: str) -> str:
        if self.scene is None:
            return f'{SETUPS}/All_scenes/{split}_All.csv'
        return f'{SETUPS}/22_scenes/{split}_{self.scene}.csv'

    def load_data_list(self) -> list[dict]:
        if self.scene is not None and self.is_official_list and not os.path.isfile(self.ann_file):
            scenes = find_scenes(self.data_root)
            if scenes:
                raise DatasetError(f'scene={self.scene!r} does not exist: choose one of {", ".join(scenes)}')
        return super().load_data_list()

    def known_labels(self, file: ListFile) -> dict[int, int]:
        """The expression in each clip's path."""
        known = {}
        for place, row in enumerate(file.rows):
            parts = self.key_of(row.clip).split('/')
            label = self.dialect.find(parts[-2]) if len(parts) > 1 else None
            if label is not None:
                known[place] = label
        return known


def find_scenes(data_root: str) -> list[str]:
    """The scenes that have lists of their own."""
    folder = os.path.join(data_root, SETUPS, '22_scenes')
    if not os.path.isdir(folder):
        return []
    return sorted(name[len('train_'):-len('.csv')] for name in os.listdir(folder)
                  if name.startswith('train_') and name.endswith('.csv'))
