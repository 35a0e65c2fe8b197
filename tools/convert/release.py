"""Convert a released checkpoint so that a config of configs/baselines gives its logits.

``python tools/convert/release.py aim aim_vitb16_k400.pth aim.safetensors`` prints the test command that fits it.
OpenAI's CLIP and Long-CLIP give both towers, for --image-checkpoint.
"""
import argparse

from mmdfer.apis import options
from mmdfer.apis.cli import run_tool
from mmdfer.apis.convert_release import KINDS, convert_release


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=KINDS, help='whose release it is')
    options.add_convert_options(parser, 'the released file')
    parser.add_argument('--dataset', default='dfew', help="set whose class names DFER-CLIP's texts get [dfew]")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    options.apply_trust(args)
    convert_release(args.kind, args.source, args.target, args.force, args.dataset)


if __name__ == '__main__':
    run_tool(main)
