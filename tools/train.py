"""Train a config: ``python tools/train.py configs/fe_adapter_vitb_dfew.py --data-root /data/DFEW --fold 1``."""
import argparse

from mmdfer.apis import options
from mmdfer.apis.cli import run_tool
from mmdfer.apis.running import train


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    options.add_train_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    train(options.train_config(args), args.name)


if __name__ == '__main__':
    run_tool(main)
