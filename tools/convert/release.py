"""Convert a released checkpoint so that a config of configs/baselines gives its logits.

``python tools/convert/release.py aim aim_vitb16_k400.pth aim.safetensors`` prints the test command that fits it.
OpenAI's CLIP and Long-CLIP give both towers, for --image-checkpoint.
"""
import argparse
import os

from mmdfer.apis.cli import run_tool
from mmdfer.apis.convert_release import KINDS, convert_release
from mmdfer.apis.options import TRUST_VARIABLE


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=KINDS, help='whose release it is')
    parser.add_argument('source', metavar='IN', help='the released file')
    parser.add_argument('target', metavar='OUT', help='file to write, ending in .safetensors')
    parser.add_argument('--dataset', default='dfew', help="set whose class names DFER-CLIP's texts get [dfew]")
    parser.add_argument('--force', action='store_true', help='write over existing files')
    parser.add_argument('--trust-checkpoint', action='store_true', help='read torch files that run code')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.trust_checkpoint:
        os.environ[TRUST_VARIABLE] = '1'
    convert_release(args.kind, args.source, args.target, args.force, args.dataset)


if __name__ == '__main__':
    run_tool(main)
