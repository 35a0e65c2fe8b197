"""What the names of a clip in lists, folders and files of captions have in common."""
from __future__ import annotations

import os

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm')


def clip_stem(name: str) -> str:
    """A clip's name without a video's suffix."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in VIDEO_SUFFIXES else name


def clip_key(name: str) -> str:
    """What a listed clip and its folder or file share: no suffix, and no leading zeros of a number."""
    stem = clip_stem(name)
    return str(int(stem)) if stem.isdigit() else stem


def clip_path_key(path: str) -> str:
    """:func:`clip_key` of each part of a clip's path below its set, such as ``Action/Happy/0267``."""
    return '/'.join(clip_key(part) for part in path.strip('/').split('/'))
