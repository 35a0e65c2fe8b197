"""Find the faces of a set's clips, or of a user's own videos, and keep their landmarks and parsing beside the frames.

Example::

    mmdfer faces dfew data/DFEW --what landmarks parsing
    mmdfer faces folder my_videos/
    mmdfer faces dfew data/DFEW --finder FaceXFormer checkout=facexformer/ weights=model.pt python=ENV/bin/python

The maps of ``Clip/clip_224x224/00001`` go to ``Clip/clip_224x224_faces/00001.npz``, where ``LoadFaceMaps`` finds them.
A run that was stopped goes on when it is started again.
"""
from __future__ import annotations

import argparse
import ast
import os
from collections.abc import Sequence

from .. import options

HELP = 'find faces, landmarks and face parts in clips'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('set', help=f'{options.SET_HELP}; folder: a video, a folder of frames, or a folder of either')
    parser.add_argument('root', help="the set's folder, or the path of the clips")
    parser.add_argument(
        '--what', nargs='+', choices=('landmarks', 'parsing', 'mesh', 'crops'), default=['landmarks', 'parsing'],
        help='what to keep; crops: aligned faces, as folders of frames beside the maps, in a folder '
        'with _crops at its name [landmarks parsing]')
    parser.add_argument('--frames', help="folder of frame folders or videos below the root [the set's usual one]")
    parser.add_argument('--out', help="folder of the maps [the clips' folder with _faces at its name]")
    parser.add_argument('--finder', nargs='+', metavar=('NAME', 'KEY=VALUE'),
                        help='what finds faces, or MODULE.CLASS of your own, with its settings [MediaPipeFaces]')
    parser.add_argument(
        '--parser', nargs='+', metavar=('NAME', 'KEY=VALUE'),
        help='what parses faces, likewise, or the folder of a SegFormer face parser [painted from the mesh]')
    parser.add_argument('--facexformer', help="folder of FaceXFormer's outputs, <clip>.npz, to import")
    parser.add_argument('--device', default='cpu', help='device of finder and parser [cpu]')
    parser.add_argument('--workers', type=int, help='processes [as many as cores]')
    parser.add_argument('--overwrite', action='store_true', help='replace maps of another version or backend')


def run(args: argparse.Namespace) -> None:
    from ...preparation import set_clips
    from ...preparation.choosing import choose_set
    from ...preparation.face_task import Task
    from ...preparation.faces import extract_faces
    if args.finder and args.facexformer:
        raise ValueError('--facexformer: is a finder of its own; give it or --finder, not both')
    what = [kind for kind in args.what if kind != 'crops'] or ['landmarks']
    finder = dict(type='FaceXFormerOutputs', folder=args.facexformer) if args.facexformer else part(
        '--finder', args.finder or ['MediaPipeFaces'])
    parser = args.parser and part('--parser', args.parser)
    if parser and os.path.isdir(parser['type']):
        parser = dict(parser, type='SegFormerParser', folder=parser['type'])
    task = Task(what, finder, parser, args.device, crops='crops' in args.what)
    if args.set == 'folder':
        clips, out = set_clips.folder_clips(args.root, args.out)
    else:
        chosen = choose_set(args.set)
        clips, out = set_clips.set_clips(chosen.kind, args.root, args.frames, args.out, **chosen.options)
    extract_faces(clips, out, task, args.workers, args.overwrite)


def part(option: str, words: Sequence[str]) -> dict:
    """``NAME KEY=VALUE ...`` as settings; a value is a Python literal where it can be read as one.

    Raises:
        ValueError: for a setting without a value.
    """
    name, *settings = words
    pairs = [word.partition('=') for word in settings]
    wrong = [word for word, (_, equals, _) in zip(settings, pairs) if not equals]
    if wrong:
        raise ValueError(f'{option} {name} {wrong[0]}: expected KEY=VALUE')
    return dict(type=name, **{key: _literal(value) for key, _, value in pairs})


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
