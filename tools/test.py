"""Evaluate a checkpoint: ``python tools/test.py configs/fe_adapter_vitb_dfew.py CHECKPOINT --fold 1``."""
import argparse
import os

from mmengine.config import DictAction


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='full checkpoint (.pth), or the tunable part alone (.safetensors)')
    parser.add_argument('--data-root', help="folder of the data set, instead of the config's")
    parser.add_argument('--fold', type=int, help='fold to evaluate, for sets that have folds')
    parser.add_argument('--image-checkpoint', help='image ViT of the frozen backbone; needed with a tunable file')
    parser.add_argument('--work-dir', help='where logs go [work_dirs/<config>/fold_<n>]')
    parser.add_argument('--out', help='folder for metrics.json and confusion.png [<work dir>/test]')
    parser.add_argument('--trust-checkpoint', action='store_true', help='read torch files that run code; know the source')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='config entries, as key=value')
    parser.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.trust_checkpoint:
        os.environ['MMDFER_TRUST_CHECKPOINTS'] = '1'
    from mmdfer.apis import config
    from mmdfer.apis.running import test
    cfg = config.load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    config.set_data(cfg, args.data_root, args.fold)
    config.set_work_dir(cfg, args.config, args.work_dir)
    config.set_image_checkpoint(cfg, args.image_checkpoint)
    test(cfg, args.checkpoint, args.out)


if __name__ == '__main__':
    from mmdfer.apis.cli import run_tool
    run_tool(main)
