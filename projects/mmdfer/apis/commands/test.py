"""Evaluate a checkpoint: ``mmdfer test fe_adapter_vitb_dfew CHECKPOINT --data-root /data/DFEW --fold 1``."""
from __future__ import annotations

import argparse

from .. import options
from ..launching import add_launch_options, launch

HELP = 'evaluate a checkpoint on the test set'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=f'{options.CONFIG_HELP}; the one that the checkpoint was trained with')
    parser.add_argument('checkpoint', nargs='?',
                        help=f'{options.CHECKPOINT_HELP}; none for a model that needs no training')
    options.add_run_options(parser)
    add_launch_options(parser)
    parser.add_argument('--out', help='folder for metrics.json and confusion.png [<work dir>/test]')


def run(args: argparse.Namespace) -> int | None:
    status = launch('test', args)
    if status is not None:
        return status
    from ..running import test
    test(options.run_config(args), args.checkpoint, args.out)
    return None
