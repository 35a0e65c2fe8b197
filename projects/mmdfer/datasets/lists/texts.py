"""The text of a list of whatever encoding and line ends, numbers in it, and words about rows that cannot be read."""
from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import DatasetError, ListError

ENCODINGS = (('utf-8-sig', 'UTF-8'), ('gb18030', 'GBK'))       # GB 18030 holds all of GBK
# Marks at a file's start; the longer ones first, since one begins like another.
MARKS = ((codecs.BOM_UTF32_LE, 'utf-32', 'UTF-32'), (codecs.BOM_UTF32_BE, 'utf-32', 'UTF-32'),
         (codecs.BOM_UTF16_LE, 'utf-16', 'UTF-16'), (codecs.BOM_UTF16_BE, 'utf-16', 'UTF-16'))
_NUMBER = re.compile(r'(-?[0-9]{1,9})(\.0*)?')
MOST_SHOWN = 40
MOST_LINES = 5


def read_text(path: str) -> tuple[str, str, str]:
    """A file's text, the name of its encoding, and of its line ends.

    Raises:
        DatasetError: for a file that is missing, or no text.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DatasetError(f'{path}: cannot be read ({error.strerror}); check data_root') from None
    marked = next(((codec, name) for mark, codec, name in MARKS if data.startswith(mark)), None)
    if marked is None and b'\0' in data:
        raise DatasetError(f'{path}: is no text in UTF-8 or GBK, nor in UTF-16 with a mark; save it as UTF-8')
    for codec, name in ENCODINGS if marked is None else (marked, ):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if '\0' in text:
            break
        return text, name, _line_ends(text)
    raise DatasetError(f'{path}: is no text in {"UTF-8 or GBK" if marked is None else marked[1]}; save it as UTF-8')


def _line_ends(text: str) -> str:
    windows = text.count('\r\n')
    unix, mac = text.count('\n') - windows, text.count('\r') - windows
    found = [name for name, count in (('CRLF', windows), ('LF', unix), ('CR', mac)) if count]
    return ' and '.join(found) + ' mixed' if len(found) > 1 else found[0] if found else 'LF'


def whole_number(text: str) -> int | None:
    """The whole number that a text is, as in ``3``, ``-1`` or ``3.0``; ``None`` for any other text.

    Only the digits 0 to 9 make one, and no more of them than any label or count has.
    """
    found = _NUMBER.fullmatch(text)
    return int(found[1]) if found else None


def shown(text: str) -> str:
    """A text of a list as an error quotes it: on one line, and not long."""
    return repr(text if len(text) <= MOST_SHOWN else f'{text[:MOST_SHOWN]}...')


def refuse_lines(path: str, problems: Sequence[tuple[int, str]]) -> None:
    """End the reading of a list with lines that cannot be used; nothing where there is none.

    Raises:
        ListError: naming file, the first line and what is wrong there, and the numbers of others.
    """
    if not problems:
        return
    (line, message), *others = problems
    numbers = ', '.join(str(number) for number, _ in others[:MOST_LINES])
    more = ', ...' if len(others) > MOST_LINES else ''
    told = f' (and {len(others)} more lines: {numbers}{more})' if others else ''
    raise ListError(f'{path}:{line}: {message}{told}', [f'line {number}: {what}' for number, what in problems])
