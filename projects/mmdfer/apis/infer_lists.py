"""An unlabelled list of clips, each recognised as a whole, as one table."""
from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..datasets import BadClipError
from ..datasets.lists.texts import read_text
from ..files import write_text
from .inference import DFERInferencer

WHOLE = 1e6  # seconds: a window that is longer than any clip
SAVED_EVERY = 50  # clips


def infer_list(
    inferencer: DFERInferencer,
    file: str,
    out: str,
    root: str = '',
    region: str = 'frame',
    fps: float = 25.0,
    overwrite: bool = True,
) -> int:
    """Recognise an unlabelled list of clips as wholes; a CSV with a row a clip.

    Args:
        file: a path a line, of a video or folder of frames.
        out: the CSV: clip, label, a column a class; label and columns are empty where nobody is seen.
        root: folder that the paths lie below.
        region: as in the inferencer's call; sets' clips are face crops, ``'frame'``.
        fps: of folders of frames.
        overwrite: do again what the CSV holds already.

    Returns:
        Number of clips in the CSV.

    Raises:
        DatasetError: for a file that is missing or no text.
        ValueError: for an empty list, or (without ``overwrite``) a CSV of other classes.
        BadClipError: for clips that cannot be read, by their lines, after all others are done.
        KeyboardInterrupt: after what was done so far is written.
    """
    lines = re.split('\r\n|\n|\r', read_text(file)[0])
    listed = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not listed:
        raise ValueError(f'{file}: lists no clip; expected a path a line')
    header = ['clip', 'label', *inferencer.classes]
    done = {} if overwrite else _read(out, header)
    rows, bad = {line: done[line] for _, line in listed if line in done}, []

    def save() -> None:
        write_text(_csv([header, *(rows[line] for _, line in listed if line in rows)]), out)

    save()  # a place that cannot be written to is told at once
    try:
        for number, line in listed:
            if line in rows:
                continue
            path = os.fspath(Path(root) / line)
            try:
                result = inferencer(path, window=WHOLE, stride=WHOLE, region=region, fps=fps)
            except BadClipError as error:
                bad.append(f'{file}:{number}: {error}')
                continue
            if not result['complete']:
                raise KeyboardInterrupt
            clip = result['clip'] or dict(label='', probabilities=[''] * len(inferencer.classes))
            rows[line] = [line, clip['label'], *clip['probabilities']]
            if len(rows) % SAVED_EVERY == 0:
                save()
    finally:
        save()
    if bad:
        raise BadClipError(f'{len(bad)} of {len(listed)} clips could not be read, {out} holds the others: '
                           f'{"; ".join(bad)}')
    return sum(line in rows for _, line in listed)


def _read(path: str, header: Sequence[str]) -> dict[str, list[str]]:
    """Rows of a table that is there, by their clips."""
    if not os.path.isfile(path):
        return {}
    found = list(csv.reader(io.StringIO(read_text(path)[0])))
    if not found or found[0] != list(header):
        raise ValueError(f'{path}: its columns are not {", ".join(header)}: it is of another model; give another name '
                         'or remove it')
    return {row[0]: row for row in found[1:] if len(row) == len(header)}


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerows(rows)
    return text.getvalue()
