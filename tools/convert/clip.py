"""Convert a CLIP model of OpenAI, open_clip, transformers or Long-CLIP to safetensors under the names used here.

``python tools/convert/clip.py ViT-B-16.pt clip_vitb16.safetensors``; a folder of transformers or open_clip will do, too.
"""
import argparse
import os

from mmdfer.apis.cli import run_tool
from mmdfer.apis.convert_clip import convert_clip
from mmdfer.apis.options import TRUST_VARIABLE


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', metavar='IN', help='torch, TorchScript or safetensors file, or a folder')
    parser.add_argument('target', metavar='OUT', help='file to write, ending in .safetensors')
    parser.add_argument('--force', action='store_true', help='write over an existing file')
    parser.add_argument('--trust-checkpoint', action='store_true', help='read torch files that run code')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.trust_checkpoint:
        os.environ[TRUST_VARIABLE] = '1'
    convert_clip(args.source, args.target, args.force)


if __name__ == '__main__':
    run_tool(main)
