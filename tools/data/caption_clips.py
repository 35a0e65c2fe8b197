"""Caption the clips of a set, or a user's own videos, by Video-LLaVA: how the features of the face move.

Example::

    python tools/data/caption_clips.py dfew data/DFEW --model models/Video-LLaVA-7B-hf --device cuda
    python tools/data/caption_clips.py mafw data/MAFW --source mafw

The captions go to ``captions.jsonl`` in the set's folder, where ``LoadCaption`` finds them. A run that was stopped
goes on when it is started again.
"""
import argparse

from mmdfer.preparation import captions, set_clips as face_clips
from mmdfer.apis.cli import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('set', choices=(*face_clips.SETS, 'folder'),
                        help='data set; folder: a video, a folder of frames, or a folder of either')
    parser.add_argument('root', help="the set's folder, or the path of the clips")
    parser.add_argument('--source', choices=('video_llava', 'mafw'), default='video_llava',
                        help="what writes the captions; mafw: MAFW's own lists [video_llava]")
    parser.add_argument('--model', help='folder of a Video-LLaVA, or its name on the hub')
    parser.add_argument('--out', help="file of the captions [captions.jsonl in the set's folder]")
    parser.add_argument('--frames', help="folder of frame folders or videos below the root [the set's usual one]")
    parser.add_argument('--batch-size', type=int, default=4, help='clips at a time [4]')
    parser.add_argument('--max-new-tokens', type=int, default=120, help='the most tokens of a caption [120]')
    parser.add_argument('--device', default='cpu', help='device of the model [cpu]')
    parser.add_argument('--limit', type=int, help='caption that many clips at most, to look at them first')
    parser.add_argument('--overwrite', action='store_true', help='replace captions of another model or prompt')
    args = parser.parse_args()
    if args.source == 'mafw' and args.set != 'mafw':
        parser.error('--source mafw: only the set mafw has captions of its own')
    if args.source == 'video_llava' and not args.model:
        parser.error('give the folder of a Video-LLaVA, or its name on the hub, by --model')
    for name in ('batch_size', 'max_new_tokens', 'limit'):
        value = getattr(args, name)
        if value is not None and value < 1:
            parser.error(f'--{name.replace("_", "-")} {value}: give 1 or more')
    return args


def main() -> None:
    args = parse_args()
    out = captions.captions_path(args.root, args.out)
    if args.source == 'mafw':
        captions.mafw_captions(args.root, out, args.frames)
        return
    if args.set == 'folder':
        clips, _ = face_clips.folder_clips(args.root)
    else:
        clips, _ = face_clips.set_clips(args.set, args.root, args.frames)
    model = captions.load_model(args.model, args.device, args.max_new_tokens)
    captions.caption_clips(clips, out, model, args.batch_size, args.limit, args.overwrite)


if __name__ == '__main__':
    run_tool(main)
