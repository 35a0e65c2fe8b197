"""Caption the clips of a set, or a user's own videos, by Video-LLaVA: how the features of the face move.

Example::

    mmdfer captions dfew data/DFEW --model models/Video-LLaVA-7B-hf --device cuda
    mmdfer captions mafw data/MAFW --source lists

The captions go to ``captions.jsonl`` in the set's folder, where ``LoadCaption`` finds them. A run that was stopped
goes on when it is started again.
"""
from __future__ import annotations

import argparse

from .. import options

HELP = 'caption clips'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('set', help=f'{options.SET_HELP}; folder: a video, a folder of frames, or a folder of either')
    parser.add_argument('root', help="the set's folder, or the path of the clips")
    parser.add_argument(
        '--source', choices=('video_llava', 'lists', 'mafw'), default='video_llava',
        help="where the captions come from: a model, or the set's own lists (lists, mafw) [video_llava]")
    parser.add_argument('--model', help='folder of a Video-LLaVA, or its name on the hub')
    parser.add_argument('--out', help="file of the captions [captions.jsonl in the set's folder]")
    parser.add_argument('--frames', help="folder of frame folders or videos below the root [the set's usual one]")
    parser.add_argument('--batch-size', type=int, default=4, help='clips at a time [4]')
    parser.add_argument('--max-new-tokens', type=int, default=120, help='the most tokens of a caption [120]')
    parser.add_argument('--device', default='cpu', help='device of the model [cpu]')
    parser.add_argument('--limit', type=int, help='caption that many clips at most, to look at them first')
    parser.add_argument('--overwrite', action='store_true', help='replace captions of another model or prompt')


def check(args: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        ValueError: naming the option.
    """
    if args.source != 'video_llava' and args.set == 'folder':
        raise ValueError(f'--source {args.source}: a folder has no lists; give a data set')
    if args.source == 'video_llava' and not args.model:
        raise ValueError('give the folder of a Video-LLaVA, or its name on the hub, by --model')
    for name in ('batch_size', 'max_new_tokens', 'limit'):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f'--{name.replace("_", "-")} {value}: give 1 or more')


def run(args: argparse.Namespace) -> None:
    check(args)
    from ...preparation import captions, set_clips
    from ...preparation.choosing import choose_set
    out = captions.captions_path(args.root, args.out)
    chosen = None if args.set == 'folder' else choose_set(args.set)
    if args.source != 'video_llava':
        captions.list_captions(chosen.kind, args.root, out, args.frames, **chosen.options)
        return
    if chosen is None:
        clips, _ = set_clips.folder_clips(args.root)
    else:
        clips, _ = set_clips.set_clips(chosen.kind, args.root, args.frames, **chosen.options)
    model = captions.load_model(args.model, args.device, args.max_new_tokens)
    captions.caption_clips(clips, out, model, args.batch_size, args.limit, args.overwrite)
