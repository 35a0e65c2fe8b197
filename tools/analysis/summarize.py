"""Finished runs in one table, with the papers' figures beside: ``python tools/analysis/summarize.py work_dirs``.

The folds below one folder are one row, the mean of the folds.
"""
import argparse

from mmdfer.apis.cli import run_tool
from mmdfer.runs.summary import SORTS, summarize


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', nargs='+', help='work directories with a result.json, or folders of them')
    parser.add_argument('--out', help='JSON file for the rows; Markdown and a sortable HTML page are written beside it')
    parser.add_argument('--latex', help='file for the rows of a LaTeX table')
    parser.add_argument('--curves', help='picture of the runs\' training curves, compared')
    parser.add_argument('--sort', choices=SORTS, help='order of the rows [as given]')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    summarize(args.runs, args.out, args.curves, args.latex, args.sort)


if __name__ == '__main__':
    run_tool(main)
