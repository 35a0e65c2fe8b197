"""Evaluate a checkpoint: ``python tools/test.py configs/fe_adapter_vitb_dfew.py CHECKPOINT --fold 1``."""
import argparse

from mmdfer.apis import options
from mmdfer.apis.cli import run_tool
from mmdfer.apis.running import test


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config that the checkpoint was trained with')
    parser.add_argument('checkpoint', nargs='?',
                        help=f'{options.CHECKPOINT_HELP}; none for a model that needs no training')
    options.add_run_options(parser)
    parser.add_argument('--out', help='folder for metrics.json and confusion.png [<work dir>/test]')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    test(options.run_config(args), args.checkpoint, args.out)


if __name__ == '__main__':
    run_tool(main)
