"""A page on this machine: drop a video, watch who feels what when, scrub, rename, download.

``mmdfer app`` uses the ready frame-wise baseline; ``mmdfer app CHECKPOINT`` a trained model that knows its config,
``mmdfer app CONFIG CHECKPOINT`` another. Nobody but this machine is answered unless ``--host`` says otherwise, and
nothing is kept once the page is closed.
"""
from __future__ import annotations

import argparse

from .. import options

HELP = 'a local page for your own videos'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('model', nargs='*', metavar='[CONFIG] [CHECKPOINT]', help='without: the ready baseline')
    options.add_model_options(parser)
    parser.add_argument('--weights', help='file of the ready baseline, instead of the fetched one')
    parser.add_argument('--host', default='127.0.0.1', help='address to answer at [127.0.0.1]')
    parser.add_argument('--port', type=int, default=7860, help='its port; 0 for a free one [7860]')
    parser.add_argument('--max-mb', type=float, default=500., help='largest file in megabytes [500]')
    parser.add_argument('--no-browser', action='store_true', help='do not open the page')
    parser.add_argument('--window', type=float, default=3.0, help='length of a window in seconds [3]')
    parser.add_argument('--stride', type=float, default=1.0, help='seconds between the starts of windows [1]')
    parser.add_argument('--region', choices=('faces', 'frame'), default='faces',
                        help='faces: every person; frame: the centre square [faces]')
    parser.add_argument('--batch-size', type=int, default=8, help='windows a step [8]')
    parser.add_argument('--device', help='e.g. cuda:0 or cpu [cuda where there is one]')


def run(args: argparse.Namespace) -> None:
    from ...video.stream import Settings
    from ..inference import DFERInferencer
    from ..local_page.serving import serve
    from .infer import split_inputs
    config, checkpoint, rest = split_inputs(args.model)
    if rest:
        raise ValueError(f'{rest[0]}: is no checkpoint; give [CONFIG] CHECKPOINT, and drop videos on the page')
    if args.max_mb <= 0:
        raise ValueError(f'--max-mb {args.max_mb}: must be positive')
    settings = Settings(args.window, args.stride, args.region, args.batch_size)
    options.apply_reading_options(args)
    if checkpoint is None:
        inferencer = DFERInferencer(device=args.device, batch_size=args.batch_size, weights=args.weights)
    else:
        own = config is None
        if not own:
            args.config = config
            config = options.model_config(args)
        inferencer = DFERInferencer(
            config, checkpoint, args.device, args.batch_size, image_checkpoint=args.image_checkpoint if own else None,
            long_clip_checkpoint=args.long_clip_checkpoint if own else None)
    serve(inferencer, settings, args.host, args.port, int(args.max_mb * 1e6), not args.no_browser)
