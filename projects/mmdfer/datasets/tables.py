"""Columns of large CSV lists, read row by row."""
from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from .errors import DatasetError


def stream_columns(path: str, columns: Sequence[str], header: Sequence[str] = ()) -> Iterator[tuple[int, list[str]]]:
    """Line number and the named columns' texts, row by row; CRLF, LF and a byte-order mark are read.

    Args:
        path: a CSV file.
        columns: names in the file's first line; others are passed over, in whatever order.
        header: names for a file that has no header line; used where its first line names no column of it.

    Raises:
        DatasetError: if the file is missing, its header lacks a column or a row is too short.
    """
    try:
        file = open(path, newline='', encoding='utf-8-sig')
    except OSError as error:
        raise DatasetError(f'{path}: cannot be read ({error.strerror}); check data_root') from None
    with file:
        rows = csv.reader(file, skipinitialspace=True)
        first = [cell.strip() for cell in next(rows, [])]
        names = list(header) if len(first) == len(header) and not set(first) & set(header) else first
        lacking = [name for name in columns if name not in names]
        if lacking:
            raise DatasetError(f'{path}: has no column {", ".join(map(repr, lacking))} (its header is '
                               f'{",".join(first)[:200]!r}); expected the header {",".join(header or columns)!r}')
        places = [names.index(name) for name in columns]
        if names is not first:
            yield 1, [first[place] for place in places]
        for row in rows:
            if not row:
                continue
            if len(row) <= max(places):
                raise DatasetError(f'{path}:{rows.line_num}: has {len(row)} values; expected {len(names)} '
                                   f'({",".join(names)})')
            yield rows.line_num, [row[place].strip() for place in places]
