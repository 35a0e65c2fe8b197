"""Refine captions: take out what gives the label away and boilerplate, tidy the text, list what to look at.

Example::

    mmdfer refine data/DFEW/captions.jsonl
    mmdfer refine data/DFEW/captions.jsonl --set dfew data/DFEW --review

The refined captions go to ``captions.refined.jsonl``, with ``captions.refined.report.json`` beside them; the file
itself stays as it is. ``--review`` shows the outliers one by one in the terminal; it can be ended and taken up
at any time.
"""
from __future__ import annotations

import argparse

HELP = 'refine captions'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('captions', help='file of captions, as mmdfer captions writes it')
    parser.add_argument('--out', help='file of the refined captions [captions.refined.jsonl for captions.jsonl]')
    parser.add_argument('--rules', help='file of rules [rules.yaml of mmdfer.captions]')
    parser.add_argument('--set', nargs=2, metavar=('SET', 'ROOT'),
                        help='check the clips against the lists of a data set, by its name or a config')
    parser.add_argument('--review', action='store_true', help='accept, edit or drop the outliers in the terminal')


def run(args: argparse.Namespace) -> None:
    from ...preparation import refining
    from ...text.tokenizer import count_tokens
    ids = None
    if args.set:
        from ...preparation.choosing import choose_set
        from ...preparation.set_clips import set_clips
        chosen = choose_set(args.set[0])
        ids = [clip.name for clip in set_clips(chosen.kind, args.set[1], **chosen.options)[0]]
    refining.refine_captions(args.captions, args.out, args.rules or refining.RULES, args.review, ids,
                             count_tokens=count_tokens)
