"""Train a config: ``python tools/train.py configs/fe_adapter_vitb_dfew.py --data-root /data/DFEW --fold 1``."""
import argparse
import os

from mmengine.config import DictAction


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--data-root', help="folder of the data set, instead of the config's")
    parser.add_argument('--fold', type=int, help='fold to train and evaluate, for sets that have folds')
    parser.add_argument('--image-checkpoint', help='image ViT for the frozen backbone (.pth or .safetensors)')
    parser.add_argument('--work-dir', help='where logs and checkpoints go [work_dirs/<config>/fold_<n>]')
    parser.add_argument('--resume', nargs='?', const='auto', help="go on from a checkpoint, or from the work dir's last")
    parser.add_argument('--skip-bad-clips', action='store_true', help='train past unreadable clips and report them')
    parser.add_argument('--amp', action='store_true', help='mixed precision (CUDA)')
    parser.add_argument('--seed', type=int, help='seed of the run')
    parser.add_argument('--deterministic', action='store_true', help='deterministic kernels')
    parser.add_argument('--name', help="the run's name in tables [the config's]")
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
    from mmdfer.apis.running import train
    cfg = config.load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    config.set_data(cfg, args.data_root, args.fold, args.skip_bad_clips)
    config.set_work_dir(cfg, args.config, args.work_dir)
    config.set_image_checkpoint(cfg, args.image_checkpoint)
    config.set_resume(cfg, args.resume)
    if args.amp:
        config.use_amp(cfg)
    if args.seed is not None:
        cfg.randomness.seed = args.seed
    if args.deterministic:
        cfg.randomness.deterministic = True
    train(cfg, args.name)


if __name__ == '__main__':
    from mmdfer.apis.cli import run_tool
    run_tool(main)
