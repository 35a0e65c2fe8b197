"""Write a trained model as a file for other programs, checked against the model.

``mmdfer export CONFIG CHECKPOINT --format onnx`` writes ``<config>.onnx``; ``--format torch_export`` a program of
``torch.export``, ``<config>.pt2``. The file takes RGB pixels (batch, 3, frames, H, W) from 0 to 255 of any number of
clips of any length, and gives logits and probabilities; a ``.json`` beside it tells the classes and the steps before.
It is not written if it does not agree with the model. Recurrences and dynamic convolutions are in standard operators.
"""
from __future__ import annotations

import argparse

from .. import options

HELP = 'write a model as ONNX or torch.export'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=options.CONFIG_HELP)
    parser.add_argument('checkpoint', help=options.CHECKPOINT_HELP)
    parser.add_argument('--format', choices=('onnx', 'torch_export'),
                        help="of the file [what --out's suffix says, else onnx]")
    parser.add_argument('--out', metavar='FILE', help='ending in .onnx or .pt2 [<config>.onnx or .pt2]')
    parser.add_argument('--clips', type=int, default=20, help='random clips on which both must agree [20]')
    options.add_model_options(parser)


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from ..export import WRITERS, export
    if args.clips < 1:
        raise ValueError(f'--clips {args.clips}: at least one must agree')
    kind = args.format or (None if args.out else 'onnx')
    out = args.out or f'{Path(args.config).stem}{WRITERS[kind][0]}'
    cfg = options.model_config(args)
    found = export(cfg, args.checkpoint, out, kind, args.clips)
    check, lengths = found['check'], found['lengths']
    for note in found['notes']:
        print(note)
    if not lengths['any']:
        print(f'The model takes clips of {found["frames"]} frames alone, and so does the file.')
    print(f'{out}: agrees with the model on {check["clips"]} random clips of several lengths and batches: greatest '
          f'difference {check["probabilities"]:.1e} of probabilities, {check["logits"]:.1e} of logits up to '
          f'{check["greatest_logit"]:.1f}')
    print(f'a clip of {found["frames"]} frames: {1e3 * check["seconds"]["file"]:.0f} ms by the file, '
          f'{1e3 * check["seconds"]["model"]:.0f} ms by PyTorch, ratio {check["time_ratio"]:.2f}')
    print(f'{out}.json: the classes and how a clip is made')
