"""All lists of a copy of a data set, read as training reads them; what cannot be read is kept as words."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ...datasets.dfer_dataset import DFERDataset
from ...datasets.dfew import DFEWDataset
from ...datasets.errors import DatasetError
from ...datasets.ferv39k import FERV39kDataset, find_scenes
from ...datasets.listed_dataset import SPLITS, ListedDataset
from ...datasets.mafw import KINDS as MAFW_LISTS
from ...datasets.mafw import MAFWCompoundDataset, MAFWDataset
from ...datasets.video_folder import VideoFolderDataset


@dataclass
class Listing:
    """One list: of which set, setup (a fold, a scene) and split it is, and what it says.

    ``rows`` are (key, name, canonical label); ``error`` is why there are none. ``dialect`` tells how the file
    is written, ``labelled`` what its labels are.
    """
    dataset: str
    setup: str
    split: str
    path: str
    classes: tuple[str, ...]
    rows: list[tuple[str, str, int]] = field(default_factory=list)
    dialect: str = ''
    labelled: str = ''
    error: str = ''
    is_missing: bool = False
    with_captions: bool = False
    uncaptioned: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f'{self.setup} {self.split}'

    def counts(self) -> list[int]:
        """Rows of each class."""
        counts = [0] * len(self.classes)
        for _, _, label in self.rows:
            counts[label] += 1
        return counts


def read_listings(kind: str, root: str, clip: str | None = None,
                  **options) -> tuple[list[Listing], dict[str, str], str]:
    """Every list of a copy, the clips of its clip folder by their keys, and that folder.

    Args:
        kind: one of :data:`KINDS`.
        root: the copy's folder.
        clip: the clip folder below it, instead of the set's usual one.
        options: of the data set, such as ``label_base`` and ``class_order``.

    Raises:
        DatasetError: if the root or the clip folder is missing.
    """
    if kind not in KINDS:
        raise DatasetError(f'{kind!r} is no kind of data set: choose one of {", ".join(KINDS)}')
    if not os.path.isdir(root):
        raise DatasetError(f'{root}: no such folder; give the folder of the data set')
    if clip is not None and kind != 'folder':
        options['data_prefix'] = dict(clip=clip)
    pairs = list(KINDS[kind](root, options))
    clips: dict[str, str] = {}
    if kind == 'folder':
        folder = root
        for listing, dataset in pairs:
            clips.update(_from_folder(listing, dataset))
    else:
        folder = pairs[0][1].data_prefix['clip']
        clips = pairs[0][1].find_clips()
        for listing, dataset in pairs:
            _from_list(listing, dataset)
    return [listing for listing, _ in pairs], clips, folder


def _dfew(root: str, options: dict) -> Iterator[tuple[Listing, ListedDataset]]:
    for fold in DFEWDataset.FOLDS:
        for split in SPLITS:
            yield _pair(DFEWDataset, f'fold {fold}', root, split, options, fold=fold)


def _ferv39k(root: str, options: dict) -> Iterator[tuple[Listing, ListedDataset]]:
    for scene in [None, *find_scenes(root)]:
        for split in SPLITS:
            yield _pair(FERV39kDataset, scene or 'all scenes', root, split, options, scene=scene)


def _mafw(root: str, options: dict) -> Iterator[tuple[Listing, ListedDataset]]:
    for kind in (MAFWDataset, MAFWCompoundDataset):
        for lists in MAFW_LISTS:
            parts = [_pair(kind, f'fold {fold}', root, split, options, fold=fold, lists=lists)
                     for fold in kind.FOLDS for split in SPLITS]
            is_main = kind is MAFWDataset and lists == 'no_caption'
            if is_main or any(os.path.isfile(listing.path) for listing, _ in parts):
                yield from parts


def _folder(root: str, options: dict) -> Iterator[tuple[Listing, DFERDataset]]:
    with os.scandir(root) as entries:
        splits = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith('.'))
    if not splits:
        raise DatasetError(f'{root}: holds no folder; expected <split>/<class>/<video or folder of frames>')
    for split in splits:
        yield _pair(VideoFolderDataset, 'folders', root, split, options)


KINDS: dict[str, Callable] = dict(dfew=_dfew, ferv39k=_ferv39k, mafw=_mafw, folder=_folder)


def _pair(kind: type, setup: str, root: str, split: str, options: dict, **arguments) -> tuple[Listing, DFERDataset]:
    dataset = kind(pipeline=[], data_root=root, split=split, lazy_init=True, **arguments, **options)
    with_captions = arguments.get('lists') == 'with_caption'
    listing = Listing(dataset.metainfo['dataset'], setup + (', with captions' if with_captions else ''), split,
                      dataset.ann_file or os.path.join(root, split), tuple(dataset.metainfo['classes']),
                      with_captions=with_captions)
    return listing, dataset


def _from_list(listing: Listing, dataset: ListedDataset) -> None:
    if not os.path.isfile(listing.path):
        listing.error, listing.is_missing = 'no such list', True
        return
    try:
        file, labels, listing.labelled = dataset.read_rows()
    except DatasetError as error:
        listing.error = str(error)
        return
    listing.dialect = file.form
    listing.rows = [(dataset.key_of(row.clip), dataset.name_of(row.clip), label)
                    for row, label in zip(file.rows, labels)]
    known = dataset.known_labels(file)
    listing.misplaced = [f'{file.rows[place].clip} {file.rows[place].label}' for place, label in known.items()
                         if labels[place] != label]
    if listing.with_captions:
        listing.uncaptioned = [row.clip for row in file.rows if not row.caption or not row.caption_zh]


def _from_folder(listing: Listing, dataset: VideoFolderDataset) -> dict[str, str]:
    try:
        items = dataset.load_data_list()
    except DatasetError as error:
        listing.error = str(error)
        return {}
    listing.dialect, listing.labelled = 'class folders', 'labels are names'
    listing.rows = [(f'{listing.split}/{item["video_id"]}', f'{listing.split}/{item["video_id"]}', item['label'])
                    for item in items]
    return {row[0]: item['clip'] for row, item in zip(listing.rows, items)}
