"""The guide's table of what was tried says what is tried here: as many inputs, in the files that it names."""
from __future__ import annotations

import importlib
import re

import pytest

from ..conftest import ROOT

GUIDE = ROOT / 'projects/guides/what_is_refused.md'
ROW = re.compile(r'^\| [^|]+ \| (?P<inputs>\d+) \| [^|]+ \| `(?P<file>[\w/]+)\.py` \|$', re.M)


def rows_of(file: str) -> int:
    """Rows of the tables of planted faults in a module: parameters of its tests, each test without any counted once."""
    module = importlib.import_module(f'tests.{file.replace("/", ".")}')
    total = 0
    for name, test in vars(module).items():
        if name.startswith('test_') and callable(test):
            marks = [mark for mark in getattr(test, 'pytestmark', ()) if mark.name == 'parametrize']
            count = 1
            for mark in marks:
                count *= len(list(mark.args[1]))
            total += count
    return total


TABLE = [found.groupdict() for found in ROW.finditer(GUIDE.read_text(encoding='utf-8'))]


@pytest.mark.parametrize('row', TABLE, ids=[row['file'].rpartition('/')[2] for row in TABLE])
def test_a_row_of_the_table_is_true(row):
    assert rows_of(row['file']) == int(row['inputs'])


def test_the_table_is_of_these_files_and_large_enough():
    planted = {f'test_planted/{path.stem}' for path in (ROOT / 'tests/test_planted').glob('test_*.py')}
    assert planted - {'test_planted/test_table'} <= {row['file'] for row in TABLE}
    assert sum(int(row['inputs']) for row in TABLE) >= 120
