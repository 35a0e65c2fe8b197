"""Measure speed and memory on this machine, rows side by side.

``mmdfer benchmark loader [--no-jitter]``: clips a second and core; a PIL loader as published code has it, MMAction2's
pipeline, ours, and ours packed.
``mmdfer benchmark d2conv3d --channels 128 --size 16 14 14 --threads 2``: D2Conv3D beside a plain conv3d and a loop of
grid_sample; ``--device cuda --dtype bfloat16 --batch 8 --channels-last``: its kernels beside cuDNN's conv3d.
``mmdfer benchmark train-step --device cuda --batch 8 --amp --dtype bfloat16``: full fine-tuning beside what leaves the
image model frozen.
``mmdfer benchmark profile-step --row FE-Adapter --frames 8``: the operators that a training step's time goes to, and a
trace.
``mmdfer benchmark videos FACE.mp4 --minutes 1 30``: recognising a video that is repeated to these lengths; memory,
speed, and where the time goes.
``mmdfer benchmark kills training packing``: jobs ended at each of their file events and started again, held against
undisturbed ones.
``mmdfer benchmark all --quick --compare old/benchmarks.json``: the speed of every part, each as a ratio to a yardstick;
table, plot and JSON, and what became slower.
"""
from __future__ import annotations

import argparse
import os

HELP = 'measure speed and memory on this machine'
JOBS = ('training', 'folds', 'ablation', 'packing', 'faces', 'captions')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest='what', required=True,
                                  metavar='{all,loader,d2conv3d,train-step,profile-step,videos,kills}')
    _all(kinds.add_parser('all', help='every part, each as a ratio to a yardstick'))
    _loader(kinds.add_parser('loader', help='clips a second and core'))
    _d2conv3d(kinds.add_parser('d2conv3d', help='time, memory and parity of D2Conv3D'))
    _train_step(kinds.add_parser('train-step', help='time and memory of a training step'))
    _profile_step(kinds.add_parser('profile-step', help='where the time of a training step goes'))
    _videos(kinds.add_parser('videos', help='time and memory of recognising a video'))
    _kills(kinds.add_parser('kills', help='what jobs leave that are killed and started again'))
    for one in kinds.choices.values():
        one.add_argument('--json', action='store_true', help='print figures as JSON in the last line')


def _all(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--quick', action='store_true', help='smaller models and fewer rounds: minutes on 2 cores')
    parser.add_argument('--only', nargs='+', metavar='PART',
                        help='of op, block, step, iteration, loader, video, faces, inference, start [all]')
    parser.add_argument('--out', default='benchmarks', help='folder for benchmarks.json, .md and .png [%(default)s]')
    parser.add_argument('--compare', metavar='OLD.json', help='tell what became slower since')


def _loader(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--clips', type=int, default=12, help='clips that a round reads [%(default)s]')
    parser.add_argument('--frames', type=int, default=32, help='frames on the disk a clip; 16 are read [%(default)s]')
    parser.add_argument('--size', type=int, default=224, help='edge of the frames on the disk [%(default)s]')
    parser.add_argument('--quality', type=int, default=90, help='of the JPEGs [%(default)s]')
    parser.add_argument('--no-jitter', action='store_true', help='leave colour jitter out of every row')
    parser.add_argument('--rounds', type=int, default=11, help='each runs every row in turn [%(default)s]')
    parser.add_argument('--core', type=int, help='CPU core to run on [the last one allowed]')


def _d2conv3d(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--channels', type=int, default=128, help='channels in and out [%(default)s]')
    parser.add_argument('--size', type=int, nargs=3, default=[16, 14, 14], metavar=('T', 'H', 'W'))
    parser.add_argument('--batch', type=int, default=1, help='clips [%(default)s]')
    parser.add_argument('--groups', type=int, default=1)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--dtype', choices=('float32', 'bfloat16', 'float16'), default='float32', help='[%(default)s]')
    parser.add_argument('--channels-last', action='store_true', help="channels beside one another, as adapters' are")
    parser.add_argument('--threads', type=int, help="CPU threads [PyTorch's choice]")
    parser.add_argument('--repeats', type=int, default=15, help='rounds, each runs every row once [%(default)s]')


def _train_step(parser: argparse.ArgumentParser) -> None:
    _step(parser)
    parser.add_argument('--rounds', type=int, default=5, help='rounds, each runs every row once [%(default)s]')
    parser.add_argument('--rows', nargs='+', metavar='ROW', help='some of the rows, with full fine-tuning in any case')


def _step(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--arch', default='base', help='tiny, small, base or large [%(default)s]')
    parser.add_argument('--frames', type=int, default=16)
    parser.add_argument('--size', type=int, default=224, help='pixels of a side, a multiple of 16 [%(default)s]')
    parser.add_argument('--batch', type=int, default=1, help='clips a step [%(default)s]')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--amp', action='store_true', help='float16 with loss scaling on CUDA, bfloat16 elsewhere')
    parser.add_argument('--dtype', choices=('float16', 'bfloat16'), help='that of --amp on CUDA [float16]')
    parser.add_argument('--threads', type=int, help="CPU threads [PyTorch's choice]")
    parser.add_argument('--compile', action='store_true', help='the backbones, as CompileBackboneHook does')


def _profile_step(parser: argparse.ArgumentParser) -> None:
    _step(parser)
    parser.add_argument('--row', default='FE-Adapter', help='of the rows of train-step [%(default)s]')
    parser.add_argument('--steps', type=int, default=2, help='that are looked at, after one [%(default)s]')
    parser.add_argument('--shapes', action='store_true', help='a line for each shape of inputs')
    parser.add_argument('--most', type=int, default=25, help='lines of the table [%(default)s]')
    parser.add_argument('--out', default='profile', help='folder of trace.json [%(default)s]')


def _videos(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('video', help='an H.264 video; its pictures are repeated')
    parser.add_argument('--minutes', type=float, nargs='+', default=[1.0, 5.0], help='lengths [1 5]')
    parser.add_argument('--model', nargs='+', metavar='X', help='[CONFIG] CHECKPOINT, as for infer [frame_fer]')
    parser.add_argument('--image-checkpoint', help='the image model of a tunable file')
    parser.add_argument('--weights', help="a file of frame_fer's weights, instead of fetching them")
    parser.add_argument('--region', choices=('faces', 'frame'), default='faces', help='as for infer [%(default)s]')
    parser.add_argument('--device', default='cpu')


def _kills(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('jobs', nargs='*', metavar='JOB', choices=(*JOBS, []), help=f'{", ".join(JOBS)} [all of them]')
    parser.add_argument('--every', type=int, default=1, metavar='N',
                        help='end it at each N-th event alone, from the first [%(default)s]')
    parser.add_argument('--verbose', action='store_true', help='tell of each try, also where there is no terminal')


def run(args: argparse.Namespace) -> None:
    if args.what == 'loader':
        for variable in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
            os.environ[variable] = '1'                          # read when the libraries are loaded
        from ..benchmarks.loader import run
    elif args.what == 'd2conv3d':
        from ..benchmarks.d2conv3d import run
    elif args.what == 'profile-step':
        from ..benchmarks.profile_step import run
    elif args.what == 'all':
        from ..benchmarks.suite import run
    elif args.what == 'kills':
        from ..benchmarks.kills import run
    elif args.what == 'videos':
        from ..benchmarks.videos import run
    else:
        from ..benchmarks.train_step import run
    run(args)
