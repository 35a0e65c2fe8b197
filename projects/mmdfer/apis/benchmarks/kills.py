"""Every job that goes on where it was stopped, killed at every file event: is what it leaves that of an undisturbed
one?"""
from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...face.analysis import FaceFinder
from ...face.landmarks import NUM_LANDMARKS
from ..cli import main
from .killing import Report, in_forks, kill_everywhere, make_light

CLASSES, FRAMES, EDGE = 7, 2, 16
SMALL = {
    'model.backbone.arch': dict(embed_dims=8, num_layers=1, num_heads=1, feedforward_channels=8),
    'model.backbone.img_size': EDGE,
    'model.backbone.init_cfg': None,
    'model.backbone.adapters.fe.width': 4,
    'model.cls_head.in_channels': 8,
    'train_cfg.max_epochs': 2,
    'train_cfg.val_interval': 1,
    'default_hooks.logger.interval': 1,
}


def write_set(root: Path) -> None:
    """A set in DFEW's layout: two folds, whose parts change places, of a clip a class."""
    rng = np.random.default_rng(0)
    for number in range(1, 2 * CLASSES + 1):
        folder = root / 'Clip' / 'clip_224x224' / f'{number:05d}'
        folder.mkdir(parents=True)
        for index in range(FRAMES):
            cv2.imwrite(str(folder / f'{index + 1}.jpg'), rng.integers(0, 255, (EDGE, EDGE, 3), dtype=np.uint8))
    parts = [range(1, CLASSES + 1), range(CLASSES + 1, 2 * CLASSES + 1)]
    for fold in (1, 2):
        for split, numbers in zip(('train', 'test'), parts if fold == 1 else parts[::-1]):
            lists = root / 'EmoLabel_DataSplit' / f'{split}(single-labeled)'
            lists.mkdir(parents=True, exist_ok=True)
            rows = ''.join(f'{number},{(number - 1) % CLASSES + 1}\n' for number in numbers)
            (lists / f'set_{fold}.csv').write_text('video_name,label\n' + rows)


def write_config(path: Path, data: Path, **changes: object) -> str:
    """A config of the demo's model, of a few hundred parameters, on that set."""
    from ...run_config import LOADERS, load_config, set_data
    cfg = load_config('demo/fe_adapter', SMALL | {f'{loader}.{key}': value for loader in LOADERS for key, value in (
        ('num_workers', 0), ('persistent_workers', False), ('batch_size', 4))} | changes)
    for pipeline in [cfg[f'{part}_dataloader'].dataset.pipeline for part in ('train', 'val', 'test')]:
        for step in pipeline:
            for key in {'scale', 'crop_size', 'num_frames'} & set(step):
                step[key] = FRAMES if key == 'num_frames' else (
                    EDGE if key == 'crop_size' else (EDGE, EDGE) if step[key][0] > 0 else (-1, EDGE))
    set_data(cfg, str(data), 1)
    cfg.dump(path)
    return str(path)


class Corners(FaceFinder):
    """Takes the whole frame for a face, and points on its edge for landmarks."""
    GIVES = ('landmarks', )
    BACKEND = name = 'corners'

    def detect(self, frame: np.ndarray) -> np.ndarray:
        return np.array([[0, 0, *frame.shape[1::-1]]], np.float32)

    def landmarks(self, frame: np.ndarray, box: np.ndarray) -> np.ndarray:
        angles = np.linspace(0, 2 * np.pi, NUM_LANDMARKS, endpoint=False)
        return (box[2:] * (0.5 + 0.4 * np.stack([np.cos(angles), np.sin(angles)], 1))).astype(np.float32)


class SaysNumbers:
    """Stands for a model that captions: says what it was shown, in numbers."""

    name = 'numbers'

    def caption(self, clips: list) -> list[str]:
        return [f'a clip of {len(clip)} frames and {int(sum(int(frame.sum()) for frame in clip))}' for clip in clips]


def jobs(place: Path) -> dict[str, tuple[Callable[[], None], Path]]:
    """What is killed, and the folder of its own that it works in."""
    data, work = place / 'data', place / 'work'
    config, other = (write_config(place / f'{name}.py', data, **change) for name, change in (
        ('tiny', {}), ('narrow', {'model.backbone.adapters.fe.width': 2})))
    table = place / 'table'
    table.mkdir()
    (table / 'rows.py').write_text(f'rows = [dict(group="g", name="a", config={config!r}), '
                                   f'dict(group="g", name="b", config={other!r})]\n')
    finder = f'{__name__}.Corners'

    def command(*words: object) -> Callable[[], None]:
        return lambda: main([str(word) for word in words])

    def captions() -> None:
        from ...preparation.captions import caption_clips
        from ...preparation.set_clips import folder_clips
        model: Any = SaysNumbers()
        caption_clips(folder_clips(str(data / 'Clip' / 'clip_224x224'))[0], work / 'captions.jsonl', model, 4)

    def packing() -> None:
        there = (work / 'clips.pack').exists()
        with suppress(SystemExit) if there else nullcontext():              # what is there is not packed again
            main(['pack', config, '--out', str(work / 'clips.pack'), '--workers', '1'])

    return dict(
        training=(command('train', config, '--work-dir', work / 'run', '--seed', 1, '--resume'), work),
        folds=(command('folds', config, '--folds', '1-2', '--work-dir', work / 'folds', '--seed', 1), work),
        ablation=(command('ablation', table, '--out', work / 'table', '--cfg-options', 'train_cfg.max_epochs=1'), work),
        packing=(packing, work),
        faces=(command('faces', 'folder', data / 'Clip' / 'clip_224x224', '--out', work / 'maps', '--what', 'landmarks',
                       'crops', '--finder', finder, '--workers', 1), work),
        captions=(captions, work))


def run(args: argparse.Namespace) -> None:
    """Kill and print.

    Raises:
        ValueError: for a system that cannot fork, or a job that fails without being killed.
    """
    if not hasattr(os, 'fork'):
        raise ValueError('a job is killed in a copy of this process, and this system makes none; use Linux or macOS')
    import mmdfer.everything  # noqa: F401

    from .. import processes
    in_forks(processes)
    make_light()
    reports: list[Report] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_set(place / 'data')
        every = jobs(place)
        for name in args.jobs or every:
            began, (job, work) = time.perf_counter(), every[name]

            def tell(report: Report, began: float = began) -> None:
                if sys.stderr.isatty() or args.verbose:
                    print(f'\r{report.name}: {report.tried} of {report.events}, {len(report.faults)} faults, '
                          f'{time.perf_counter() - began:.0f} s', end='', file=sys.stderr, flush=True)

            reports.append(kill_everywhere(name, job, work, args.every, tell))
    print('| job | file events | ended at | whole and equal afterwards |\n|---|---:|---:|---:|')
    for report in reports:
        print(f'| {report.name} | {report.events} | {report.tried} | {report.held} |')
    for report in reports:
        for event, fault in report.faults.items():
            print(f'{report.name}, event {event}: {fault}')
    if args.json:
        print(json.dumps([vars(report) for report in reports]))
