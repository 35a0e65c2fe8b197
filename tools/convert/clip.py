"""Convert a CLIP model of OpenAI, open_clip, transformers or Long-CLIP to safetensors under the names used here.

``python tools/convert/clip.py ViT-B-16.pt clip_vitb16.safetensors``; a folder of transformers or open_clip will do.
"""
import argparse

from mmdfer.apis import options
from mmdfer.apis.cli import run_tool
from mmdfer.apis.convert_clip import convert_clip


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_convert_options(parser, 'torch, TorchScript or safetensors file, or a folder')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    options.apply_trust(args)
    convert_clip(args.source, args.target, args.force)


if __name__ == '__main__':
    run_tool(main)
