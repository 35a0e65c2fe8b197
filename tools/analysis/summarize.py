"""Finished runs in one table: ``python tools/analysis/summarize.py work_dirs/a work_dirs/b --out summary.json``."""
import argparse

from mmdfer.apis.cli import run_tool
from mmdfer.apis.summary import summarize


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('runs', nargs='+', help='work directories with a result.json')
    parser.add_argument('--out', help='JSON file for the rows; a Markdown table is written beside it')
    parser.add_argument('--curves', help='picture of the runs\' training curves, compared')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    summarize(args.runs, args.out, args.curves)


if __name__ == '__main__':
    run_tool(main)
