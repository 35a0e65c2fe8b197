"""Train a config: ``python tools/train.py configs/fe_adapter_vitb_dfew.py --data-root /data/DFEW --fold 1``."""
import argparse

from mmdfer.apis import config, options
from mmdfer.apis.cli import run_tool
from mmdfer.apis.running import train


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    options.add_run_options(parser)
    parser.add_argument('--resume', nargs='?', const='auto', help="go on from a checkpoint, or from the work dir's last")
    parser.add_argument('--skip-bad-clips', action='store_true', help='train past unreadable clips and report them')
    parser.add_argument('--amp', action='store_true', help='mixed precision (CUDA)')
    parser.add_argument('--fsdp', action='store_true', help='spread every weight over the processes (large backbones)')
    parser.add_argument('--seed', type=int, help='seed of the run')
    parser.add_argument('--deterministic', action='store_true', help='deterministic kernels')
    parser.add_argument('--name', help="the run's name in tables [the config's]")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = options.run_config(args, args.skip_bad_clips)
    config.set_resume(cfg, args.resume)
    config.set_randomness(cfg, args.seed, args.deterministic)
    if args.amp:
        config.use_amp(cfg)
    if args.fsdp or cfg.get('strategy'):
        config.use_fsdp(cfg)
    train(cfg, args.name)


if __name__ == '__main__':
    run_tool(main)
