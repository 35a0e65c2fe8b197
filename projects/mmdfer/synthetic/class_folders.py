"""Some classes of a synthetic set as class folders, for :class:`~mmdfer.datasets.VideoFolderDataset`."""
from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from .action_units import CLASSES
from .writer import ALL_FRAMES

FOLDER = 'by_class'


def write_class_folders(root: Path, names: Sequence[str]) -> int:
    """Link all clips of these classes as ``by_class/test/<class>/<clip>``; links of an earlier call are replaced.

    Args:
        root: the set's folder, made by :func:`~mmdfer.synthetic.make_dataset`.
        names: class names.

    Returns:
        Number of clips.

    Raises:
        ValueError: for a class that does not exist.
    """
    unknown = [name for name in names if name not in CLASSES]
    if unknown or not names:
        raise ValueError(f'class folders of {", ".join(unknown) or "no class"}: choose from {", ".join(CLASSES)}')
    folder = root / FOLDER / 'test'
    for link in folder.glob('*/*'):
        link.unlink()
    for old in folder.glob('*'):
        old.rmdir()
    with open(root / 'clips.jsonl', encoding='utf-8') as file:
        notes = [note for note in map(json.loads, file) if note['stream'] == 'clip' and note['name'] in names]
    for note in notes:
        link = folder / note['name'] / f'{note["id"]:05d}'
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(root / ALL_FRAMES / link.name, link.parent), target_is_directory=True)
    return len(notes)
