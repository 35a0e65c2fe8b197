"""The base of the DFER data sets: clips as frame folders or videos, labels in canonical order."""
from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from mmaction.datasets import BaseActionDataset
from mmengine.logging import print_log
from torch.utils.data import get_worker_info

from ..clip_names import clip_key, entries_of, is_clip, is_folder, is_unread, path_parts
from ..files import append_line
from .declaration import DeclaredSet
from .errors import BadClipError, DatasetError
from .inner_split import check_inner, validation_part
from .leaving_out import leave_out
from .packed import Pack
from .seeding import EpochSeeded


class DFERDataset(DeclaredSet, EpochSeeded, BaseActionDataset):
    """Clips of a DFER set for MMAction2's pipelines; what it says of itself is in :class:`DeclaredSet`'s attributes.

    A subclass turns its list into ``(clip name, canonical label)`` pairs by :meth:`read_list`. A clip is a
    folder of frames or a video file; both are found by one look into the clip folder, ``CLIP_DEPTH`` levels
    deep. Each item of the list carries ``clip`` (the path), ``video_id`` and ``label``; frames are counted on
    the disk when the clip is opened, never taken from a list.

    Args:
        ann_file: the list, absolute or below ``data_root``.
        pipeline: transforms, starting with ``ClipInit``.
        data_root: the set's folder.
        data_prefix: ``dict(clip=...)``, the folder of frame folders or videos below ``data_root``. Defaults to the
            first of ``FOLDERS``.
        packed: a pack of these clips (``mmdfer pack``), absolute or below ``data_root``. Frames come from it,
            to the same numbers; the clip folder may be gone, and must not have changed if it is there.
        skip_bad_clips: in training, go on past clips that cannot be read, and report them at the end. In
            testing nothing is ever skipped.
        inner: ``'train'`` or ``'val'``, a part of the list's clips: an epoch can be chosen by the validation part,
            which training does not see, instead of by the test set. ``None`` for all clips.
        inner_share: the validation part, of each class (:func:`~mmdfer.datasets.inner_split.validation_part`).
        inner_seed: of the draw of the validation part.
        kwargs: ``BaseActionDataset``'s own arguments, such as ``indices`` and ``test_mode``.

    Raises:
        DatasetError: for a data root, folder or list that is missing or cannot be read.
        PackError: for a pack that is damaged, lacks a listed clip, or is older than the frames.
        BadClipError: when a clip cannot be read and is not to be skipped.
    """

    CLIP_DEPTH = 1

    def __init__(self, ann_file: str, pipeline: Sequence[dict], data_root: str = '', data_prefix: dict | None = None,
                 skip_bad_clips: bool = False, inner: str | None = None, inner_share: float = 0.1, inner_seed: int = 0,
                 packed: str | None = None, **kwargs) -> None:
        check_inner(inner, inner_share)
        self.inner, self.inner_share, self.inner_seed = inner, inner_share, inner_seed
        if data_root and not os.path.isdir(data_root):
            raise DatasetError(f'data_root={data_root!r}: no such folder; give the folder of the data set with '
                               '--data-root')
        self.skip_bad_clips = skip_bad_clips
        self.missing: list[str] = []
        self.left_out: dict[str, int] = {}              # clips, by what they lack that a step needs
        self.pack = None if packed is None else Pack(os.path.join(data_root, packed))
        self.bad_clips_file: str | None = None
        self._bad = 0
        super().__init__(ann_file, pipeline, data_root=data_root,
                         data_prefix=dict(data_prefix or dict(clip=self.FOLDERS[0])), **kwargs)

    def read_list(self) -> list[tuple[str, int]]:
        """Clip names and 0-based canonical labels, in the list's order."""
        raise NotImplementedError

    def load_data_list(self) -> list[dict]:
        if not os.path.isfile(self.ann_file):
            raise DatasetError(f'{self.ann_file}: no such list; check data_root and that the set was unpacked with its '
                               'official layout')
        pairs = self._inner_part(self.read_list())
        clips = self._clips([name for name, _ in pairs])
        found, self.missing = [], []
        for name, label in pairs:
            path = clips.get(self.key_of(name))
            if path is None:
                self.missing.append(name)
            else:
                found.append(dict(clip=path, video_id=name, label=label))
        if self.missing:
            self._report_missing(self.missing, len(pairs))
        if not found:
            raise DatasetError(f'{self.ann_file}: lists no clip')
        return found

    def _inner_part(self, pairs: list[tuple[str, int]]) -> list[tuple[str, int]]:
        if self.inner is None:
            return pairs
        labels = {self.key_of(name): label for name, label in pairs}        # a clip listed twice is in one part
        chosen = validation_part(list(labels), list(labels.values()), self.inner_share, self.inner_seed)
        in_val = dict(zip(labels, chosen))
        return [pair for pair in pairs if in_val[self.key_of(pair[0])] == (self.inner == 'val')]

    def _clips(self, names: Sequence[str]) -> dict[str, str]:
        """Paths of clips by their keys: those on the disk, and with a pack those that it answers for."""
        folder, keys = Path(self.data_prefix['clip']), list(map(self.key_of, names))
        entries = self.find_entries() if self.pack is None or folder.is_dir() else {}
        refuse_ambiguous(str(folder), {key: entries[key] for key in keys if key in entries})
        found = {key: paths[0] for key, paths in entries.items()}
        if self.pack is None:
            return found
        missing = set(map(self.key_of, self.pack.missing))
        return dict({key: str(folder / name) for key, name in zip(keys, names) if key not in missing}, **found)

    def find_entries(self) -> dict[str, list[str]]:
        """Paths of the frame folders and videos in the clip folder, by their keys: of each clip one, if all is well."""
        folder = Path(self.data_prefix['clip'])
        if not folder.is_dir():
            usual = ' or '.join(filter(None, self.FOLDERS))
            raise DatasetError(f'{folder}: no such clip folder; set data_prefix=dict(clip=...) to the folder of frame '
                               'folders or videos below data_root' + (f' ({usual})' if usual else ''))
        return by_key(walk_clips(str(folder), self.CLIP_DEPTH))

    @classmethod
    def key_of(cls, name: str) -> str:
        """What a listed clip and its folder or file share: the last ``CLIP_DEPTH`` parts, each by :func:`clip_key`."""
        return '/'.join(clip_key(part) for part in path_parts(name)[-cls.CLIP_DEPTH:])

    def sample_ids(self) -> list[str]:
        """A name for each clip, the same in every list and copy that holds it: its set, and its key there."""
        return [f'{self.samples_of()}/{self.key_of(super(DFERDataset, self).get_data_info(index)["video_id"])}'
                for index in range(len(self))]

    def part_name(self) -> str:
        """Which part of its set this is, for people."""
        inner = {None: '', 'train': 'without its validation part', 'val': 'its validation part'}[self.inner]
        return ', '.join(filter(None, (*self._part(), inner)))

    def _part(self) -> Sequence[str]:
        return self.metainfo['dataset'], os.path.basename(self.ann_file)

    def _report_missing(self, missing: list[str], total: int) -> None:
        message = (f'{self.ann_file}: {len(missing)} of {total} listed clips have no folder or video in '
                   f"{self.data_prefix['clip']} (such as {', '.join(missing[:5])})")
        if self.test_mode or not self.skip_bad_clips:
            raise DatasetError(f'{message}; complete the set'
                               + ('' if self.test_mode else ', or train without them by --skip-bad-clips'))
        print_log(f'{message}; trained without', logger='current', level=logging.WARNING)

    def filter_data(self) -> list[dict]:
        data_list = super().filter_data()
        if not self.test_mode:
            data_list, self.left_out = leave_out(self.pipeline.transforms, data_list, self.ann_file)
        if self.pack is not None:
            rows = self.pack.rows([info['video_id'] for info in data_list], self.key_of, self.ann_file)
            self.pack.check_sources(rows, [info['clip'] for info in data_list])
            for info, row in zip(data_list, rows):
                info['packed'] = row
        return data_list

    def get_data_info(self, idx: int) -> dict:
        info = super().get_data_info(idx)
        if self.pack is not None:
            info['packed'] = self.pack.clip(info['packed'])
        return info

    def prepare_data(self, idx: int) -> dict | None:
        try:
            return super().prepare_data(idx)
        except BadClipError as error:
            if self.test_mode or not self.skip_bad_clips:
                raise
            self._note_bad_clip(idx, error)
            self._bad = idx
            return None

    def _rand_another(self) -> int:
        """Another clip in place of the bad one, the same for the same seed, epoch and bad clip."""
        seed, epoch = self._seed_and_epoch.tolist()
        if epoch < 0:
            return super()._rand_another()
        return int(np.random.default_rng([seed, epoch, self._bad]).integers(len(self)))

    def _note_bad_clip(self, idx: int, error: BadClipError) -> None:
        if self.bad_clips_file is not None:
            append_line(f'{self.get_data_info(idx)["video_id"]}\t{error}', self.bad_clips_file)
        if get_worker_info() is None:
            print_log(f'skipped: {error}', logger='current', level=logging.WARNING)


def walk_clips(folder: str, depth: int, prefix: str = '') -> Iterator[tuple[str, str]]:
    """Key and path of each clip that lies that many levels below a folder; the log tells of files that are not read."""
    unread = []
    for entry in entries_of(folder):
        if depth > 1:
            if is_folder(entry):
                yield from walk_clips(entry.path, depth - 1, f'{prefix}{clip_key(entry.name)}/')
        elif is_clip(entry):
            yield prefix + clip_key(entry.name), entry.path
        elif is_unread(entry):
            unread.append(entry.name)
    if unread:
        print_log(f'{folder}: {len(unread)} files are of kinds that are not read, and are no clips here (such as '
                  f'{", ".join(sorted(unread)[:3])}); convert them to .mp4', logger='current', level=logging.WARNING)


def by_key(clips: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Paths of clips by their keys, those of one key in the order of their names."""
    found: dict[str, list[str]] = {}
    for key, path in clips:
        found.setdefault(key, []).append(path)
    return {key: sorted(paths) for key, paths in found.items()}


def refuse_ambiguous(folder: str, entries: Mapping[str, Sequence[str]]) -> None:
    """Refuse clips of which there are several: which of them is read, the folder's order would choose.

    Args:
        folder: the clip folder, for messages.
        entries: paths by key.

    Raises:
        DatasetError: naming the first of them.
    """
    several = [' and '.join(os.path.relpath(path, folder) for path in paths)
               for paths in entries.values() if len(paths) > 1]
    if several:
        raise DatasetError(f'{folder}: {len(several)} clips are there more than once (such as '
                           f'{"; ".join(several[:3])}), and which one is meant cannot be told; keep one of each')
