"""Run the rows of an ablation table and write it with the paper's figures beside.

``mmdfer ablation configs/ablations/fe_adapter --only 'temporal modelling' --data-root /data/DFEW
--image-checkpoint vitb.pth`` trains the configs as they are; with ``--demo`` the same adapters run, scaled
down, on the demo's set and image model (``bash tools/demo.sh`` makes both), in minutes a row.
"""
from __future__ import annotations

import argparse

from ..launching import Launch, add_launch_options

HELP = "run the rows of a paper's ablation table"
PASSES_ON = 'train'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('folder', help='folder of the ablation, with its rows.py')
    parser.add_argument('--only', nargs='+', default=[], help='config stems or groups of rows [all]')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='one run a row for each [0]')
    parser.add_argument('--demo', action='store_true', help="on the demo's set and backbone")
    parser.add_argument('--out', help='folder of runs and table [work_dirs/ablations/<folder>[_demo]]')
    add_launch_options(parser)


def run(args: argparse.Namespace) -> None:
    from ..ablation import read_rows, run_rows, write_table
    name = args.folder.rstrip('/').split('/')[-1]
    out = args.out or f'work_dirs/ablations/{name}{"_demo" if args.demo else ""}'
    rows = run_rows(read_rows(args.folder, args.only), out, args.seeds, args.rest, args.demo, Launch.from_args(args))
    print(write_table(rows, out))
    print(f'table.md and table.json are in {out}')
