"""Reading a list of clips, whatever wrote it: its encoding, line ends, separator and header."""
from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from ...clip_names import VIDEO_SUFFIXES
from ..errors import DatasetError
from .columns import CAPTION_COLUMNS, FORMS, find_columns, is_header
from .texts import read_text, refuse_lines, shown, whole_number

SEPARATORS = dict(comma=',', semicolon=';')


@dataclass(frozen=True)
class ListRow:
    """One line: its number, the clip as written, the label as written, and captions where the list has them."""
    line: int
    clip: str
    label: str
    caption_zh: str = ''
    caption: str = ''


@dataclass(frozen=True)
class ListFile:
    """The rows of a list and how they are written; ``columns`` are of :data:`FORMS` or of the header."""
    path: str
    rows: list[ListRow]
    columns: tuple[str, ...]
    encoding: str
    line_ends: str
    separator: str
    has_header: bool
    counts_frames: bool = False
    """Whether it is of the kind ``folder frames label``."""

    @property
    def form(self) -> str:
        """How the file is written, in words."""
        header = 'with header' if self.has_header else 'no header'
        return f'{" ".join(self.columns)} separated by {self.separator}s, {header}, {self.encoding}, {self.line_ends}'

    def __str__(self) -> str:
        return f'{len(self.rows)} clips, {self.form}'


def read_list_file(path: str) -> ListFile:
    """Read a list of clips and labels.

    It may be comma, semicolon, tab or space separated, with or without a header, UTF-8, GBK or UTF-16, with any mix of
    line ends, and hold ``clip label``, ``folder frames label`` or ``clip label Chinese English`` (the captions).
    A count of frames is passed over: it often differs from the disk. Lines without a value are no rows.

    Raises:
        DatasetError: for a file that is missing or no text, or a header without a column for clips or labels.
        ListError: naming the lines that are unlike the others.
    """
    text, encoding, line_ends = read_text(path)
    lines = [(number, line.strip(' \ufeff')) for number, line in enumerate(re.split('\r\n|\n|\r', text), 1)
             if line.strip(' \t,;\ufeff"')]
    separator = _separator(lines[0][1] if lines else '')
    columns, has_header = _columns(path, lines, separator)
    places = find_columns(path, columns, lines[0][0] if lines else 1)
    rows, problems = [], []
    for number, line in lines[has_header:]:
        try:
            rows.append(_row(number, line, separator, columns, places, has_header))
        except ValueError as error:
            problems.append((number, str(error)))
    refuse_lines(path, problems)
    return ListFile(path, rows, columns, encoding, line_ends, separator, has_header, 'frames' in places)


def _row(number: int, line: str, separator: str, columns: tuple[str, ...], places: dict[str, int],
         has_header: bool) -> ListRow:
    """A line's values.

    Raises:
        ValueError: saying what is wrong with the line.
    """
    cells = _split(line, separator, None if has_header else len(columns))
    while len(cells) > len(columns) and not cells[-1]:           # programs end a line with a separator
        cells.pop()
    expected = f'expected {len(columns)} ({",".join(columns)})'
    if len(cells) != len(columns):
        raise ValueError(f'has {len(cells)} values; {expected}')
    if not cells[places['clip']] or not cells[places['label']]:
        raise ValueError(f'a value is missing; expected {",".join(columns)}')
    words = cells[0].split()
    if 'frames' in places and not has_header and whole_number(cells[places['frames']]) is None:
        raise ValueError(f'frames={shown(cells[places["frames"]])} is no number; expected {" ".join(columns)}')
    if separator == 'space' and len(columns) == 2 and not has_header and whole_number(words[-1]) is not None and words[
            1:]:
        raise ValueError(f'has {len(words) + 1} values; {expected}, as in the lines before')
    return ListRow(number, cells[places['clip']], cells[places['label']],
                   **{name: cells[places[name]] for name in CAPTION_COLUMNS if name in places})


def _separator(line: str) -> str:
    if '\t' in line:
        return 'tab'
    if line.split()[:1] and line.split()[0].lower().endswith(VIDEO_SUFFIXES):
        return 'space'                                          # captions have commas, too
    return next((name for name, sign in SEPARATORS.items() if sign in line), 'space')


def _split(line: str, separator: str, count: int | None = None) -> list[str]:
    """The values of a line. A clip's folder may hold spaces; captions end the line and may too.

    Raises:
        ValueError: for quotes that are not closed.
    """
    if separator == 'tab':
        return [cell.strip().removeprefix('"').removesuffix('"') if cell.strip().count('"') == 2 else cell.strip()
                for cell in line.split('\t')]
    if separator in SEPARATORS:
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=SEPARATORS[separator],
                                                             skipinitialspace=True, strict=True))]
        except csv.Error as error:
            raise ValueError(f'its quotes cannot be read ({error})') from None
    if count == 4:
        return line.split(None, 3)
    return line.split() if count is None else line.rsplit(None, count - 1)


def _columns(path: str, lines: list[tuple[int, str]], separator: str) -> tuple[tuple[str, ...], bool]:
    """Names of the values, and whether the first line gives them."""
    if not lines:
        return FORMS[2], False
    number, line = lines[0]
    try:
        first = _split(line, separator)
    except ValueError as error:
        raise DatasetError(f'{path}:{number}: {error}') from None
    if is_header(first):
        return tuple(first[:max(place for place, cell in enumerate(first, 1) if cell)]), True
    while not first[-1] and (len(first) == 3 or len(first) > max(FORMS)):       # four, with captions that are empty
        first.pop()
    if separator == 'space':
        counts = len(first) > 2 and whole_number(first[-2]) is not None
        captions = len(first) > 3 and whole_number(first[1]) is None and '.' in first[0] and not (
            counts and whole_number(first[-1]) is not None)
        return FORMS[4 if captions else 3 if counts else 2], False
    if len(first) not in FORMS or len(first) == 3 and whole_number(first[1]) is None:
        raise DatasetError(f'{path}:{number}: has {len(first)} values; expected a header, or '
                           + ', or '.join(' '.join(form) for form in FORMS.values()))
    return FORMS[len(first)], False
