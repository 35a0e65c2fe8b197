"""Run the rows of an ablation table and write it with the paper's figures beside.

``python tools/run_ablation.py configs/ablations/fe_adapter --only 'temporal modelling' --data-root /data/DFEW
--image-checkpoint vitb.pth`` trains the configs as they are; with ``--demo`` the same adapters run, scaled
down, on the demo's set and image model (``bash tools/demo.sh`` makes both), in minutes a row.
"""
import argparse

from mmdfer.apis.ablation import read_rows, run_rows, write_table
from mmdfer.apis.cli import run_tool


def parse_args() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog='All other options go to tools/train.py.')
    parser.add_argument('folder', help='folder of the ablation, with its rows.py')
    parser.add_argument('--only', nargs='+', default=[], help='config stems or groups of rows [all]')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], help='one run a row for each [0]')
    parser.add_argument('--demo', action='store_true', help="on the demo's set and backbone")
    parser.add_argument('--out', help='folder of runs and table [work_dirs/ablations/<folder>[_demo]]')
    return parser.parse_known_args()


def main() -> None:
    args, options = parse_args()
    name = args.folder.rstrip('/').split('/')[-1]
    out = args.out or f'work_dirs/ablations/{name}{"_demo" if args.demo else ""}'
    rows = run_rows(read_rows(args.folder, args.only), out, args.seeds, options, args.demo)
    print(write_table(rows, out))
    print(f'table.md and table.json are in {out}')


if __name__ == '__main__':
    run_tool(main)
