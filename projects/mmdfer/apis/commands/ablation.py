"""Run the rows of a paper's table and write it with the paper's figures beside.

``mmdfer ablation fe_adapter --only 'temporal modelling' --data-root /data/DFEW --image-checkpoint vitb.pth`` trains the
rows as they are, ``--set ferv39k`` on another set. With ``--demo`` the same adapters run, scaled down, on the demo's
set and image model (``bash tools/demo.sh`` makes both), in minutes a row. Rows of the same settings are one run;
finished runs are not repeated, and runs of other settings are refused.
"""
from __future__ import annotations

import argparse

from ..launching import Launch, add_launch_options

HELP = "run the rows of a paper's ablation table"
PASSES_ON = 'train'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'table', help='a paper of configs/ablations, such as fe_adapter; a file of rows; or a folder with a '
        'rows.py')
    parser.add_argument('--only', nargs='+', default=[], help='rows or groups of rows [all]')
    parser.add_argument('--set', dest='dataset', metavar='SET', help="data set, such as ferv39k [each row's first]")
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='one run a row for each [0]')
    parser.add_argument('--demo', action='store_true', help="on the demo's set and backbone")
    parser.add_argument('--out', help='folder of runs and table [work_dirs/ablations/<table>[_<set>][_demo]]')
    add_launch_options(parser)


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from ..ablation import check_starts, plan_trials, run_trials
    from ..ablation_table import write_table
    parts = [Path(args.table).stem, args.dataset, 'demo' if args.demo else None]
    out = args.out or f'work_dirs/ablations/{"_".join(part for part in parts if part)}'
    plan = plan_trials(args.table, out, args.rest, args.only, args.seeds, args.demo, args.dataset)
    check_starts(plan)
    print(write_table(run_trials(plan, Launch.from_args(args)), out, args.demo))
    print(f'table.md and table.json are in {out}')
