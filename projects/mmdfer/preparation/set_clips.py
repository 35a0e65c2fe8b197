"""The clips of a set or of a user's own folder, each with the file that its face maps go to."""
from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clip_names import VIDEO_SUFFIXES, entries_of, is_clip, is_folder, is_frame, is_video
from ..datasets import BadClipError, DFERDataset
from ..datasets.clips import natural_key
from ..face.store import SUFFIX, maps_path

CROPS = '_crops'


@dataclass
class SetClip:
    """One clip to analyse: its path, its name in reports, the file of its maps and the folder of its face crops."""
    path: str
    name: str
    maps: Path
    crops: Path


def set_clips(kind: type[DFERDataset], root: str, frames: str | None = None, out: str | None = None,
              **options: Any) -> tuple[list[SetClip], Path]:
    """The clips of all lists of a data set, and the folder of their maps.

    Args:
        kind: the set's class.
        root: the set's folder.
        frames: the folder of frame folders or videos below it, if not the set's usual one.
        out: folder of the maps, if not beside the clips.
        options: of the data set, such as ``class_order``.

    Raises:
        DatasetError: for a folder without the set's lists or clips.
    """
    if frames is not None:
        options['data_prefix'] = dict(clip=frames)
    found: dict[str, SetClip] = {}
    for split in kind.SPLITS:
        # Clips that the lists name and the disk lacks are warned about, and left out.
        dataset = kind(pipeline=[], data_root=root, split=split, skip_bad_clips=True, **options)
        below = dataset.data_prefix['clip']
        for index in range(len(dataset)):
            path = dataset.get_data_info(index)['clip']
            found.setdefault(path, _clip(path, below, out))
    return sorted(found.values(), key=lambda clip: natural_key(clip.name)), _maps_folder(below, out)


def folder_clips(path: str, out: str | None = None) -> tuple[list[SetClip], Path]:
    """The clips of a path: a video, a folder of frames, or a folder of either; and the folder of their maps.

    Raises:
        BadClipError: for a path that does not exist or holds no clip.
    """
    if not os.path.exists(path):
        raise BadClipError(f'{path}: no such video or folder')
    if os.path.isfile(path):
        if not path.lower().endswith(VIDEO_SUFFIXES):
            raise BadClipError(f'{path}: is no video ({", ".join(VIDEO_SUFFIXES)})')
        clips, below = [path], os.path.dirname(os.path.abspath(path))
    elif any(map(is_frame, entries_of(path))) and not _videos(path):
        clips, below = [path], os.path.dirname(os.path.abspath(path))
    else:
        clips, below = [*_videos(path), *_frame_folders(path)], path
    if not clips:
        raise BadClipError(f'{path}: holds neither videos nor frames nor folders of frames')
    clips = sorted(clips, key=natural_key)
    return [_clip(clip, below, out) for clip in clips], _maps_folder(below, out)


def _videos(folder: str) -> list[str]:
    return [entry.path for entry in entries_of(folder) if is_video(entry)]


def _frame_folders(folder: str) -> Iterator[str]:
    for entry in entries_of(folder):
        if is_folder(entry) and is_clip(entry) and any(map(is_frame, entries_of(entry.path))):
            yield entry.path


def _clip(path: str, below: str, out: str | None) -> SetClip:
    maps, folder = maps_path(path, below, out), _maps_folder(below, out)
    name = maps.relative_to(folder).as_posix().removesuffix('.npz')
    return SetClip(path, name, maps, folder.with_name(folder.name.removesuffix(SUFFIX) + CROPS) / name)


def _maps_folder(below: str, out: str | None) -> Path:
    return maps_path(os.path.join(below, 'clip'), below, out).parent
