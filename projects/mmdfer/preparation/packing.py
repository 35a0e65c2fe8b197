"""Packing the clips of a config's data sets into one file."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass

import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..datasets import BadClipError, DatasetError, DFERDataset, Pack
from ..datasets.clips import FRAME_SUFFIXES, Clip, list_frames
from ..datasets.packed import PackWriter
from ..datasets.packed.layout import Source
from ..datasets.packed.writer import StoredFrame, forget_journal, free_space
from ..registry import DATASETS
from ..run_config import dataset_configs
from ..workers import in_threads

Progress = Callable[[Iterable, int], Iterable]
FRAMES_AT_A_TIME = 64                                       # of a long video, while it is decoded


@dataclass(frozen=True)
class ListedClip:
    """A clip of the lists and what it is on the disk."""
    name: str
    path: str
    source: Source


def pack(cfg: Config, out: str, store: str = 'files', size: int | None = None, skip_bad_clips: bool = False,
         overwrite: bool = False, workers: int = 2, command: str = '', progress: Progress = lambda items, total: items
         ) -> dict:
    """Write the clips of every data set of a config, all splits, into one pack.

    Args:
        cfg: a run's config, pointed to its data.
        out: file to make. An interrupted call leaves ``<out>.part``, from which the next one goes on.
        store: ``'files'``, the frames' files as they are, or ``'raw'``, their pixels. Both train to the folder's
            numbers.
        size: shorter side to which raw frames are resized; ``None`` keeps them. Resized frames train to other
            numbers.
        skip_bad_clips: keep clips that are missing or cannot be read as such, for a training that skips them.
        overwrite: replace an existing file.
        workers: threads that read and decode.
        command: how a user makes this pack again.
        progress: wraps the clips as they are written.

    Returns:
        ``clips``, ``frames``, ``bad``, ``missing``, ``bytes`` and ``resumed``, the clips found already written.

    Raises:
        DatasetError: for options that do not go together, an existing file, a clip that cannot be packed, or
            too small a disk.
        BadClipError: for a clip that cannot be read and is not to be kept.
    """
    if size is not None and (store != 'raw' or size < 1):
        raise DatasetError(f"size={size}: only raw frames are resized, to 1 or more; give store='raw' too")
    if os.path.exists(out) and not overwrite:
        forget_journal(out)
        raise DatasetError(f'{out}: exists; replace it by --overwrite')
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    clips, missing = listed_clips(cfg, skip_bad_clips, workers)
    need = required_space(clips, store, size)
    free = free_space(out) + (os.path.getsize(f'{out}.part') if os.path.exists(f'{out}.part') else 0)
    if need > free:
        raise DatasetError(f'{out}: about {need / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free'
                           + ('; the default store=files is smaller' if store == 'raw' else ''))
    writer = PackWriter(out, store, size, command)
    try:
        todo = [clip for clip in clips if not writer.has(clip.name, clip.source)]
        read = in_threads(lambda clip: read_clip(clip, store, size, skip_bad_clips), todo, workers)
        with closing(read):
            for clip, (frames, bad) in progress(zip(todo, read), len(todo)):
                writer.add(clip.name, clip.source, frames, bad)
        writer.finish([clip.name for clip in clips], missing)
    finally:
        writer.close()
    made = Pack(out)
    return dict(clips=len(made), frames=len(made.frames), bad=len(made.bad), missing=len(missing),
                bytes=os.path.getsize(out), resumed=len(clips) - len(todo))


def listed_clips(cfg: Config, skip_bad_clips: bool = False, workers: int = 2) -> tuple[list[ListedClip], list[str]]:
    """The clips of all lists of a config, each once, and the names of those that are missing.

    Raises:
        DatasetError: for sets that cannot be packed, or two clips of one name.
    """
    paths: dict[str, tuple[str, str]] = {}
    missing: dict[str, None] = {}
    for options in dataset_configs(cfg):
        if not issubclass(DATASETS.get(options.type), DFERDataset):
            raise DatasetError(f'{options.type} has no clips to pack')
        options = dict(options, pipeline=[], packed=None, indices=None, serialize_data=False)
        if skip_bad_clips:
            options.update(skip_bad_clips=True, test_mode=False)
        dataset = DATASETS.build(options)
        missing.update(dict.fromkeys(dataset.missing))
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            name, path = paths.setdefault(dataset.key_of(info['video_id']), (info['video_id'], info['clip']))
            if path != info['clip']:
                raise DatasetError(f'{name} is two clips, {path} and {info["clip"]}: pack their lists one by one')
    sources = in_threads(lambda clip: Source.of(clip[1], FRAME_SUFFIXES), paths.values(), workers)
    return [ListedClip(*clip, source) for clip, source in zip(paths.values(), sources)], list(missing)


def required_space(clips: list[ListedClip], store: str, size: int | None) -> int:
    """Bytes of a pack, for raw frames guessed from the first clip that can be read."""
    if store == 'files':
        return sum(clip.source.bytes for clip in clips)
    for clip in clips:
        try:
            with Clip(clip.path) as opened:
                frame = opened.frame(0)
        except BadClipError:
            continue
        # Videos tell nothing of their frames' number without being opened: taken to be as many as this one's.
        return sum((clip.source.count if os.path.isdir(clip.path) else len(opened))
                   for clip in clips) * _resized(frame, size).size
    return 0


def read_clip(clip: ListedClip, store: str, size: int | None, keep_bad: bool) -> tuple[list[StoredFrame], str | None]:
    """A clip's frames as they are stored, and why it cannot be read, if so.

    Raises:
        BadClipError: for a clip that cannot be read and is not to be kept.
        DatasetError: for a video that was to be stored as files.
    """
    try:
        return _stored_files(clip.path) if store == 'files' else _stored_pixels(clip.path, size), None
    except BadClipError as error:
        if keep_bad:
            return [], str(error)
        raise


def _stored_files(path: str) -> list[StoredFrame]:
    if not os.path.isdir(path):
        raise DatasetError(f'{path}: is a video; pack videos with --store raw')
    frames = []
    for name in list_frames(path):
        with open(os.path.join(path, name), 'rb') as file:
            frames.append(StoredFrame(file.read()))
    return frames


def _stored_pixels(path: str, size: int | None) -> list[StoredFrame]:
    frames = []
    with Clip(path) as clip:
        for first in range(0, len(clip), FRAMES_AT_A_TIME):
            for image in clip.frames(range(first, min(first + FRAMES_AT_A_TIME, len(clip)))):
                image = np.ascontiguousarray(_resized(image, size))
                frames.append(StoredFrame(image, *image.shape[:2]))
    return frames


def _resized(image: np.ndarray, size: int | None) -> np.ndarray:
    if size is None:
        return image
    return mmcv.imresize(image, mmcv.rescale_size(image.shape[1::-1], (np.inf, size)))


def verify(path: str, cfg: Config, progress: Progress = lambda items, total: items) -> int:
    """Try every byte of a pack against its checksums, and the pack against a config's lists and frames.

    Returns:
        Number of its clips.

    Raises:
        PackError: for the first thing that does not fit.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    packed = Pack(path)
    for options in dataset_configs(cfg):
        DATASETS.build(dict(options, pipeline=[], packed=os.path.abspath(path), serialize_data=False))
    for _ in progress(packed.verify(), len(packed)):
        pass
    return len(packed)
