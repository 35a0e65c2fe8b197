"""Recognise expressions in a video, a folder of frames or a folder of videos.

``python tools/infer.py CONFIG CHECKPOINT video.mp4 --out out/`` writes ``out/video.json`` with the class
probabilities of each window and of the clip (times in seconds), and ``out/video.png``, its timeline.
"""
import argparse

from mmdfer.apis import options
from mmdfer.apis.cli import run_tool
from mmdfer.apis.inference import DFERInferencer, infer_all


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config that the checkpoint was trained with')
    parser.add_argument('checkpoint', help=options.CHECKPOINT_HELP)
    parser.add_argument('input', help='video file, folder of frames, or folder of videos')
    options.add_model_options(parser)
    parser.add_argument('--out', default='out', help='folder for the results [out]')
    parser.add_argument('--window', type=float, default=3.0, help='length of a window in seconds [3]')
    parser.add_argument('--stride', type=float, default=1.0, help='seconds between the starts of windows [1]')
    parser.add_argument('--fps', type=float, default=25.0, help='frames a second of a folder of frames [25]')
    parser.add_argument('--device', help='e.g. cuda:0 or cpu [cuda where there is one]')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    inferencer = DFERInferencer(options.model_config(args), args.checkpoint, args.device)
    infer_all(inferencer, args.input, args.out, window=args.window, stride=args.stride, fps=args.fps)


if __name__ == '__main__':
    run_tool(main)
