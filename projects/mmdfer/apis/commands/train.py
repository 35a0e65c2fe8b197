"""Train a config: ``mmdfer train fe_adapter_vitb_dfew --data-root /data/DFEW --fold 1 --image-checkpoint vitb.pth``.

The run goes to ``work_dirs/<config>/fold_<n>``: checkpoints, curves, predictions, ``result.json``, ``report.html``.
"""
from __future__ import annotations

import argparse

from .. import options
from ..launching import launch

HELP = 'train a config'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=options.CONFIG_HELP)
    options.add_train_options(parser)


def run(args: argparse.Namespace) -> int | None:
    status = launch('train', args)
    if status is not None:
        return status
    from ...runs.report import leave_report
    from ..running import train
    cfg = options.train_config(args)
    if train(cfg, args.name) and not args.no_report:
        leave_report(cfg.work_dir)
    return None
