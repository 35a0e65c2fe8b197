"""The report of a run as one HTML page: ``mmdfer report work_dirs/fe_adapter_vitb_dfew/fold_1``.

Given the folder above ``fold_<n>`` it is the report over the folds. ``report.md`` and ``report.json`` lie beside.
"""
from __future__ import annotations

import argparse

HELP = 'the report of a run or of its folds'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('work_dir', help='a finished run, or the folder of its folds')
    parser.add_argument('--out', help='folder of report.html, report.md and report.json [the work directory]')
    parser.add_argument('--data-root', help="folder of the data set, for counts and film strips [the config's]")
    parser.add_argument('--mistakes', type=int, default=12, help='film strips of the most confident mistakes [12]')


def run(args: argparse.Namespace) -> None:
    from ...runs.report import write_report
    report = write_report(args.work_dir, args.out, args.data_root, args.mistakes)
    for part, reason in report['missing'].items():
        print(f'{part}: not measured: {reason}')
    print(f'report.html, report.md and report.json are in {args.out or args.work_dir}')
