"""Convert an image ViT of timm, MAE, DeiT, DINO, transformers or mmpretrain: ``mmdfer convert vit``."""
import sys

from mmdfer.apis.cli import run_command

if __name__ == '__main__':
    run_command('convert', ['vit', *sys.argv[1:]])
