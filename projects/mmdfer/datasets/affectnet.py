"""AffectNet: static faces of 7 or 8 expressions, for the image stage."""
from __future__ import annotations

import os
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmengine.registry import DATASETS

from ..clip_names import is_foreign
from .errors import DatasetError
from .fer_dataset import StaticFERDataset
from .lists.texts import shown, whole_number
from .tables import stream_columns

CLASSES = ('neutral', 'happy', 'sad', 'surprise', 'fear', 'disgust', 'anger', 'contempt')
# The lists' ``expression``, by its number.
EXPRESSIONS = ('Neutral', 'Happy', 'Sad', 'Surprise', 'Fear', 'Disgust', 'Anger', 'Contempt', 'None', 'Uncertain',
               'No-Face')
HEADER = ('subDirectory_filePath', 'face_x', 'face_y', 'face_width', 'face_height', 'facial_landmarks', 'expression',
          'valence', 'arousal')
LISTS = dict(train='training.csv', val='validation.csv')
LIST_FOLDERS = ('', 'Manually_Annotated_file_lists')
IMAGE_FOLDERS = ('Manually_Annotated_Images', 'Manually_Annotated/Manually_Annotated_Images')
SETS = dict(train='train_set', val='val_set')


@DATASETS.register_module()
class AffectNetDataset(StaticFERDataset):
    """AffectNet's manually annotated part with 8 classes, in either official layout.

    - Lists: ``training.csv`` and ``validation.csv`` (also in ``Manually_Annotated_file_lists``), with paths
      below ``Manually_Annotated_Images`` (also in ``Manually_Annotated``). Items carry ``face_box`` (x, y,
      width, height) beside ``img_path``; ``CropFaceBox`` crops to it.
    - Folders: ``train_set`` and ``val_set`` with ``images/<id>.jpg``, already cropped, and
      ``annotations/<id>_exp.npy``, one file a label: the first look over them takes a while.

    Which of the two it is, is told by what is there, the lists first. Expressions are 0 to 7 = neutral,
    happy, sad, surprise, fear, disgust, anger, contempt; images with 8 to 10 (none, uncertain, no face) are
    left out and counted in the log, and so is contempt where it is no class. The test set is not public:
    published figures are of ``val``.

    Args:
        data_root: the folder that holds the lists or ``train_set``.
        split: ``'train'`` or ``'val'``.
        kwargs: ``BaseDataset``'s own arguments.

    Raises:
        DatasetError: if neither layout is there, for a list that cannot be read, an expression that does not
            exist, or images that are missing.
    """
    METAINFO = dict(dataset='affectnet', classes=CLASSES)
    TITLE = 'AffectNet'
    SPLITS = ('train', 'val')

    def load_data_list(self) -> list[dict]:
        root = Path(self.data_root)
        path = next((root / folder / LISTS[self.split] for folder in LIST_FOLDERS
                     if (root / folder / LISTS[self.split]).is_file()), None)
        if path is not None:
            rows, source = self._read_list(path), path
        elif (root / SETS[self.split]).is_dir():
            rows, source = self._read_annotations(root / SETS[self.split]), root / SETS[self.split]
        else:
            raise DatasetError(f'{root}: holds neither {LISTS[self.split]} nor the folder {SETS[self.split]}; unpack '
                               'AffectNet there, or give its folder with --data-root')
        items = self._keep_classes(rows, source)
        if not items:
            raise DatasetError(f'{source}: lists no image of the {len(self.METAINFO["classes"])} classes')
        return items

    def _keep_classes(self, rows: list[dict], source: Path) -> list[dict]:
        """Items of the class set; the others are counted in the log."""
        classes = len(self.METAINFO['classes'])
        dropped = Counter(EXPRESSIONS[row['gt_label']] for row in rows if row['gt_label'] >= classes)
        items = [row for row in rows if row['gt_label'] < classes]
        told = ', '.join(f'{dropped[name]} {name}' for name in EXPRESSIONS if name in dropped)
        print_log(f'{source}: {len(items)} images of {classes} classes'
                  + (f'; {sum(dropped.values())} left out ({told})' if dropped else ''), logger='current')
        return items

    def _read_list(self, path: Path) -> list[dict]:
        root = Path(self.data_root)
        images = next((root / folder for folder in IMAGE_FOLDERS if (root / folder).is_dir()), None)
        if images is None:
            raise DatasetError(f'{root / IMAGE_FOLDERS[0]}: no such folder, although {path.name} is there; unpack '
                               'AffectNet\'s Manually_Annotated images there')
        rows, names = [], []
        classes = len(self.METAINFO['classes'])
        for line, (name, *box, label) in stream_columns(str(path), (*HEADER[:5], 'expression'), HEADER):
            row: dict[str, Any] = dict(img_path=str(images / name), gt_label=_expression(label, f'{path}:{line}'))
            if row['gt_label'] < classes:       # others have no image or box to rely on
                row['face_box'] = _box(box, f'{path}:{line}')
                names.append(name)
            rows.append(row)
        _check_images(images, names)
        return rows

    def _read_annotations(self, folder: Path) -> list[dict]:
        images, annotations = folder / 'images', folder / 'annotations'
        for needed in (images, annotations):
            if not needed.is_dir():
                raise DatasetError(f'{needed}: no such folder; unpack AffectNet\'s {folder.name} completely')
        stems = sorted((name[:-len('_exp.npy')] for name in os.listdir(annotations)
                        if name.endswith('_exp.npy') and not is_foreign(name)),
                       key=lambda stem: (len(stem), stem))
        rows = [dict(img_path=str(images / f'{stem}.jpg'), gt_label=_read_expression(annotations / f'{stem}_exp.npy'))
                for stem in stems]
        _check_images(images, [f'{stem}.jpg' for stem in stems])
        return rows


@DATASETS.register_module()
class AffectNet7Dataset(AffectNetDataset):
    """AffectNet with 7 classes: as :class:`AffectNetDataset`, without contempt."""
    METAINFO = dict(dataset='affectnet7', classes=CLASSES[:7])
    TITLE = 'AffectNet-7'
    BESIDE = 'affectnet'


def _expression(text: str, where: str) -> int:
    number = whole_number(text)
    if number is None or not 0 <= number < len(EXPRESSIONS):
        raise DatasetError(f'{where}: expression={shown(text)} is not known; expected 0 to {len(EXPRESSIONS) - 1}')
    return number


def _read_expression(path: Path) -> int:
    """The number in an ``_exp.npy`` file, which the release stores as a number or as text."""
    try:
        value = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DatasetError(f'{path}: cannot be read as an array ({error}); unpack the annotations again') from None
    return _expression(str(value.item()) if value.size == 1 else str(value.tolist()), str(path))


def _box(texts: list[str], where: str) -> list[int]:
    try:
        x, y, width, height = (int(float(text)) for text in texts)
    except (ValueError, OverflowError):
        raise DatasetError(f'{where}: the face box {",".join(texts)!r} cannot be read; expected the numbers '
                           f'{",".join(HEADER[1:5])}') from None
    return [x, y, width, height]


def _check_images(folder: Path, names: list[str]) -> None:
    """Refuse a list with images that are not there; each folder is listed once."""
    wanted = defaultdict(set)
    for name in names:
        path = PurePosixPath(name)
        wanted[str(path.parent)].add(path.name)
    missing = []
    for sub, files in wanted.items():
        present = set(os.listdir(folder / sub)) if (folder / sub).is_dir() else set()
        missing.extend(os.path.normpath(os.path.join(sub, name)) for name in sorted(files - present))
    if missing:
        raise DatasetError(f'{folder}: {len(missing)} listed images are missing (such as {", ".join(missing[:3])}); '
                           'unpack all archives of the release there')
