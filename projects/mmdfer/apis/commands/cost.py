"""What a training step of a config costs, and what fits on a card: ``mmdfer cost fe_adapter_vitb_dfew --gpu 24GB``.

It needs no data, no weights and no card: the step is worked out from its shapes. ``--measure 1 2`` runs steps of 1 and
2 clips on this machine as well and shows them beside; speed is told where a measurement is given.
"""
from __future__ import annotations

import argparse

from .. import options

HELP = 'what a training step costs and what fits on a card'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=options.CONFIG_HELP)
    parser.add_argument('--gpu', metavar='24GB', help='memory of a card: the most clips a step that fit on it')
    parser.add_argument('--reserve', metavar='SIZE', default='1.5GB',
                        help="of the card's memory, left free for CUDA and what its allocator cannot use [%(default)s]")
    parser.add_argument('--batch', type=int, metavar='N',
                        help="clips a step on a card [those that fit; without --gpu the config's]")
    parser.add_argument('--frames', type=int, metavar='N', help="frames of a clip [the config's]")
    parser.add_argument('--size', type=int, metavar='PX', help="height and width of a frame [the config's]")
    parser.add_argument('--gpus', type=int, default=1, metavar='N',
                        help='cards, each with the whole model [%(default)s]')
    parser.add_argument('--precision', choices=('fp32', 'amp', 'bf16'), default='fp32',
                        help='float32; mixed; weights, states and all in bfloat16 [%(default)s]')
    parser.add_argument('--tflops', type=float, metavar='X',
                        help='10^12 FLOPs a second that the card keeps up, as measured: estimates clips a second')
    parser.add_argument('--measure', type=int, nargs='+', default=(), metavar='N',
                        help='run steps of N clips here and show memory and seconds beside those worked out')
    parser.add_argument('--plot', metavar='FILE',
                        help='draw memory against clips, frames and size (.png, .pdf, .svg)')
    parser.add_argument('--json', metavar='FILE', help='write all figures to this file')
    options.add_config_options(parser)


def run(args: argparse.Namespace) -> None:
    from ...files import write_json
    from ...run_config import load_config
    from ..cost import StepModel
    from ..cost_report import parse_memory, report, table
    from ..counting import messages_on_stderr
    gpu = None if args.gpu is None else parse_memory(args.gpu, '--gpu')
    reserve = parse_memory(args.reserve, '--reserve')
    if gpu is not None and gpu <= reserve:
        raise ValueError(f'--gpu {args.gpu}: is no more than --reserve {args.reserve}, which is left free')
    with messages_on_stderr():
        model = StepModel(load_config(args.config, args.cfg_options))
        found = report(model, gpu, args.batch, args.gpus, reserve, args.tflops, tuple(args.measure),
                       args.plot is not None, frames=args.frames, size=args.size, precision=args.precision)
    print(table(found))
    if args.json:
        write_json(found, args.json)
    if args.plot:
        from ...visualization.cost import plot_cost
        plot_cost(found, args.plot)
        print(f'picture: {args.plot}')
