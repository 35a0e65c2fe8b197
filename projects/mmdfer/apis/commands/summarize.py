"""Finished runs in one table, with the papers' figures beside: ``mmdfer summarize work_dirs``.

The folds below one folder are one row, the mean of the folds. ``--published`` adds all that is published on the runs'
sets, with tunable parameters, and the epoch and views that the figures are of.
"""
from __future__ import annotations

import argparse

from ...names import check_name

HELP = 'finished runs in one table'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('runs', nargs='+', help='work directories with a result.json, or folders of them')
    parser.add_argument('--out', help='JSON file for the rows; Markdown and a sortable HTML page are written beside it')
    parser.add_argument('--latex', help='file for the rows of a LaTeX table')
    parser.add_argument('--curves', help='picture of the runs\' training curves, compared')
    parser.add_argument('--published', action='store_true',
                        help="print all that is published on the runs' sets as well")
    parser.add_argument('--sort', help='order of the rows: uar, war, name, tunable or seconds [as given]')


def run(args: argparse.Namespace) -> None:
    from ...runs.summary import SORTS, summarize
    if args.sort:
        check_name('--sort', args.sort, SORTS)
    summarize(args.runs, args.out, args.curves, args.latex, args.sort, args.published)
