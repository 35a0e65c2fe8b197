"""Clips a second and core: a PIL loader as published code has it, MMAction2's pipeline, ours, and ours packed."""
from __future__ import annotations

import argparse
import glob
import json
import os
import random
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.registry import init_default_scope
from PIL import Image
from torchvision.transforms import ColorJitter, RandomResizedCrop, functional as F

from ...datasets import decoding
from ...preparation.packing import pack
from ...registry import DATASETS
from ...run_config import load_config

CONFIG = 'fe_adapter_vitb_dfew'
AREA, RATIO, JITTER = (0.7, 1.0), (0.85, 1.18), dict(brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05)
PIL, STOCK, OURS = 'PIL, as published', 'MMAction2, cv2', 'mmdfer'
FRAMES = 16


class PILClips:
    """The loader of published code: glob, ``Image.open`` and PIL transforms a frame, a float tensor in the end."""

    def __init__(self, folders: list[str], size: int, jitter: bool) -> None:
        self.folders, self.size, self.jitter = folders, size, ColorJitter(**JITTER) if jitter else None

    def __getitem__(self, index: int) -> torch.Tensor:
        paths = sorted(glob.glob(os.path.join(self.folders[index], '*.jpg')))
        step = len(paths) // FRAMES
        images = [Image.open(paths[step * part + random.randrange(step)]).convert('RGB') for part in range(FRAMES)]
        top, left, height, width = RandomResizedCrop.get_params(images[0], AREA, RATIO)
        images = [F.resized_crop(image, top, left, height, width, [self.size, self.size]) for image in images]
        if random.random() < 0.5:
            images = [image.transpose(Image.FLIP_LEFT_RIGHT) for image in images]
        if self.jitter is not None:
            images = self._jittered(images)
        stacked = torch.from_numpy(np.concatenate([np.array(image) for image in images], axis=2))
        clip = stacked.permute(2, 0, 1).contiguous().float().div(255)
        for channel, mean, std in zip(clip.view(FRAMES, 3, self.size, self.size).unbind(1), (0.485, 0.456, 0.406),
                                      (0.229, 0.224, 0.225)):
            channel.sub_(mean).div_(std)
        return clip

    def _jittered(self, images: list) -> list:
        order, *factors = ColorJitter.get_params(self.jitter.brightness, self.jitter.contrast, self.jitter.saturation,
                                                 self.jitter.hue)
        steps = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for step in order.tolist():
            images = [steps[step](image, factors[step]) for image in images]
        return images


def write_set(root: Path, args: argparse.Namespace) -> list[str]:
    """A DFEW set of generated frames: smooth colours that move, with a camera's noise."""
    rng, folders = np.random.default_rng(0), []
    for number in range(1, args.clips + 1):
        folder = root / 'Clip' / 'clip_224x224' / f'{number:05d}'
        folder.mkdir(parents=True)
        folders.append(str(folder))
        ends = [cv2.resize(rng.integers(0, 255, (14, 14, 3), dtype=np.uint8), (args.size, args.size),
                           interpolation=cv2.INTER_CUBIC).astype(float) for _ in range(2)]
        for index in range(args.frames):
            share = index / args.frames
            frame = (1 - share) * ends[0] + share * ends[1] + rng.normal(0, 4, ends[0].shape)
            cv2.imwrite(str(folder / f'{index + 1:05d}.jpg'), np.clip(frame, 0, 255).astype(np.uint8),
                        [cv2.IMWRITE_JPEG_QUALITY, args.quality])
    for split in ('train', 'test'):
        lists = root / 'EmoLabel_DataSplit' / f'{split}(single-labeled)'
        lists.mkdir(parents=True)
        rows = ''.join(f'{number},{(number - 1) % 7 + 1}\n' for number in range(1, args.clips + 1))
        (lists / 'set_1.csv').write_text('video_name,label\n' + rows)
    (root / 'frames.txt').write_text(''.join(f'{folder} {args.frames} 0\n' for folder in folders))
    return folders


def build(root: Path, folders: list[str], args: argparse.Namespace) -> dict:
    """The rows of the table, each a data set and the JPEG decoder under it."""
    cfg = load_config(CONFIG, {f'{name}_dataloader.dataset.data_root': str(root) for name in ('train', 'val', 'test')})
    ours = cfg.train_dataloader.dataset
    ours.label_base = 1
    stock: list[dict] = [dict(type='SampleFrames', clip_len=1, num_clips=FRAMES),
             dict(type='RawFrameDecode', decoding_backend='cv2'),
             dict(type='RandomResizedCrop', area_range=AREA, aspect_ratio_range=RATIO),
             dict(type='Resize', scale=(224, 224), keep_ratio=False), dict(type='Flip', flip_ratio=0.5),
             dict(type='ColorJitter', **JITTER), dict(type='FormatShape', input_format='NCTHW'),
             dict(type='PackActionInputs', meta_keys=('video_id', 'img_shape'))]
    if args.no_jitter:
        stock, ours.pipeline = ([step for step in steps if 'ColorJitter' not in step['type']]
                                for steps in (stock, ours.pipeline))
    fast = decoding.jpeg_decoder()
    rows: dict[str, tuple] = {PIL: (PILClips(folders, 224, not args.no_jitter), None),
            STOCK: (DATASETS.build(dict(type='RawframeDataset', ann_file=str(root / 'frames.txt'), pipeline=stock,
                                        filename_tmpl='{:05}.jpg')), None),
            f'{OURS}, OpenCV': (DATASETS.build(ours), None)}
    if fast is not None:
        rows[f'{OURS}, {fast.__qualname__.split(".")[0].strip("_")}'] = (DATASETS.build(ours), fast)
    for store in ('files', 'raw'):
        made = str(root / f'{store}.pack')
        for name in ('val', 'test'):
            cfg.pop(f'{name}_dataloader', None)
        pack(cfg, made, store)
        rows[f'{OURS}, pack of {store}'] = (DATASETS.build(dict(ours, packed=made)), fast)
    return rows


def _same(decoder: Any) -> Any:
    return decoder


def run(args: argparse.Namespace) -> None:
    """Measure and print.

    Raises:
        ValueError: for clips of fewer frames than are read.
    """
    if args.frames < FRAMES:
        raise ValueError(f'--frames {args.frames}: a clip has at least {FRAMES}')
    core = max(os.sched_getaffinity(0)) if args.core is None else args.core
    os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    init_default_scope('mmaction')
    with tempfile.TemporaryDirectory() as folder:
        rows = build(Path(folder), write_set(Path(folder), args), args)
        rates = {name: [] for name in rows}
        for turn in range(args.rounds + 1):
            for name, (dataset, decoder) in rows.items():
                decoding.jpeg_decoder = partial(_same, decoder)             # type: ignore[assignment]
                start = time.process_time()         # of this core alone, however busy the machine
                for index in range(args.clips):
                    dataset[index]
                if turn:                                    # the first round warms up
                    rates[name].append(args.clips / (time.process_time() - start))
    report = {name: dict(clips_per_s=round(statistics.median(rate), 1), low=round(min(rate), 1),
                         high=round(max(rate), 1),
                         times_pil=round(statistics.median(np.divide(rate, rates[PIL])), 2))
              for name, rate in rates.items()}
    print(f'{FRAMES} of {args.frames} frames of {args.size}x{args.size}, JPEG {args.quality}, crop, flip'
          f'{"" if args.no_jitter else ", colour jitter"}; one core, median of {args.rounds} rounds of {args.clips} '
          'clips')
    print(f'{"":28}{"clips/s":>9}{"low":>8}{"high":>8}{"x PIL":>8}')
    for name, row in report.items():
        print(f'{name:28}{row["clips_per_s"]:9.1f}{row["low"]:8.1f}{row["high"]:8.1f}{row["times_pil"]:8.2f}')
    if args.json:
        asked = {name: value for name, value in vars(args).items() if name not in ('what', 'words')}
        print(json.dumps(dict(asked, core=core, rows=report)))
