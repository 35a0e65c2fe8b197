"""Recognise expressions in a video, a folder of frames or a folder of videos.

``mmdfer infer CONFIG CHECKPOINT video.mp4 --out out/`` writes ``out/video.json`` with the class
probabilities of each window and of the clip (times in seconds), and ``out/video.png``, its timeline.
"""
from __future__ import annotations

import argparse

from .. import options

HELP = 'recognise expressions in videos'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=f'{options.CONFIG_HELP}; the one that the checkpoint was trained with')
    parser.add_argument('checkpoint', help=options.CHECKPOINT_HELP)
    parser.add_argument('input', help='video file, folder of frames, or folder of videos')
    options.add_model_options(parser)
    parser.add_argument('--out', default='out', help='folder for the results [out]')
    parser.add_argument('--window', type=float, default=3.0, help='length of a window in seconds [3]')
    parser.add_argument('--stride', type=float, default=1.0, help='seconds between the starts of windows [1]')
    parser.add_argument('--fps', type=float, default=25.0, help='frames a second of a folder of frames [25]')
    parser.add_argument('--device', help='e.g. cuda:0 or cpu [cuda where there is one]')


def run(args: argparse.Namespace) -> None:
    from ..inference import DFERInferencer, infer_all
    inferencer = DFERInferencer(options.model_config(args), args.checkpoint, args.device)
    infer_all(inferencer, args.input, args.out, window=args.window, stride=args.stride, fps=args.fps)
