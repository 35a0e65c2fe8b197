"""Recognise expressions in videos, pictures, folders of frames, or folders of these.

``mmdfer infer my_video.mp4 --out out/`` uses the ready frame-wise baseline, which is fetched once.
``mmdfer infer CONFIG CHECKPOINT videos/ --out out/`` uses a trained model, ``mmdfer infer CHECKPOINT videos/`` one
that knows its config. Every person is followed and judged by themselves; ``out/<name>.json``, ``.csv``, ``.png``,
``.html`` and, with ``--video``, ``.mp4`` tell of it.
"""

from __future__ import annotations

import argparse
import os

from .. import options

HELP = 'recognise expressions in videos'
WEIGHTS = ('.pth', '.pt', '.safetensors', '.ckpt', '.bin', '.tar')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'inputs',
        nargs='*',
        metavar='[CONFIG] [CHECKPOINT] INPUT',
        help='config (a path or a name) and checkpoint of a trained model, then videos, pictures, folders or '
        'patterns; inputs alone: the ready baseline',
    )
    options.add_model_options(parser)
    parser.add_argument('--out', default='out', help='folder for the results [out]')
    parser.add_argument('--window', type=float, default=3.0, help='length of a window in seconds [3]')
    parser.add_argument('--stride', type=float, default=1.0, help='seconds between the starts of windows [1]')
    parser.add_argument(
        '--region',
        choices=('faces', 'frame'),
        default='faces',
        help='faces: every person; frame: the centre square, for videos that are face crops [faces]',
    )
    parser.add_argument(
        '--smooth', type=float, metavar='SECONDS', help='average windows over so long; told in the results'
    )
    parser.add_argument('--fps', type=float, default=25.0, help='frames a second of a folder of frames [25]')
    parser.add_argument(
        '--geometry',
        action='store_true',
        help='write <name>.geometry.csv too: mouth, eyes, brows and pose of the head in each frame, by a mesh',
    )
    parser.add_argument('--video', action='store_true', help='write the annotated video too')
    parser.add_argument(
        '--more-checkpoints',
        nargs='+',
        default=[],
        metavar='FILE',
        help='of other folds or seeds; their scores are averaged',
    )
    parser.add_argument('--weights', help='file of the ready baseline, instead of the fetched one')
    parser.add_argument('--list', metavar='FILE', help='a path a line: one CSV with a row a clip, --out its name')
    parser.add_argument(
        '--camera', type=int, metavar='NUMBER', help='record from a camera first, until Ctrl-C or --seconds'
    )
    parser.add_argument('--seconds', type=float, default=30.0, help='of a camera [30]')
    parser.add_argument('--batch-size', type=int, default=8, help='windows a step [8]')
    parser.add_argument('--amp', action='store_true', help='half precision (CUDA)')
    parser.add_argument('--skip-done', action='store_true', help='go past inputs whose results are whole already')
    parser.add_argument('--quiet', action='store_true', help='show no progress')
    parser.add_argument('--device', help='e.g. cuda:0 or cpu [cuda where there is one]')


def split_inputs(given: list[str]) -> tuple[str | None, str | None, list[str]]:
    """Config, checkpoint and inputs of the positional arguments; ``None`` for what is not given."""

    from ...weights.registry import is_name

    def is_weights(path: str) -> bool:
        return path.lower().endswith(WEIGHTS) or is_name(path)

    if len(given) > 1 and is_weights(given[1]):
        return given[0], given[1], given[2:]
    if given and is_weights(given[0]):
        return None, given[0], given[1:]
    if given and given[0].endswith('.py') and os.path.isfile(given[0]):
        raise ValueError(f'{given[0]}: a config wants a checkpoint behind it (one of {", ".join(WEIGHTS)})')
    return None, None, given


def run(args: argparse.Namespace) -> int | None:
    from ..infer_files import WHAT, infer_all, infer_list
    from ..inference import DFERInferencer

    config, checkpoint, inputs = split_inputs(args.inputs)
    if args.camera is not None:
        from ...video.camera import record

        inputs = [*inputs, str(record(args.camera, args.seconds, args.out))]
    if not inputs and not args.list:
        raise ValueError('nothing to look at: give a video, a picture, a folder, --list FILE or --camera 0')
    options.apply_reading_options(args)
    if checkpoint is None:
        inferencer = DFERInferencer(device=args.device, batch_size=args.batch_size, weights=args.weights)
        print(f'{inferencer.model.name}: {inferencer.model.notice}')
    else:
        if config is not None:
            args.config = config
            config = options.model_config(args)
        inferencer = DFERInferencer(
            config,
            [checkpoint, *args.more_checkpoints],
            args.device,
            args.batch_size,
            image_checkpoint=None if config is not None else args.image_checkpoint,
            long_clip_checkpoint=None if config is not None else args.long_clip_checkpoint,
            amp=args.amp,
        )
    if args.list:
        print(f'{infer_list(inferencer, args.list, args.out, fps=args.fps)} clips -> {args.out}')
        return None
    what = [one for one in WHAT if one != 'mp4' or args.video]
    try:
        infer_all(
            inferencer,
            inputs,
            args.out,
            what,
            fps=args.fps,
            overwrite=not args.skip_done,
            quiet=args.quiet,
            smoothing=args.smooth,
            window=args.window,
            stride=args.stride,
            region=args.region,
            geometry=args.geometry,
        )
    except KeyboardInterrupt:
        print(f'interrupted: what was read is in {args.out}; --skip-done goes on with the rest')
        return 130
    return None
