"""Is my copy of a data set whole? ``mmdfer check dfew /data/DFEW``; exit status 1 if not."""
from __future__ import annotations

import argparse
import os

from .. import options

HELP = 'is my copy of a data set whole?'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('set', help=f'{options.SET_HELP}; folder: <split>/<class>/<clip>')
    parser.add_argument('root', help='its folder')
    parser.add_argument('--clip', help="folder of the clips below it [the set's usual one]")
    parser.add_argument('--decode', choices=('all', 'first', 'none'), default='first',
                        help='frames to decode: all, the first and the middle one of each clip, none [%(default)s]')
    parser.add_argument('--part', action='store_true',
                        help='a part of the set: do not compare with the published sizes')
    parser.add_argument('--label-base', type=int, choices=(0, 1), help='first label of lists of numbers')
    parser.add_argument('--class-order', nargs='+',
                        help='order of the classes in lists of numbers: its name, or all classes')
    parser.add_argument('--out', help='where report.json, examples.png and clips.jsonl go [work_dirs/check_<set>]')
    parser.add_argument('--fresh', action='store_true', help='look into clips again that an earlier run found whole')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes [%(default)s]')


def run(args: argparse.Namespace) -> int:
    from ...datasets import ListedDataset
    from ...preparation.check import check_dataset
    from ...preparation.choosing import choose_set
    from ...visualization import contact_sheet
    chosen = choose_set(args.set)
    said, order = dict(chosen.options), args.class_order
    if issubclass(chosen.kind, ListedDataset):
        given = dict(label_base=args.label_base, class_order=order[0] if order and len(order) == 1 else order)
        said.update((name, value) for name, value in given.items() if value is not None)
    elif order:
        said['metainfo'] = dict(classes=order)
    report = check_dataset(chosen.kind, args.root, args.clip, args.out, args.decode, args.workers, not args.part,
                           args.fresh, contact_sheet, **said)
    return 1 if report['faults'] else 0
