"""The report of a run as one HTML page: ``python tools/analysis/report.py work_dirs/fe_adapter_vitb_dfew/fold_1``.

Given the folder above ``fold_<n>`` it is the report over the folds. ``report.md`` and ``report.json`` lie beside.
"""
import argparse

from mmdfer.apis.cli import run_tool
from mmdfer.runs.report import write_report


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dir', help='a finished run, or the folder of its folds')
    parser.add_argument('--out', help='folder of report.html, report.md and report.json [the work directory]')
    parser.add_argument('--data-root', help="folder of the data set, for counts and film strips [the config's]")
    parser.add_argument('--mistakes', type=int, default=12, help='film strips of the most confident mistakes [12]')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    report = write_report(args.work_dir, args.out, args.data_root, args.mistakes)
    for part, reason in report['missing'].items():
        print(f'{part}: not measured: {reason}')
    print(f'report.html, report.md and report.json are in {args.out or args.work_dir}')


if __name__ == '__main__':
    run_tool(main)
