"""All lists of a copy of a data set, read as training reads them; what cannot be read is kept as words."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...clip_names import entries_of, is_folder
from ...datasets.declaration import DeclaredSet, Setup
from ...datasets.dfer_dataset import DFERDataset, by_key
from ...datasets.errors import DatasetError
from ...datasets.listed_dataset import ListedDataset
from ...datasets.video_folder import VideoFolderDataset, one_clip_twice
from ...registry import declared_sets


@dataclass
class Listing:
    """One list: of which set, setup and split it is, and what it says.

    ``rows`` are (key, name, canonical label); ``error`` is why there are none, ``bad_lines`` every line
    that is at fault. ``dialect`` tells how the file
    is written, ``labelled`` what its labels are.
    """
    kind: type[DeclaredSet]
    part: Setup
    split: str
    path: str
    classes: tuple[str, ...]
    rows: list[tuple[str, str, int]] = field(default_factory=list)
    dialect: str = ''
    labelled: str = ''
    error: str = ''
    is_missing: bool = False
    bad_lines: tuple[str, ...] = ()
    uncaptioned: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)

    @property
    def dataset(self) -> str:
        """The set's short name."""
        return self.kind.METAINFO['dataset']

    @property
    def setup(self) -> str:
        """The setup's name: a fold, a scene."""
        return self.part.name

    @property
    def published(self) -> int | None:
        """Clips of the published list."""
        return self.kind.SIZES.get(self.setup, {}).get(self.split)

    @property
    def published_counts(self) -> tuple[int, ...] | None:
        """Clips of each class of the published list."""
        counts = self.kind.CLASS_SIZES.get((self.setup, self.split))
        return None if counts is None else tuple(counts)

    def counts(self) -> list[int]:
        """Rows of each class."""
        counts = [0] * len(self.classes)
        for _, _, label in self.rows:
            counts[label] += 1
        return counts


class ClipPaths(dict[str, str]):
    """Paths of clips by their keys.

    Args:
        entries: all paths by key; of a clip that is there more than once, which is ambiguous, ``several`` keeps them.
    """

    def __init__(self, entries: Mapping[str, Sequence[str]]) -> None:
        super().__init__((key, paths[0]) for key, paths in entries.items())
        self.several = {key: tuple(paths) for key, paths in entries.items() if len(paths) > 1}


def read_listings(kind: type[DFERDataset], root: str, clip: str | None = None,
                  **options: Any) -> tuple[list[Listing], ClipPaths, str]:
    """Every list of a copy, the clips of its clip folder by their keys, and that folder.

    Args:
        kind: the set's class.
        root: the copy's folder.
        clip: the clip folder below it, instead of the set's usual one.
        options: of the data set, such as ``label_base`` and ``class_order``.

    Raises:
        DatasetError: if the root or the clip folder is missing, or the set is one without lists or class folders.
    """
    if not issubclass(kind, (ListedDataset, VideoFolderDataset)):
        raise DatasetError(
            f'{kind.__name__}: has neither lists nor class folders to check; derive it from ListedDataset')
    if not os.path.isdir(root):
        raise DatasetError(f'{root}: no such folder; give the folder of the data set')
    if issubclass(kind, VideoFolderDataset):
        pairs = list(_folders(kind, root, options))
        items = [item for pair in pairs for item in _from_folder(*pair)]
        clips = ClipPaths(by_key((item['key'], item['clip']) for item in items))
        keys = {item['clip']: item['key'] for item in items}
        clips.several = {keys[paths[0]]: tuple(paths) for paths in one_clip_twice(
            [dict(item, video_id=item['key']) for item in items]).values()}
        return [listing for listing, _ in pairs], clips, root
    if clip is not None:
        options['data_prefix'] = dict(clip=clip)
    pairs = list(_lists(kind, root, options))
    for listing, dataset in pairs:
        _from_list(listing, dataset)
    main = pairs[0][1]
    return [listing for listing, _ in pairs], ClipPaths(main.find_entries()), main.data_prefix['clip']


def _lists(kind: type[ListedDataset], root: str, options: Mapping) -> Iterator[tuple[Listing, ListedDataset]]:
    """The set's main lists, there or not, and other groups of which some list is there, those of sets beside it too."""
    beside = [other for other in declared_sets().values()
              if issubclass(other, ListedDataset) and other.BESIDE == kind.METAINFO['dataset']]
    order = options.get('class_order')
    takers = [one for one in (kind, *beside) if order is None or _has_order(one, order)] or [kind]
    for one in (kind, *beside):
        own = {name: value for name, value in options.items() if name != 'class_order' or one in takers}
        setups = one.setups(root)
        for group in dict.fromkeys(setup.group for setup in setups):
            pairs = [_pair(one, setup, root, split, own) for setup in setups if setup.group == group
                     for split in one.SPLITS]
            if one is kind and not group or any(os.path.isfile(listing.path) for listing, _ in pairs):
                yield from pairs


def _has_order(kind: type[ListedDataset], order: str | Sequence[str]) -> bool:
    """Whether an order of classes is one of a set's."""
    try:
        kind.dialect_of_lists(class_order=order)
    except DatasetError:
        return False
    return True


def _folders(kind: type[VideoFolderDataset], root: str, options: Mapping) -> Iterator[tuple[Listing, DFERDataset]]:
    splits = sorted(entry.name for entry in entries_of(root) if is_folder(entry))
    if not splits:
        raise DatasetError(f'{root}: holds no folder; expected <split>/<class>/<video or folder of frames>')
    for split in splits:
        yield _pair(kind, Setup('folders'), root, split, options)


def _pair(kind: type[DFERDataset], setup: Setup, root: str, split: str,
          options: Mapping) -> tuple[Listing, DFERDataset]:
    dataset = kind(pipeline=[], data_root=root, split=split, lazy_init=True, **dict(options, **setup.options))
    listing = Listing(kind, setup, split, dataset.ann_file or os.path.join(root, split),
                      tuple(dataset.metainfo['classes']))
    return listing, dataset


def _from_list(listing: Listing, dataset: ListedDataset) -> None:
    if not os.path.isfile(listing.path):
        listing.error, listing.is_missing = 'no such list', True
        return
    try:
        file, labels, listing.labelled, known = dataset.read_rows()
    except DatasetError as error:
        listing.error, listing.bad_lines = str(error), getattr(error, 'lines', ())
        return
    listing.dialect = file.form
    listing.rows = [(dataset.key_of(row.clip), dataset.name_of(row.clip), label)
                    for row, label in zip(file.rows, labels)]
    listing.misplaced = [f'{file.rows[place].clip} {file.rows[place].label}' for place, label in known.items()
                         if labels[place] != label]
    if listing.part.with_captions:
        listing.uncaptioned = [row.clip for row in file.rows if not row.caption or not row.caption_zh]


def _from_folder(listing: Listing, dataset: VideoFolderDataset) -> list[dict]:
    """The items of a split, each with its ``key``."""
    try:
        items = dataset.read_folders()
    except DatasetError as error:
        listing.error = str(error)
        return []
    listing.dialect, listing.labelled = 'class folders', 'labels are names'
    items = [dict(item, key=f'{listing.split}/{item["video_id"]}') for item in items]
    listing.rows = [(item['key'], item['key'], item['label']) for item in items]
    return items
