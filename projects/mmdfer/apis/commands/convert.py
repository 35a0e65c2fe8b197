"""Convert weights to safetensors files under the names used here.

``mmdfer convert vit mae_pretrain_vit_base.pth mae_vitb.safetensors``: an image ViT of timm, MAE, DeiT, DINO,
transformers or mmpretrain.
``mmdfer convert clip ViT-B-16.pt clip_vitb16.safetensors``: a CLIP model of OpenAI, open_clip, transformers or
Long-CLIP; a folder of transformers or open_clip will do.
``mmdfer convert release aim aim_vitb16_k400.pth aim.safetensors``: a released checkpoint, so that a config gives its
logits; prints the next command, which fits it. OpenAI's CLIP and Long-CLIP give both towers,
for ``--image-checkpoint``.
"""
from __future__ import annotations

import argparse

from ...names import check_name
from .. import options

HELP = 'convert weights of other projects'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest='what', required=True, metavar='{vit,clip,release}')
    vit = kinds.add_parser('vit', help='an image ViT')
    options.add_convert_options(vit, 'torch or safetensors file')
    clip = kinds.add_parser('clip', help='a CLIP model')
    options.add_convert_options(clip, 'torch, TorchScript or safetensors file, or a folder')
    release = kinds.add_parser('release', help='a released checkpoint')
    release.add_argument('kind', help='whose release it is: aim, dfer_clip, longclip, openai_clip, pe_clip, '
                         'st_adapter, or a system of configs/neighbours')
    options.add_convert_options(release, 'the released file')
    release.add_argument('--dataset', help='set that it was trained on [of models with texts: dfew]')
    release.add_argument('--class-order', help="order of its classes, by its name for the set's lists [the release's]")


def run(args: argparse.Namespace) -> None:
    options.apply_reading_options(args)
    if args.what == 'vit':
        from ..convert import convert_vit
        convert_vit(args.source, args.target, args.force)
    elif args.what == 'clip':
        from ..convert_clip import convert_clip
        convert_clip(args.source, args.target, args.force)
    else:
        from ..convert_release import KINDS, convert_release
        check_name('kind of release', args.kind, KINDS)
        convert_release(args.kind, args.source, args.target, args.force, args.dataset, args.class_order)
