"""Train a config: ``python tools/train.py configs/fe_adapter_vitb_dfew.py --data-root /data/DFEW --fold 1``."""
import argparse

from mmdfer.apis import options
from mmdfer.apis.cli import run_tool
from mmdfer.runs.report import leave_report
from mmdfer.apis.running import train


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    options.add_train_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = options.train_config(args)
    if train(cfg, args.name) and not args.no_report:
        leave_report(cfg.work_dir)


if __name__ == '__main__':
    run_tool(main)
