"""Recognise expressions in a video, a folder of frames or a folder of videos.

``python tools/infer.py CONFIG CHECKPOINT video.mp4 --out out/`` writes ``out/video.json`` with the class
probabilities of each window and of the clip (times in seconds), and ``out/video.png``, its timeline.
"""
import argparse
import os

from mmengine.config import DictAction


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config that the checkpoint was trained with')
    parser.add_argument('checkpoint', help='full checkpoint (.pth), or the tunable part alone (.safetensors)')
    parser.add_argument('input', help='video file, folder of frames, or folder of videos')
    parser.add_argument('--out', default='out', help='folder for the results [out]')
    parser.add_argument('--window', type=float, default=3.0, help='length of a window in seconds [3]')
    parser.add_argument('--stride', type=float, default=1.0, help='seconds between the starts of windows [1]')
    parser.add_argument('--fps', type=float, default=25.0, help='frames a second of a folder of frames [25]')
    parser.add_argument('--device', help='e.g. cuda:0 or cpu [cuda where there is one]')
    parser.add_argument('--image-checkpoint', help='image ViT of the frozen backbone; needed with a tunable file')
    parser.add_argument('--trust-checkpoint', action='store_true', help='read torch files that run code; know the source')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='config entries, as key=value')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.trust_checkpoint:
        os.environ['MMDFER_TRUST_CHECKPOINTS'] = '1'
    from mmdfer.apis import config
    from mmdfer.apis.inference import DFERInferencer, infer_all
    cfg = config.load_config(args.config, args.cfg_options)
    config.set_image_checkpoint(cfg, args.image_checkpoint)
    inferencer = DFERInferencer(cfg, args.checkpoint, args.device)
    infer_all(inferencer, args.input, args.out, window=args.window, stride=args.stride, fps=args.fps)


if __name__ == '__main__':
    from mmdfer.apis.cli import run_tool
    run_tool(main)
