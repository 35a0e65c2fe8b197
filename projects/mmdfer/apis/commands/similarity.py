"""What a FineCLIPER model goes by: ``mmdfer similarity finecliper_vitb16_dfew CHECKPOINT``.

One pass over the test set gives ``similarity.png``, the cosine of each class's clips with its positive and its negative
text, ``weights.png``, what each modality weighs, ``modalities.md``, UAR and WAR with all modalities and without each,
``maps.png``, frames above their maps, and ``similarity.npz``.
"""
from __future__ import annotations

import argparse

from .. import options

HELP = 'what a FineCLIPER model goes by: texts, modalities, maps'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help=f'{options.CONFIG_HELP}; the one that the checkpoint was trained with')
    parser.add_argument('checkpoint', help=options.CHECKPOINT_HELP)
    options.add_run_options(parser)
    parser.add_argument('--out', help='folder of the pictures [<work dir>/similarity]')
    parser.add_argument('--clips', type=int, default=7, help='clips whose frames and maps are drawn [7]')
    parser.add_argument('--title', help='line above the pictures')


def run(args: argparse.Namespace) -> None:
    from ..similarity import draw_similarity
    cfg = options.run_config(args)
    out = args.out or f'{cfg.work_dir}/similarity'
    written = draw_similarity(cfg, args.checkpoint, out, args.clips, args.title)
    print(f'{", ".join(written)} are in {out}')
