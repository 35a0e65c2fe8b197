"""Whether runs differ by more than chance: ``mmdfer compare work_dirs/A work_dirs/B``.

Each RUN is a finished run, the folder of its folds, or a folder with several seeds of either. The first is held against
each other one: paired bootstrap of UAR and WAR and McNemar's test over the clips, Wilcoxon's over folds and seeds, each
with Holm's correction where there are several; ``--out`` keeps them, the clips that changed side and the difference of
the confusion matrices.
"""
from __future__ import annotations

import argparse

HELP = 'whether runs differ by more than chance'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('runs', nargs='+', metavar='RUN', help='work directories, one a model')
    parser.add_argument('--out', help='folder of compare.html, .md, .json, changed_clips.csv and the picture [none]')
    parser.add_argument('--epoch', help='of which epoch: last, best, inner or tested [what all were trained for]')
    parser.add_argument('--folds', type=int, nargs='+', help='folds to compare [all]')
    parser.add_argument('--all-pairs', action='store_true', help='each run against each other one')
    parser.add_argument('--resamples', type=int, default=10_000, help='of the bootstrap [10000]')
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap [0]')


def run(args: argparse.Namespace) -> None:
    from ...evaluation.fold_summary import MEANINGS
    from ...names import check_name
    from ...runs.comparison import compare
    from ...visualization.report.comparison import render_comparison_markdown
    if args.epoch:
        check_name('--epoch', args.epoch, MEANINGS)
    found = compare(args.runs, args.out, args.epoch, args.folds, args.all_pairs, args.resamples, args.seed)
    print(render_comparison_markdown(found))
    if args.out:
        print(f'compare.html, compare.md, compare.json, changed_clips.csv and the picture are in {args.out}')
