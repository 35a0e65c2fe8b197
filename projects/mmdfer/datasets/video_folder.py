"""Clips sorted into folders by split and class, as AFEW comes: no list, the folders are the labels."""
from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log

from ..clip_names import clip_path_key, clip_stem, entries_of, is_folder
from ..registry import DATASETS
from .dfer_dataset import DFERDataset, by_key, refuse_ambiguous, walk_clips
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
            one class, a clip that is there twice, or a split without clips.
    """
    METAINFO = dict(dataset='folder')

    def __init__(self, pipeline: Sequence[dict], data_root: str = '', split: str = 'train', **kwargs) -> None:
        self.split = split
        super().__init__('', pipeline, data_root=data_root, data_prefix=dict(clip=split), **kwargs)
        self._own_classes()                                                 # not loaded yet with lazy_init

    def _own_classes(self) -> Sequence[str]:
        if 'classes' not in self._metainfo:
            self._metainfo['classes'] = find_classes(self.data_root)
        return self._metainfo['classes']

    @staticmethod
    def classes_on_disk(data_root: str) -> tuple[str, ...] | None:
        """The classes of a config without ``metainfo``; ``None`` where the folder is not there."""
        return find_classes(data_root) if data_root and os.path.isdir(data_root) else None

    def sample_ids(self) -> list[str]:
        names = (super(DFERDataset, self).get_data_info(index)['video_id'] for index in range(len(self)))
        return [f'{self.samples_of()}/{clip_path_key(f"{self.split}/{name}")}' for name in names]

    def _part(self) -> Sequence[str]:
        return self.metainfo['dataset'], self.split

    def load_data_list(self) -> list[dict]:
        items = self.read_folders()
        refuse_ambiguous(os.path.join(self.data_root, self.split), one_clip_twice(items))
        return items

    def read_folders(self) -> list[dict]:
        """An item for each entry of the class folders.

        Raises:
            DatasetError: for folders that are not as they should be.
        """
        folder = Path(self.data_root) / self.split
        if not folder.is_dir():
            splits = _folders(Path(self.data_root or '.'))
            raise DatasetError(f'{folder}: no such split; data_root has the folders {", ".join(splits) or "(none)"}')
        classes = self._own_classes()
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


def one_clip_twice(items: Sequence[dict]) -> dict[str, list[str]]:
    """Paths of what looks like one clip in several forms, such as ``3`` and ``3.avi`` or ``3.avi`` and ``003.avi``.

    Videos that differ in their suffix alone, as cameras and exports leave them, are clips of their own.
    """
    several = by_key((clip_path_key(item['video_id']), item['clip']) for item in items)
    return {key: paths for key, paths in several.items() if len(paths) > 1 and (
        len({clip_stem(path) for path in paths}) > 1 or any(map(os.path.isdir, paths)))}


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
