"""The tree holds to the rules of ruff and mypy that pyproject.toml sets."""
import os
import subprocess
import sys

import pytest

from .conftest import ROOT


def check(*words):
    done = subprocess.run([sys.executable, '-m', *words], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing():
    check('ruff', 'check', '--no-cache', '.')


@pytest.mark.slow
def test_mypy_finds_nothing():
    check('mypy', '--cache-dir', os.devnull)
