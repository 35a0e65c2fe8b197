"""Pack the clips of a config's data sets into one memory-mapped file, for training from ``--packed``.

``mmdfer pack fe_adapter_vitb_dfew --data-root data/DFEW --out data/DFEW/clips.pack``
"""
from __future__ import annotations

import argparse
import os
import shlex
import sys
import time

from .. import options

HELP = "pack a set's clips into one file that is read fast"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=f'{options.CONFIG_HELP}; its training and test lists name the clips')
    parser.add_argument('--data-root', help="folder of the data set, instead of the config's")
    parser.add_argument('--fold', type=int, help="instead of the config's; any fold of DFEW has all its clips")
    parser.add_argument('--out', required=True, help='file to make; a call that was interrupted goes on')
    parser.add_argument('--store', choices=('files', 'raw'), default='files',
                        help="the frames' files, or their pixels: larger, and the fastest [files]")
    parser.add_argument('--size', type=int, help='resize raw frames to this shorter side; results then differ')
    parser.add_argument('--skip-bad-clips', action='store_true',
                        help='keep what cannot be read as such, for a training with the same option')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing pack')
    parser.add_argument('--verify', action='store_true', help='check every byte of an existing pack, and write nothing')
    parser.add_argument('--workers', type=int, default=min(8, os.cpu_count() or 1), help='threads [%(default)s]')


def run(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from ...preparation.packing import pack, verify
    from ...run_config import load_config, set_data

    def progress(items, total):
        return tqdm(items, total=total, desc=args.out, unit='clip', disable=not sys.stderr.isatty())

    cfg = load_config(args.config)
    set_data(cfg, args.data_root, args.fold, args.skip_bad_clips)
    start = time.perf_counter()
    if args.verify:
        print(f'{args.out}: {verify(args.out, cfg, progress)} clips, all as they were packed')
        return
    words = [word for word in args.words if word != '--overwrite']
    command = shlex.join(['mmdfer', 'pack', *words, '--overwrite'])
    made = pack(cfg, args.out, args.store, args.size, args.skip_bad_clips, args.overwrite, args.workers, command,
                progress)
    print(f'{args.out}: {made["clips"]} clips, {made["frames"]} frames, {made["bytes"] / 2 ** 20:.0f} MiB in '
          f'{time.perf_counter() - start:.0f} s'
          + (f'; {made["resumed"]} clips were there already' if made['resumed'] else '')
          + (f'; {made["bad"]} clips cannot be read and {made["missing"]} are missing' if args.skip_bad_clips else ''))
    if args.size is not None:
        print(f'frames were resized to {args.size}: training gives other numbers than from the folder')
