"""Make the pictures of the guide to one's own videos: ``mmdfer guide-pictures --out projects/guides/pictures``.

They are of a drawn video of two people, or of a video of yours. The ready frame-wise baseline judges, or a trained
model (CONFIG CHECKPOINT). The page is drawn by Chromium, where it is installed.
"""
from __future__ import annotations

import argparse

HELP = "make the pictures of the guide to one's own videos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('video', nargs='?', help='a video of yours [one of two drawn people]')
    parser.add_argument('--model', nargs=2, metavar=('CONFIG', 'CHECKPOINT'),
                        help='a trained model [the ready baseline]')
    parser.add_argument('--weights', help='file of the ready baseline, instead of the fetched one')
    parser.add_argument('--out', required=True, help='folder of lanes.png, frame.jpg and page.png')
    parser.add_argument('--window', type=float, default=1.0, help='length of a window in seconds [1]')
    parser.add_argument('--stride', type=float, default=0.4, help='seconds between the starts of windows [0.4]')
    parser.add_argument('--region', choices=('faces', 'frame'), default='faces', help='as of mmdfer infer [faces]')
    parser.add_argument('--at', type=float, metavar='SECONDS',
                        help='time of the annotated frame [amid the surest window]')
    parser.add_argument('--device', help='e.g. cuda:0 or cpu [cuda where there is one]')


def run(args: argparse.Namespace) -> None:
    import tempfile
    from pathlib import Path

    from ...synthetic.pair import write_pair
    from ..guide_pictures import make_pictures
    from ..inference import DFERInferencer
    if args.model:
        config, checkpoint = args.model
        inferencer = DFERInferencer(config, checkpoint, args.device)
    else:
        inferencer = DFERInferencer(device=args.device, weights=args.weights)
    with tempfile.TemporaryDirectory() as scratch:
        video = args.video
        if video is None:
            video = str(Path(scratch) / 'two drawn people.mp4')
            write_pair(video)
        for path in make_pictures(inferencer, video, args.out, args.window, args.stride, args.region, args.at):
            print(path)
