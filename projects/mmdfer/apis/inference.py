"""Expressions over the whole length of a user's own video."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate

from ..clip_names import entries_of, is_video
from ..datasets import BadClipError
from ..datasets.transforms.clip import ClipDecode, ClipInit, list_frames
from ..files import write_json
from ..runs.loading import build_model
from ..visualization import plot_timeline

REGION = 'centre square of the frame; faces are not cropped'


class DFERInferencer:
    """Class probabilities of windows over a video, and of the clip as a whole.

    Args:
        cfg: the config that the checkpoint was trained with; its ``test_pipeline`` reads the windows.
        checkpoint: full checkpoint, or tunable file with the image checkpoint in the config.
        device: e.g. ``'cuda'``; by default CUDA where there is one.
        batch_size: windows a step.

    Raises:
        ValueError: for a config without a top-level ``test_pipeline``, or a checkpoint that does not fit.
    """

    def __init__(self, cfg: Config, checkpoint: str, device: str | None = None, batch_size: int = 8) -> None:
        if 'test_pipeline' not in cfg:
            raise ValueError(f'{cfg.filename}: has no top-level test_pipeline, which says how a clip is read')
        self.model = build_model(cfg, checkpoint, device)
        self.pipeline = Compose(cfg.test_pipeline)
        self.batch_size = batch_size
        if cfg.get('run_classes') is None:
            raise ValueError(f'{cfg.filename}: no data set of it names its classes, and neither does {checkpoint}: give them as '
                             'metainfo=dict(classes=[...]) of its data sets')
        self.classes = tuple(cfg.run_classes)

    def __call__(self, path: str, window: float = 3.0, stride: float = 1.0, fps: float = 25.0) -> dict:
        """Recognise one video or one folder of frames.

        Args:
            path: a video file, or a folder of frames.
            window: length of a window in seconds.
            stride: seconds from one window's start to the next.
            fps: frames a second of a folder of frames; a video knows its own.

        Returns:
            ``video``, ``duration`` and ``fps``, ``classes``, ``windows`` with ``start`` and ``end`` in
            seconds, ``label`` and ``probabilities``, and ``clip`` with the mean over the windows.

        Raises:
            BadClipError: for a video that does not decode, or a folder without frames.
            ValueError: for a window or stride that is not positive.
        """
        if window <= 0 or stride <= 0 or fps <= 0:
            raise ValueError(f'window={window}, stride={stride} and fps={fps} must be positive')
        if not os.path.exists(path):
            raise BadClipError(f'{path}: no such video or folder')
        opened = ClipInit()(dict(clip=path))
        frames, fps = opened['total_frames'], opened.get('avg_fps', fps)
        ranges = window_ranges(frames, max(1, round(window * fps)), max(1, round(stride * fps)))
        scores = self._score(path, ranges)
        windows = [dict(start=round(start / fps, 3), end=round(stop / fps, 3), label=self.classes[int(row.argmax())],
                        probabilities=[round(float(value), 6) for value in row])
                   for (start, stop), row in zip(ranges, scores)]
        mean = scores.mean(dim=0)
        return dict(
            video=str(path), duration=round(frames / fps, 3), fps=round(float(fps), 3), frames=frames,
            region=REGION, classes=list(self.classes), windows=windows,
            clip=dict(label=self.classes[int(mean.argmax())], probabilities=[round(float(v), 6) for v in mean]))

    @torch.no_grad()
    def _score(self, path: str, ranges: list[tuple[int, int]]) -> torch.Tensor:
        """Probabilities (windows, classes)."""
        rows = []
        for first in range(0, len(ranges), self.batch_size):
            items = [self.pipeline(dict(clip=path, video_id=os.path.basename(path), frame_range=part, modality='RGB'))
                     for part in ranges[first:first + self.batch_size]]
            samples = self.model.test_step(pseudo_collate(items))
            rows.extend(sample.pred_score.float().cpu() for sample in samples)
        return torch.stack(rows)


def window_ranges(frames: int, length: int, stride: int) -> list[tuple[int, int]]:
    """Frame ranges [start, stop) that cover a video; the last one ends with it.

    A video shorter than a window is one window.
    """
    if frames <= length:
        return [(0, frames)]
    starts = list(range(0, frames - length + 1, stride))
    if starts[-1] + length < frames:
        starts.append(frames - length)
    return [(start, start + length) for start in starts]


def find_inputs(path: str) -> Iterator[str]:
    """The videos of a folder, or the path itself if it is a video or a folder of frames.

    Raises:
        BadClipError: for a path that does not exist, or a folder with neither videos nor frames.
    """
    if not os.path.exists(path):
        raise BadClipError(f'{path}: no such video or folder')
    videos = [] if os.path.isfile(path) else sorted(
        entry.path for entry in entries_of(path) if is_video(entry))
    if not videos and os.path.isdir(path):
        list_frames(path)
    yield from videos or [path]


def thumbnails(path: str, result: dict, count: int = 10, height: int = 96) -> list[tuple[float, np.ndarray]]:
    """The centre squares of ``count`` frames spread over a clip as (seconds, (H, W, 3) RGB), for the timeline."""
    results = ClipInit()(dict(clip=path))
    indices = np.linspace(0, result['frames'] - 1, min(count, result['frames'])).round().astype(int)
    images = ClipDecode()(dict(results, frame_inds=indices, modality='RGB'))['imgs']
    side = min(images[0].shape[:2])
    top, left = ((extent - side) // 2 for extent in images[0].shape[:2])
    return [(index / result['fps'], mmcv.imresize(image[top:top + side, left:left + side], (height, height)))
            for index, image in zip(indices, images)]


def infer_all(inferencer: DFERInferencer, path: str, out: str, **options) -> list[dict]:
    """Recognise every video of a path; write ``<name>.json`` and ``<name>.png`` into a folder.

    Args:
        path: video, folder of frames, or folder of videos.
        out: made if it is missing.
        options: of the inferencer's call, such as ``window``.

    Raises:
        BadClipError: after all others are done, if some could not be read; it names them.
    """
    os.makedirs(out, exist_ok=True)
    results, bad = [], []
    for video in find_inputs(path):
        try:
            result = inferencer(video, **options)
        except BadClipError as error:
            bad.append(str(error))
            continue
        stem = os.path.join(out, Path(os.path.normpath(video)).stem)
        write_json(result, f'{stem}.json')
        plot_timeline(dict(result, thumbnails=thumbnails(video, result)), f'{stem}.png')
        print(f'{video}: {result["clip"]["label"]} ({max(result["clip"]["probabilities"]):.2f}), '
              f'{len(result["windows"])} windows over {result["duration"]:.1f} s, {REGION} -> {stem}.json, {stem}.png')
        results.append(result)
    if bad:
        raise BadClipError(f'{len(bad)} of {len(bad) + len(results)} inputs could not be read: {"; ".join(bad)}')
    return results
