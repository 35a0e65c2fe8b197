"""What a FineCLIPER model goes by: ``python tools/analysis/plot_similarity.py configs/finecliper_vitb16_dfew.py CHECKPOINT``.

One pass over the test set gives ``similarity.png``, the cosine of each class's clips with its positive and its negative
text, ``weights.png``, what each modality weighs, ``modalities.md``, UAR and WAR with all modalities and without each,
``maps.png``, frames above their maps, and ``similarity.npz``.
"""
import argparse

from mmdfer.apis import options
from mmdfer.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config that the checkpoint was trained with')
    parser.add_argument('checkpoint', help=options.CHECKPOINT_HELP)
    options.add_run_options(parser)
    parser.add_argument('--out', help='folder of the pictures [<work dir>/similarity]')
    parser.add_argument('--clips', type=int, default=7, help='clips whose frames and maps are drawn [7]')
    parser.add_argument('--title', help='line above the pictures')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmdfer.apis.similarity import draw_similarity
    cfg = options.run_config(args)
    out = args.out or f'{cfg.work_dir}/similarity'
    written = draw_similarity(cfg, args.checkpoint, out, args.clips, args.title)
    print(f'{", ".join(written)} are in {out}')


if __name__ == '__main__':
    run_tool(main)
