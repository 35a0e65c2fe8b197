"""Convert an image ViT of timm, MAE, DeiT, DINO, transformers or mmpretrain to safetensors under mmpretrain's names.

``python tools/convert/vit.py mae_pretrain_vit_base.pth mae_vitb.safetensors``
"""
import argparse

from mmdfer.apis import options
from mmdfer.apis.cli import run_tool
from mmdfer.apis.convert import convert_vit


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_convert_options(parser, 'torch or safetensors file')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    options.apply_trust(args)
    convert_vit(args.source, args.target, args.force)


if __name__ == '__main__':
    run_tool(main)
