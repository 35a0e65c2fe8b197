"""All images below a folder, without labels, for pre-training on faces."""
from __future__ import annotations

import os

from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from .errors import DatasetError
from .seeding import EpochSeeded

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


@DATASETS.register_module()
class FaceFolderDataset(EpochSeeded, BaseDataset):
    """Every image in a folder and in those below it, whatever they are called; items carry ``img_path`` alone.

    Args:
        data_root: the folder, such as AffectNet's ``Manually_Annotated_Images``.
        kwargs: ``BaseDataset``'s own arguments, such as ``pipeline`` and ``indices``.

    Raises:
        DatasetError: for a folder that does not exist or holds no image.
    """
    METAINFO = dict(dataset='faces')

    def __init__(self, data_root: str = '', **kwargs) -> None:
        if not os.path.isdir(data_root):
            raise DatasetError(f'data_root={data_root!r}: no such folder; give the folder of faces with --data-root')
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.data_root, followlinks=True)
                 for name in names if name.lower().endswith(SUFFIXES)]
        if not found:
            raise DatasetError(f'{self.data_root}: holds no image ({", ".join(SUFFIXES)}), nor does a folder below it')
        return [dict(img_path=path) for path in sorted(found)]

    def sample_ids(self) -> list[str]:
        """The images by their paths below the folder."""
        infos = map(super().get_data_info, range(len(self)))
        return [f'faces/{os.path.relpath(info["img_path"], self.data_root)}' for info in infos]

    def part_name(self) -> str:
        """Which images these are, for people."""
        return f'images below {os.path.basename(os.path.abspath(self.data_root))}'
