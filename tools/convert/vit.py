"""Convert an image ViT of timm, MAE, DeiT, DINO, transformers or mmpretrain to safetensors under mmpretrain's names.

``python tools/convert/vit.py mae_pretrain_vit_base.pth mae_vitb.safetensors``
"""
import argparse
import os

from mmdfer.apis.cli import run_tool
from mmdfer.apis.convert import convert_vit
from mmdfer.apis.options import TRUST_VARIABLE


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', metavar='IN', help='torch or safetensors file')
    parser.add_argument('target', metavar='OUT', help='file to write, ending in .safetensors')
    parser.add_argument('--force', action='store_true', help='write over an existing file')
    parser.add_argument('--trust-checkpoint', action='store_true', help='read torch files that run code')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.trust_checkpoint:
        os.environ[TRUST_VARIABLE] = '1'
    convert_vit(args.source, args.target, args.force)


if __name__ == '__main__':
    run_tool(main)
