"""Make a synthetic DFER set in DFEW's layout, to try the toolbox without real data.

``mmdfer demo-clips --out data/demo``. A static set in the layout of RAF-DB, a few videos and captions of the clips
come with it. The same options give the same bytes.
"""
from __future__ import annotations

import argparse
import os
from pathlib import Path

HELP = 'make a synthetic set to try the toolbox with'
SIZES = ('seed', 'subjects', 'clips', 'static', 'size')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--out', type=Path, required=True, help='folder to make')
    parser.add_argument('--seed', type=int, help='of all randomness [0]')
    parser.add_argument('--subjects', type=int, help="subjects in the clips [the demo's number]")
    parser.add_argument('--clips', type=int, help="clips over all folds [the demo's number]")
    parser.add_argument('--static', type=int,
                        help="training pictures of the static set, 0 for none [the demo's number]")
    parser.add_argument('--size', type=int, help="edge of the frames in pixels [the demo's]")
    parser.add_argument('--sixteen', action='store_true', help='write the folder of 16 frames a clip too')
    parser.add_argument('--maps', action='store_true',
                        help='write the face maps of the clips too, from their geometry')
    parser.add_argument('--class-folders', nargs='+', metavar='CLASS',
                        help='link the clips of these classes as a set of class folders too, by_class/')
    parser.add_argument('--workers', type=int, default=os.cpu_count(),
                        help='processes; they change the time alone [%(default)s]')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace a synthetic set made with other options')


def run(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from ...synthetic import Options, make_dataset, write_class_folders
    from ...synthetic.captions import write_demo_captions
    from ...synthetic.maps import write_maps

    def progress(items, total):
        return tqdm(items, total=total, desc=str(args.out), unit='task')

    given = {name: getattr(args, name) for name in SIZES if getattr(args, name) is not None}
    options = Options(sixteen=args.sixteen, **given)
    made = make_dataset(args.out, options, args.workers, args.overwrite, progress)
    print(f'{args.out}: {"made" if made else "already there"}, {options.clips} clips')
    if not (args.out / 'captions.jsonl').exists():
        print(f'{args.out}: captions of {write_demo_captions(args.out, options.seed)} clips')
    if args.maps:
        written = write_maps(args.out, options, args.workers, progress)
        print(f'{args.out}: face maps of {written} clips and videos')
    if args.class_folders:
        linked = write_class_folders(args.out, args.class_folders)
        print(f'{args.out}: {linked} clips of {len(args.class_folders)} classes in by_class')
