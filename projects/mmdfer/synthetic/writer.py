"""A synthetic set on the disk: DFEW's layout, and RAF-DB's for its static part.

Layout under the output folder::

    EmoLabel_DataSplit/{train,test}(single-labeled)/set_{1..5}.csv    video_name,label (1..7)
    Clip/clip_224x224/<5 digits>/<5 digits>.jpg                       all frames, from 00001
    Clip/clip_224x224_16f/<5 digits>/<5 digits>.jpg                   16 frames, optional
    static/EmoLabel/list_patition_label.txt                           RAF-DB's labels
    static/Image/aligned/<name>_aligned.jpg
    videos/<class>_<number>.mp4                                       25 frames a second
    clips.jsonl, meta.json

The folder names are DFEW's own and do not tell the frames' size.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..datasets.drawn import FORMAT
from ..files import remove_partials, whole_folder
from ..workers import in_processes
from .action_units import ACTION_UNITS, CLASSES
from .drawing import draw_clip, draw_sitting
from .performance import Performance
from .plan import N_FOLDS, RAFDB_LABEL, Item, Options, fold_lists, plan_clips, plan_static, plan_videos, sittings

VERSION = 1
"""To be raised with every change that changes the bytes of a set."""

LISTS = 'EmoLabel_DataSplit/{part}(single-labeled)'
ALL_FRAMES = 'Clip/clip_224x224'
SIXTEEN_FRAMES = 'Clip/clip_224x224_16f'
PICTURES = 'static/Image/aligned'
VIDEO_FPS = 25
VIDEO_SIZE = 224

Annotation = dict[str, Any]
Progress = Callable[[Iterable, int], Iterable]


def make_dataset(out: Path, options: Options, workers: int = 1, overwrite: bool = False,
                 progress: Progress = lambda items, total: items) -> bool:
    """Draw a set and write it to ``out``, whole or not at all.

    Args:
        out: folder to make.
        options: what to draw; the same options give the same bytes.
        workers: processes; they change the time alone.
        overwrite: replace a synthetic set that was made with other options.
        progress: wraps the finished drawings, given with their number, for a progress bar.

    Returns:
        ``False`` if ``out`` already holds exactly this set, ``True`` if it was written now.

    Raises:
        FileExistsError: if ``out`` holds something else.
    """
    out = Path(out)
    if _is_done(out, options, overwrite):
        return False
    clips, pictures, videos = plan_clips(options), plan_static(options), plan_videos(options)
    groups = [[item] for item in clips] + sittings(pictures) + [[item] for item in videos]
    remove_partials(out.parent, out.name)
    with whole_folder(out, durable=False) as folder:        # it can be drawn again
        _make_folders(folder, clips, options)
        done = in_processes(partial(_draw_and_write, folder, options), groups, workers)
        with closing(done), _one_thread_of_opencv():
            notes = [note for group in progress(done, len(groups)) for note in group]
        _write_fold_lists(folder, clips)
        _write_static_list(folder, pictures, options)
        _write_notes(folder, notes, options)
    return True


@contextmanager
def _one_thread_of_opencv() -> Iterator[None]:
    """Its threads gain nothing on pictures this small, and wait for each other on a busy machine."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _is_done(out: Path, options: Options, overwrite: bool) -> bool:
    """Whether ``out`` holds this set; raises if it must not be touched."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        found = json.loads((out / 'meta.json').read_text(encoding='utf-8'))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or found.get('format') != FORMAT:
        raise FileExistsError(f'{out} holds something other than a synthetic set, and --overwrite replaces only such a '
                              'set: choose another --out')
    if all(found.get(key) == value for key, value in _meta(options).items()):
        return True
    if not overwrite:
        raise FileExistsError(f'{out} holds a synthetic set made with other options or by another version: choose '
                              'another --out, or replace it with --overwrite')
    return False


def _meta(options: Options) -> dict[str, Any]:
    return dict(format=FORMAT, version=VERSION, seed=options.seed, options=options.as_dict(), classes=list(CLASSES),
                folds=N_FOLDS, n_clips=options.clips)


def _make_folders(root: Path, clips: Sequence[Item], options: Options) -> None:
    folders = [LISTS.format(part=part) for part in ('train', 'test')] + ['videos']
    if options.static:
        folders += ['static/EmoLabel', PICTURES]
    for kind in (ALL_FRAMES, SIXTEEN_FRAMES)[:1 + options.sixteen]:
        folders += [f'{kind}/{clip.number:05d}' for clip in clips]
    for folder in folders:
        (root / folder).mkdir(parents=True)


def _draw_and_write(root: Path, options: Options, items: Sequence[Item]) -> list[Annotation]:
    """Draw a clip, a video or the pictures of a sitting, and tell what is in them."""
    item = items[0]
    if item.stream == 'static':
        performances, pictures, scene = draw_sitting(items, options)
        for one, picture in zip(items, pictures):
            path = root / PICTURES / f'{_static_name(one, options)}_aligned.jpg'
            _write_jpeg(path, picture, scene.jpeg_quality)
        return [_annotate(one, acted, 1) for one, acted in zip(items, performances)]

    performance, frames, scene = draw_clip(item, options)
    if item.stream == 'video':
        _write_video(root / f'videos/{item.name}_{item.number}.mp4', frames)
    else:
        _write_frames(root / ALL_FRAMES / f'{item.number:05d}', frames, scene.jpeg_quality)
        if options.sixteen:
            index = np.linspace(0, len(frames) - 1, 16).round().astype(int)
            folder = root / SIXTEEN_FRAMES / f'{item.number:05d}'
            _write_frames(folder, frames[index], scene.jpeg_quality)
    return [_annotate(item, performance, len(frames))]


def _annotate(item: Item, performance: Performance, n_frames: int) -> Annotation:
    peaks = performance.peaks.round(3).tolist()
    return dict(stream=item.stream, id=item.number, subject=item.subject, label=item.label, name=item.name,
                fold=item.fold, n_frames=n_frames,
                peaks={f'AU{unit}': peak for unit, peak in zip(ACTION_UNITS, peaks) if peak > 0},
                **performance.key_frames)


def _write_frames(folder: Path, frames: np.ndarray, quality: int) -> None:
    for index, frame in enumerate(frames):
        _write_jpeg(folder / f'{index + 1:05d}.jpg', frame, quality)


def _write_jpeg(path: Path, frame: np.ndarray, quality: int) -> None:
    if not cv2.imwrite(str(path), frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]):
        raise OSError(f'OpenCV could not write {path}')


def _write_video(path: Path, frames: np.ndarray) -> None:
    """Write an MPEG-4 video of at least 224 pixels; smaller frames are enlarged."""
    edge = max(VIDEO_SIZE, frames.shape[1])
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), VIDEO_FPS, (edge, edge))
    if not video.isOpened():
        raise OSError(f'OpenCV could not open {path} for writing (codec mp4v)')
    for frame in frames:
        video.write(cv2.resize(frame[..., ::-1], (edge, edge), interpolation=cv2.INTER_CUBIC))
    video.release()


def _static_name(item: Item, options: Options) -> str:
    if item.test:
        return f'test_{item.number - options.static:04d}'
    return f'train_{item.number:05d}'


def _write_fold_lists(root: Path, clips: Sequence[Item]) -> None:
    for fold in range(1, N_FOLDS + 1):
        for part, rows in zip(('train', 'test'), fold_lists(clips, fold)):
            lines = ['video_name,label'] + [f'{row.number},{row.label}' for row in rows]
            path = root / LISTS.format(part=part) / f'set_{fold}.csv'
            path.write_bytes(_mixed_line_ends(lines, fold).encode())


def _mixed_line_ends(lines: list[str], fold: int) -> str:
    """Join lines by CRLF (odd folds), LF (even folds) or both in turn (fold 5).

    The official lists mix them too, so a reader that knows one kind only fails here first.
    """
    ends = ('\r\n', '\n')
    return ''.join(line + ends[index // 7 % 2 if fold == 5 else 1 - fold % 2] for index, line in enumerate(lines))


def _write_static_list(root: Path, pictures: Sequence[Item], options: Options) -> None:
    if pictures:
        lines = [f'{_static_name(item, options)}.jpg {RAFDB_LABEL[item.name]}\n' for item in pictures]
        (root / 'static/EmoLabel/list_patition_label.txt').write_bytes(''.join(lines).encode())


def _write_notes(root: Path, notes: list[Annotation], options: Options) -> None:
    """Write ``clips.jsonl``, a line for each clip and video by number, and ``meta.json``."""
    notes = sorted((note for note in notes if note['stream'] != 'static'), key=lambda note: note['id'])
    lines = [json.dumps(note) + '\n' for note in notes]
    (root / 'clips.jsonl').write_text(''.join(lines), encoding='utf-8')
    meta = _meta(options)
    meta['n_frames'] = sum(note['n_frames'] for note in notes if note['stream'] == 'clip')
    (root / 'meta.json').write_text(json.dumps(meta, indent=2) + '\n', encoding='utf-8')
