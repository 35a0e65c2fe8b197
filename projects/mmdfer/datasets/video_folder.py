"""Clips sorted into folders by split and class, as AFEW comes: no list, the folders are the labels."""
from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log

from ..clip_names import entries_of, is_folder
from ..registry import DATASETS
from .dfer_dataset import DFERDataset, walk_clips
from .errors import DatasetError


@DATASETS.register_module()
class VideoFolderDataset(DFERDataset):
    """``<split>/<class>/<video or folder of frames>``, for AFEW and sets of one's own.

    The class order is that of ``metainfo=dict(classes=[...])``; without it, the names of the class folders of
    all splits in alphabetical order. Folder names are compared without case.

    Args:
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the folder of the splits.
        split: name of a split's folder.
        kwargs: of :class:`DFERDataset`, such as ``metainfo`` and ``skip_bad_clips``.

    Raises:
        DatasetError: for a split that does not exist, a class folder that is no class or leads nowhere, two folders of
            one class, or a split without clips.
    """
    METAINFO = dict(dataset='folder')

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', split: str = 'train', **kwargs) -> None:
        self.split = split
        super().__init__('', pipeline, data_root=data_root, data_prefix=dict(clip=split), **kwargs)
        self._metainfo.setdefault('classes', find_classes(self.data_root))  # not loaded yet with lazy_init

    @staticmethod
    def classes_on_disk(data_root: str) -> tuple[str, ...] | None:
        """The classes of a config without ``metainfo``; ``None`` where the folder is not there."""
        return find_classes(data_root) if data_root and os.path.isdir(data_root) else None

    def load_data_list(self) -> list[dict]:
        folder = Path(self.data_root) / self.split
        if not folder.is_dir():
            splits = _folders(Path(self.data_root or '.'))
            raise DatasetError(f'{folder}: no such split; data_root has the folders {", ".join(splits) or "(none)"}')
        classes = self._metainfo.setdefault('classes', find_classes(self.data_root))
        places = {name.lower(): label for label, name in enumerate(classes)}
        items = []
        for name in _folders(folder):
            label = places.get(name.lower())
            if label is None:
                raise DatasetError(f'{folder / name}: is the folder of no class; expected one of {", ".join(classes)}')
            items.extend(
                dict(clip=path, video_id=f'{name}/{os.path.basename(path)}', label=label)
                for path in sorted(path for _, path in walk_clips(str(folder / name), 1))
            )
        if not items:
            raise DatasetError(f'{folder}: holds no clip; expected <class>/<video or folder of frames> in it')
        present = {item['label'] for item in items}
        absent = [name for label, name in enumerate(classes) if label not in present]
        if absent:
            print_log(f'{folder}: no clip of {", ".join(absent)}', logger='current', level=logging.WARNING)
        return items


def find_classes(data_root: str) -> tuple[str, ...]:
    """Names of the class folders of all splits, in alphabetical order."""
    root = Path(data_root or '.')
    names = sorted({name for split in _folders(root) for name in _folders(root / split)})
    alike: dict[str, str] = {}
    for name in names:
        other = alike.setdefault(unicodedata.normalize('NFC', name).strip().casefold(), name)
        if other != name:
            raise DatasetError(f'{root}: the class folders {other!r} and {name!r} differ by their case or by spaces '
                               'alone; give them one name')
    return tuple(names)


def _folders(folder: Path) -> list[str]:
    entries = list(entries_of(folder))
    nowhere = sorted(entry.path for entry in entries if entry.is_symlink() and not os.path.exists(entry.path))
    if nowhere:
        raise DatasetError(f'{nowhere[0]}: is a link that leads nowhere; mend or remove it')
    return sorted(entry.name for entry in entries if is_folder(entry))
