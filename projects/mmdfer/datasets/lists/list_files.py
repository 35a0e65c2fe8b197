"""Reading a list of clips, whatever wrote it: its encoding, line ends, separator and header."""
from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from ...clip_names import VIDEO_SUFFIXES
from ..errors import DatasetError

ENCODINGS = (('utf-8-sig', 'UTF-8'), ('gb18030', 'GBK'))       # GB 18030 holds all of GBK
CLIP_COLUMNS = ('video_name', 'video', 'clip', 'path', 'filename', 'file', 'name')
# What the values of a line without header are, by their number.
FORMS = {2: ('clip', 'label'), 3: ('clip', 'frames', 'label'), 4: ('clip', 'label', 'caption_zh', 'caption')}


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

    @property
    def counts_frames(self) -> bool:
        """Whether it is of the kind ``folder frames label``."""
        return 'frames' in self.columns

    @property
    def form(self) -> str:
        """How the file is written, in words."""
        header = 'with header' if self.has_header else 'no header'
        return f'{" ".join(self.columns)} separated by {self.separator}s, {header}, {self.encoding}, {self.line_ends}'

    def __str__(self) -> str:
        return f'{len(self.rows)} clips, {self.form}'


def read_list_file(path: str) -> ListFile:
    """Read a list of clips and labels.

    It may be comma, tab or space separated, with or without a header, UTF-8 or GBK, with any mix of line
    ends, and hold ``clip label``, ``folder frames label`` or ``clip label Chinese English`` (the captions).
    A count of frames is passed over: it often differs from the disk.

    Raises:
        DatasetError: for a file that is missing or no text, a header without a column for clips or labels, and
            a line that is unlike the others.
    """
    text, encoding, line_ends = _read_text(path)
    lines = [(number, line.strip(' ')) for number, line in enumerate(re.split('\r\n|\n|\r', text), 1) if line.strip()]
    separator = _separator(lines[0][1] if lines else '')
    columns, has_header = _columns(path, lines, separator)
    places = _places(path, columns)
    rows = []
    for number, line in lines[has_header:]:
        cells = _split(line, separator, None if has_header else len(columns))
        if len(cells) != len(columns) if not has_header else len(cells) <= max(places.values()):
            raise DatasetError(f'{path}:{number}: has {len(cells)} values; expected {len(columns)} '
                               f'({",".join(columns)})')
        row = ListRow(number, **{field: cells[place] for field, place in places.items()})
        if not row.clip or not row.label:
            raise DatasetError(f'{path}:{number}: a value is missing; expected {",".join(columns)}')
        rows.append(row)
    return ListFile(path, rows, columns, encoding, line_ends, separator, has_header)


def _read_text(path: str) -> tuple[str, str, str]:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DatasetError(f'{path}: cannot be read ({error.strerror}); check data_root') from None
    if b'\0' in data:
        raise DatasetError(f'{path}: is no text in UTF-8 or GBK; save it as UTF-8')
    for codec, name in ENCODINGS:       # noqa: B007 (the last one is returned)
        try:
            text = data.decode(codec)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise DatasetError(f'{path}: is no text in UTF-8 or GBK; save it as UTF-8')
    windows = data.count(b'\r\n')
    unix = data.count(b'\n') - windows
    return text, name, 'CRLF and LF mixed' if windows and unix else 'CRLF' if windows else 'LF'


def _separator(line: str) -> str:
    if '\t' in line:
        return 'tab'
    starts_with_video = line.split()[:1] and line.split()[0].lower().endswith(VIDEO_SUFFIXES)
    return 'comma' if ',' in line and not starts_with_video else 'space'        # captions have commas, too


def _split(line: str, separator: str, count: int | None = None) -> list[str]:
    """The values of a line. A clip's folder may hold spaces; captions end the line and may too."""
    if separator == 'tab':
        return [cell.strip() for cell in line.split('\t')]
    if separator == 'comma':
        return [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))]
    if count == 4:
        return line.split(None, 3)
    return line.split() if count is None else line.rsplit(None, count - 1)


def _columns(path: str, lines: list[tuple[int, str]], separator: str) -> tuple[tuple[str, ...], bool]:
    """Names of the values, and whether the first line gives them."""
    if not lines:
        return FORMS[2], False
    first = _split(lines[0][1], separator)
    if {cell.lower() for cell in first} & {CLIP_COLUMNS[0], 'label'}:
        return tuple(first), True
    if separator == 'space':
        counts = len(first) > 2 and first[-2].isdigit()
        captions = len(first) > 3 and not first[1].isdigit() and '.' in first[0] and not (counts
                                                                                          and first[-1].isdigit())
        return FORMS[4 if captions else 3 if counts else 2], False
    if len(first) not in FORMS or len(first) == 3 and not first[1].isdigit():
        raise DatasetError(f'{path}:{lines[0][0]}: has {len(first)} values; expected a header, or '
                           + ', or '.join(' '.join(form) for form in FORMS.values()))
    return FORMS[len(first)], False


def _places(path: str, columns: tuple[str, ...]) -> dict[str, int]:
    lower = [name.lower() for name in columns]
    places = {}
    for field, names in (('clip', CLIP_COLUMNS), ('label', ('label', ))):
        found = [lower.index(name) for name in names if name in lower]
        if not found:
            raise DatasetError(f'{path}: has no column {names[0]!r} (its header is {",".join(columns)[:200]!r}); '
                               "expected the header 'video_name,label'")
        places[field] = found[0]
    places.update((name, lower.index(name)) for name in ('caption_zh', 'caption') if name in lower)
    return places
