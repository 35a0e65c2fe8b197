"""Refine captions: take out what gives the label away and boilerplate, tidy the text, list what to look at.

Example::

    python tools/data/refine_captions.py data/DFEW/captions.jsonl
    python tools/data/refine_captions.py data/DFEW/captions.jsonl --set dfew data/DFEW --review

The refined captions go to ``captions.refined.jsonl``, with ``captions.refined.report.json`` beside them; the file
itself stays as it is. ``--review`` shows the outliers one by one in the terminal; it can be ended and taken up
at any time.
"""
import argparse

from mmdfer.preparation import set_clips as face_clips, refining
from mmdfer.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('captions', help='file of captions, as caption_clips.py writes it')
    parser.add_argument('--out', help='file of the refined captions [captions.refined.jsonl for captions.jsonl]')
    parser.add_argument('--rules', default=refining.RULES, help='file of rules [rules.yaml of mmdfer.captions]')
    parser.add_argument('--set', nargs=2, metavar=('NAME', 'ROOT'),
                        help=f'check the clips against the lists of a data set ({", ".join(face_clips.SETS)})')
    parser.add_argument('--review', action='store_true', help='accept, edit or drop the outliers in the terminal')
    args = parser.parse_args()
    if args.set and args.set[0] not in face_clips.SETS:
        parser.error(f'--set {args.set[0]}: choose one of {", ".join(face_clips.SETS)}')
    return args


def main() -> None:
    args = parse_args()
    ids = refining.set_ids(*args.set) if args.set else None
    refining.refine_captions(args.captions, args.out, args.rules, args.review, ids)


if __name__ == '__main__':
    run_tool(main)
