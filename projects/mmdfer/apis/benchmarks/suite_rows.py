"""What the suite measures: a function a part of the package, each a row of ratios or several."""
from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from ...adapters import TokenGrid
from ...backbones import AdapterViT
from ...datasets.video_reader import VideoReader
from ...registry import DATASETS, MODELS
from ...run_config import load_config
from . import d2conv3d, loader, train_step
from .suite import Ratio, paired, ratios


def op(quick: bool) -> Iterator[Ratio]:
    """D2Conv3D beside conv3d: the adapter's size, and maps so small that overhead tells."""
    for channels, batch, size in ((128, 1, (16, 14, 14)), (116, 1, (16, 14, 14)), (24, 16, (8, 6, 6))):
        args = argparse.Namespace(channels=channels, batch=batch, size=size, groups=1, device='cpu', dtype='float32',
                                  channels_last=False, repeats=7 if quick else 15)
        rows, leaves, *_ = d2conv3d.build(args)
        rows = {name: rows[name] for name in (d2conv3d.PLAIN, d2conv3d.MODULE)}
        where = f'{batch} x {channels} x {"x".join(map(str, size))}'
        for run, told in ((d2conv3d.forward, 'forward'), (d2conv3d.forward_backward, 'forward + backward')):
            times = {name: [one / 1e3 for one in own] for name, own in
                     d2conv3d.measure_times(args, rows, leaves, run).items()}
            name = f'D2Conv3D, {told}, {where}'
            times = {d2conv3d.PLAIN: times[d2conv3d.PLAIN], name: times[d2conv3d.MODULE]}
            yield from ratios('op', times, d2conv3d.PLAIN, {name: 4.0 if channels == 24 else 2.0})


def block(quick: bool) -> Iterator[Ratio]:
    """One frozen block of ViT-B with an adapter, forward and backward, beside the same without."""
    frames = 4 if quick else 8
    grid, adapters = TokenGrid(frames, 14, 14, 1, 0), {
        'frozen block': {}, 'with FE-Adapter': dict(fe=dict(type='FEAdapter', slot='before_attn')),
        'with ST-Adapter': dict(st=dict(type='STAdapter', slot='before_ffn')),
        'with TDA': dict(tda=dict(type='TemporalDynamicAdapter', slot='ffn_out'))}
    tokens = torch.randn(frames, 197, 768, requires_grad=True)

    def step(layer: nn.Module) -> None:
        tokens.grad = None
        layer(tokens, grid).sum().backward()

    layers = {name: AdapterViT(dict(embed_dims=768, num_layers=1, num_heads=12, feedforward_channels=3072),
                               adapters=given).layers[0] for name, given in adapters.items()}
    yield from paired('block', {name: partial(step, layer) for name, layer in layers.items()}, 5 if quick else 11)


def step(quick: bool) -> Iterator[Ratio]:
    """A training step beside the frozen model that hands a gradient to its input, and beside full fine-tuning."""
    args = argparse.Namespace(arch='small' if quick else 'base', frames=8, size=112 if quick else 224, batch=1,
                              device='cpu', amp=False, dtype=None, compile=False,
                              rounds=4 if quick else 6)
    init_default_scope('mmaction')
    names = (train_step.FULL, train_step.FLOOR, 'FE-Adapter', 'ST-Adapter', 'AIM')
    rows = {name: train_step.Row(args, *train_step.ROWS[name]) for name in names}
    measured = train_step.measure_times(args, rows, train_step.random_batch(args))
    times = {name: [one / 1e3 for one in own] for name, own in measured.items()}
    told = f'ViT-{"S" if quick else "B"}, 8 frames of {args.size}'
    short = {name: f'{name}, {told}' for name in names}
    for yardstick in (train_step.FLOOR, train_step.FULL):
        of = {short.get(name, name) if name != yardstick else name: own for name, own in times.items()
              if name == yardstick or name not in (train_step.FULL, train_step.FLOOR)}
        bounds = {} if quick else {short['FE-Adapter']: 1.22 if yardstick == train_step.FLOOR else 0.82}
        yield from ratios('step', of, yardstick, bounds)


def iteration(quick: bool) -> Iterator[Ratio]:
    """Steady iterations of the runner, hooks, logging and all, beside a bare loop of the same steps and clips."""
    from ..running import build_runner
    steps, size = (3, 112) if quick else (8, 224)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        loader.write_set(root, argparse.Namespace(clips=2, frames=16, size=size, quality=90))
        loaders = {f'{name}_dataloader.{key}': value for name in ('train', 'val', 'test') for key, value in {
            'num_workers': 0, 'persistent_workers': False, 'batch_size': 1, 'dataset.data_root': str(root),
            'dataset.label_base': 1}.items()}
        cfg = small_config(size, {**loaders, 'train_cfg.max_epochs': 1})
        cfg.work_dir, cfg.log_level = str(root / 'run'), 'ERROR'
        cfg.auto_scale_lr = dict(enable=False, base_batch_size=1)
        cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
        cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
        cfg.default_hooks.checkpoint = None
        runner = build_runner(cfg)
        runner.train()                                      # warms up, and leaves model and optimizer built
        batch = next(iter(runner.train_dataloader))
        loop = runner.train_loop

        def bare() -> None:
            for _ in range(steps):
                runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)

        def steady() -> None:
            for index in range(steps):
                loop.run_iter(index, batch)

        yield from paired('iteration', {'bare loop': bare, f'runner, ViT-S, {size}': steady}, 3 if quick else 7,
                          {f'runner, ViT-S, {size}': 1.1})


def small_config(size: int, options: dict | None = None) -> Config:
    """FE-Adapter on a random ViT-S, over frames of another size."""
    cfg = load_config('fe_adapter_vitb_dfew', {
        'model.backbone.arch': 'small', 'model.backbone.img_size': size, 'model.backbone.init_cfg': None,
        'model.cls_head.in_channels': 384, 'model.cls_head.num_classes': 7, **(options or {})})
    for name in ('train', 'val', 'test'):
        for one in cfg[f'{name}_dataloader'].dataset.pipeline:
            if one.type in ('Resize', 'PillowResize'):
                one.scale = (size, size) if isinstance(one.scale, (list, tuple)) and min(one.scale) > 0 else one.scale
            if 'crop_size' in one:
                one.crop_size = size
    return cfg


def loading(quick: bool) -> Iterator[Ratio]:
    """Reading and augmenting clips on one thread, beside a PIL loader as published code has it."""
    from ...datasets import decoding
    init_default_scope('mmaction')
    threads, kept = torch.get_num_threads(), decoding.jpeg_decoder
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            args = argparse.Namespace(clips=4 if quick else 8, frames=32, size=224, quality=90, no_jitter=False)
            rows = loader.build(Path(folder), loader.write_set(Path(folder), args), args)

            def read(dataset, decoder) -> None:
                decoding.jpeg_decoder = lambda: decoder                             # type: ignore[assignment]
                for index in range(args.clips):
                    dataset[index]

            bounds = {f'{loader.OURS}, pack of raw': 1 / 9, f'{loader.OURS}, OpenCV': 1 / 5}
            yield from paired('loader', {name: partial(read, *row) for name, row in rows.items()}, 5 if quick else 11,
                              bounds, clock=time.process_time)
    finally:
        decoding.jpeg_decoder = kept                                                # type: ignore[assignment]
        torch.set_num_threads(threads)


def video(quick: bool) -> Iterator[Ratio]:
    """A video's frames in order, and sixteen from all over it, beside OpenCV's reader."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'video.mp4')
        frames = 240 if quick else 720
        write_video(path, frames)
        places = np.linspace(0, frames - 1, 16).astype(int)

        def in_order_by_opencv() -> None:
            capture = cv2.VideoCapture(str(path))
            while capture.read()[0]:
                pass

        def places_by_opencv() -> None:
            capture = cv2.VideoCapture(str(path))
            for place in places:
                capture.set(cv2.CAP_PROP_POS_FRAMES, int(place))
                capture.read()

        def in_order() -> None:
            for _ in VideoReader(path).frames(range(frames)):
                pass

        yield from paired('video', {'OpenCV': in_order_by_opencv, f'{frames} frames in order': in_order},
                          3 if quick else 7)
        yield from paired('video', {'OpenCV, seeking': places_by_opencv,
                                    f'16 of {frames} frames': lambda: VideoReader(path).frames(places)},
                          3 if quick else 7)


def write_video(path: Path, frames: int) -> None:
    """Smooth colours that move, 480 x 360, 25 frames a second, H.264."""
    import av
    rng = np.random.default_rng(0)
    ends = [cv2.resize(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8), (480, 360)).astype(float) for _ in range(2)]
    with av.open(str(path), 'w') as out:
        stream = out.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 480, 360, 'yuv420p'
        for index in range(frames):
            share = 0.5 + 0.5 * np.sin(index / 12)
            picture = (share * ends[0] + (1 - share) * ends[1]).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
        out.mux(stream.encode(None))


def faces(quick: bool) -> Iterator[Ratio]:
    """Looking for faces in a frame, beside decoding it from a JPEG."""
    import mediapipe  # noqa: F401                          (an extra: its absence is told)

    from ...face.mediapipe_faces import MediaPipeFaces
    finder = MediaPipeFaces()
    frame = cv2.resize(np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8), (640, 480))
    data = cv2.imencode('.jpg', frame)[1]

    def often(call: Callable[[], object]) -> Callable[[], object]:
        return lambda: [call() for _ in range(20)]

    yield from paired('faces', {'decoding a 640 x 480 JPEG': often(lambda: cv2.imdecode(data, cv2.IMREAD_COLOR)),
                                'finding faces': often(lambda: finder.detect(frame))}, 5 if quick else 11)


def inference(quick: bool) -> Iterator[Ratio]:
    """A folder of frames through the inferencer, beside its windows through the bare model."""
    from ..inference import DFERInferencer
    init_default_scope('mmaction')
    size = 112 if quick else 224
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        clip, = loader.write_set(root, argparse.Namespace(clips=1, frames=64, size=size, quality=90))
        cfg = small_config(size)
        cfg.test_pipeline = cfg.test_dataloader.dataset.pipeline
        model = MODELS.build(cfg.model).eval()
        torch.save(dict(state_dict=model.state_dict(), meta={}), root / 'model.pth')
        inferencer = DFERInferencer(cfg, str(root / 'model.pth'), 'cpu', batch_size=1)
        windows = len(inferencer(clip, region='frame')['windows'])
        clips = torch.randn(1, 1, 3, 16, size, size)

        @torch.no_grad()
        def bare() -> None:
            for _ in range(windows):
                model(clips, mode='tensor')

        yield from paired('inference', {f'bare model on its windows ({windows})': bare,
                                        'a clip of 64 frames': lambda: inferencer(clip, region='frame')},
                          3 if quick else 7)


def start(quick: bool) -> Iterator[Ratio]:
    """CPU time of commands beside a bare Python, and of a large list beside reading its lines."""
    environment = dict(os.environ, OMP_NUM_THREADS='1')

    def python(*words: str) -> Callable[[], object]:
        return partial(subprocess.run, [sys.executable, *words], env=environment, check=True, capture_output=True)

    def children() -> float:
        used = os.times()
        return used.children_user + used.children_system

    calls = {'bare Python': python('-c', 'pass'), 'mmdfer --help': python('-m', 'mmdfer', '--help'),
             'mmdfer train --help': python('-m', 'mmdfer', 'train', '--help'),
             'mmdfer configs': python('-m', 'mmdfer', 'configs')}
    yield from paired('start', calls, 3 if quick else 7, clock=children)
    yield from listing(quick)


def listing(quick: bool) -> Iterator[Ratio]:
    """A set of many clips as a data set, beside its list read by pandas."""
    import pandas
    clips = 4_000 if quick else 40_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / 'Clip' / 'clip_224x224').mkdir(parents=True)
        for number in range(1, clips + 1):
            (root / 'Clip' / 'clip_224x224' / f'{number:05d}').mkdir()
        lists = root / 'EmoLabel_DataSplit' / 'train(single-labeled)'
        lists.mkdir(parents=True)
        rows = (f'{number},{label}\n' for number, label in zip(range(1, clips + 1), itertools.cycle(range(1, 8))))
        (lists / 'set_1.csv').write_text('video_name,label\n' + ''.join(rows))
        options = dict(type='DFEWDataset', data_root=str(root), pipeline=[])
        calls: dict[str, Callable[[], object]] = {
            'its list by pandas': lambda: pandas.read_csv(lists / 'set_1.csv'),
            f'a set of {clips} clips': lambda: DATASETS.build(options)}
        yield from paired('start', calls, 3 if quick else 5)


GROUPS: dict[str, Callable[[bool], Iterator[Ratio]]] = dict(
    op=op, block=block, step=step, iteration=iteration, loader=loading, video=video, faces=faces, inference=inference,
    start=start)
