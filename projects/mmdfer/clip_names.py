"""What the names of clips, frames and videos have in common, in lists, folders and files of captions."""
from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

FRAME_SUFFIXES = ('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.bmp', '.webp', '.tif', '.tiff')
VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.wmv', '.mpg', '.mpeg', '.flv', '.f4v', '.3gp',
                  '.3g2',
                  '.ts', '.mts', '.m2ts', '.vob', '.ogv', '.asf', '.divx', '.mxf')
# Pictures and videos that no reader here reads.
UNREAD_SUFFIXES = ('.gif', '.heic', '.heif', '.avif', '.jxl', '.jp2', '.psd', '.svg', '.raw', '.dng', '.cr2', '.cr3',
                   '.nef',
                   '.arw', '.swf', '.rm', '.rmvb', '.braw', '.r3d', '.bik')
# What systems put into folders beside what the user has there; hidden names are so too.
_SYSTEM_NAMES = ('thumbs.db', 'ehthumbs.db', 'desktop.ini', 'icon\r', '__macosx', '@eadir', 'lost+found',
                 '$recycle.bin',
                 'system volume information')


def is_foreign(name: str) -> bool:
    """Whether a file or folder of this name is a system's or a program's own, and no part of any data."""
    return name.startswith('.') or name.lower() in _SYSTEM_NAMES


def entries_of(folder: str | os.PathLike[str]) -> Iterator[os.DirEntry]:
    """What a folder holds, but for what is a system's own."""
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not is_foreign(entry.name))


def is_folder(entry: os.DirEntry) -> bool:
    """Whether an entry is a folder; a link that leads nowhere, or to itself, is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_frame(entry: os.DirEntry) -> bool:
    """Whether an entry is a picture by its name; a folder named like one is none."""
    return entry.name.lower().endswith(FRAME_SUFFIXES) and not is_folder(entry)


def is_video(entry: os.DirEntry) -> bool:
    """Whether an entry is a video by its name; a folder named like one is none."""
    return entry.name.lower().endswith(VIDEO_SUFFIXES) and not is_folder(entry)


def is_clip(entry: os.DirEntry) -> bool:
    """Whether an entry may be a clip: a video, or a folder of frames, whose name is not a frame's."""
    return not entry.name.lower().endswith(FRAME_SUFFIXES) if is_folder(entry) else is_video(entry)


def is_unread(entry: os.DirEntry) -> bool:
    """Whether an entry is a picture or a video of a kind that is not read."""
    return entry.name.lower().endswith(UNREAD_SUFFIXES) and not is_folder(entry)


def clip_stem(name: str) -> str:
    """A clip's name without a video's suffix."""
    if '.' not in name:
        return name
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in VIDEO_SUFFIXES else name


@lru_cache(maxsize=1 << 16)          # folders and numbers come again in every list
def clip_key(name: str) -> str:
    """What a listed clip and its folder or file share: no suffix, no leading zeros of a number, and letters with marks
    in their composed form, which some systems take apart when they write a name."""
    stem = clip_stem(name)
    if not stem.isascii():
        return unicodedata.normalize('NFC', stem)
    return stem.lstrip('0') or '0' if stem.isdigit() else stem


def path_parts(path: str) -> list[str]:
    """The parts of a clip's path as a list has it, with slashes or, from Windows, backslashes."""
    parts = [part for part in path.replace('\\', '/').split('/') if part not in ('', '.')]
    return parts or [path]


def clip_path_key(path: str) -> str:
    """:func:`clip_key` of each part of a clip's path below its set, such as ``Action/Happy/0267``, on any system."""
    return '/'.join(clip_key(part) for part in path.replace('\\', '/').strip('/').split('/'))
