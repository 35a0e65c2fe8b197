"""Columns of large CSV lists, read row by row."""
from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from .errors import DatasetError


def stream_columns(path: str, columns: Sequence[str], header: Sequence[str] = ()) -> Iterator[tuple[int, list[str]]]:
    """Line number and the named columns' texts, row by row; CRLF, LF and a byte-order mark are read.

    Args:
        path: a CSV file.
        columns: names in the file's first line; others are passed over, in whatever order.
        header: names for a file that has no header line; used where its first line names no column of it.

    Raises:
        DatasetError: if the file is missing, its header lacks a column, or a row has fewer or more values than it.
    """
    try:
        file = open(path, newline='', encoding='utf-8-sig')
    except OSError as error:
        raise DatasetError(f'{path}: cannot be read ({error.strerror}); check data_root') from None
    with file:
        rows = _rows(path, csv.reader(file, skipinitialspace=True))
        first = [cell.strip() for cell in next(rows, (1, []))[1]]
        names = list(header) if len(first) == len(header) and not set(first) & set(header) else first
        lacking = [name for name in columns if name not in names]
        if lacking:
            raise DatasetError(f'{path}: has no column {", ".join(map(repr, lacking))} (its header is '
                               f'{",".join(first)[:200]!r}); expected the header {",".join(header or columns)!r}')
        places = [names.index(name) for name in columns]
        if names is not first:
            yield 1, [first[place] for place in places]
        for line, row in rows:
            if len(row) <= max(places) or any(row[len(names):]):
                raise DatasetError(f'{path}:{line}: has {len(row)} values; expected {len(names)} ({",".join(names)})')
            yield line, [row[place].strip() for place in places]


def _rows(path: str, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row that has some."""
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except UnicodeDecodeError:
        raise DatasetError(f'{path}: is no text in UTF-8; save it as UTF-8') from None
    except csv.Error as error:
        raise DatasetError(f'{path}:{reader.line_num}: cannot be read as CSV ({error})') from None
