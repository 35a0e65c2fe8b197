"""Which column of a list is what: by its header, in the words that circulate, or by the form of its first line."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..errors import DatasetError

# Words for a column, the most usual first; of several that are there, the first is read.
CLIP_COLUMNS = ('video_name', 'video', 'clip', 'clip_name', 'path', 'video_path', 'clip_path', 'file_path', 'filepath',
                'filename', 'file_name', 'file', 'name', 'frame_dir', 'folder', 'video_id', 'clip_id', 'vid')
LABEL_COLUMNS = ('label', 'labels', 'label_id', 'class', 'class_id', 'emotion', 'expression', 'category', 'target')
EITHER = 'id'           # the label beside a column of clips (``path,id``), the clip beside one of labels (``id,label``)
FRAME_COLUMNS = ('frames', 'num_frames', 'frame_num', 'n_frames', 'total_frames', 'frame_count')
CAPTION_COLUMNS = ('caption_zh', 'caption')
# What the values of a line without header are, by their number.
FORMS: Mapping[int, tuple[str, ...]] = MappingProxyType({
    2: ('clip', 'label'), 3: ('clip', 'frames', 'label'), 4: ('clip', 'label', 'caption_zh', 'caption')})


def column_name(cell: str) -> str:
    """A header's cell as it is compared: ``Video Name`` is ``video_name``."""
    return re.sub(r'[\s-]+', '_', cell.strip().lower())


def is_header(cells: Sequence[str]) -> bool:
    """Whether a list's first line names its columns."""
    names = {column_name(cell) for cell in cells}
    if names & {CLIP_COLUMNS[0], *LABEL_COLUMNS[:2]}:
        return True
    clips, labels = names.intersection(CLIP_COLUMNS), names.intersection(LABEL_COLUMNS)
    return bool(clips and labels) or EITHER in names and bool(clips or labels)


def find_columns(path: str, columns: Sequence[str], line: int = 1) -> dict[str, int]:
    """The places of the columns that are read: ``clip``, ``label``, and perhaps ``frames`` and captions.

    Raises:
        DatasetError: where one of the first two is missing or there twice.
    """
    names = [column_name(name) for name in columns]
    has = {field: bool(set(names) & set(words)) for field, words in (('clip', CLIP_COLUMNS), ('label', LABEL_COLUMNS))}
    places = {}
    for field, other, words in (('clip', 'label', CLIP_COLUMNS), ('label', 'clip', LABEL_COLUMNS)):
        known = (*words, EITHER) if has[other] else words
        name = next((word for word in known if word in names), None)
        if name is None:
            told = ','.join(columns)[:200]
            raise DatasetError(f'{path}:{line}: has no column {words[0]!r} (its header is {told!r}); '
                               "expected the header 'video_name,label'")
        if names.count(name) > 1:
            raise DatasetError(f'{path}:{line}: names the column {name!r} {names.count(name)} times; which of them is '
                               'meant cannot be told: keep one')
        places[field] = names.index(name)
    places.update((name, names.index(name)) for name in CAPTION_COLUMNS if name in names)
    frames = next((name for name in FRAME_COLUMNS if name in names), None)
    return places if frames is None else dict(places, frames=names.index(frames))
