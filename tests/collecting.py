"""What each process does before its first test: libraries are imported where tests are, and nowhere twice."""
from __future__ import annotations

import functools
import gc
import importlib
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_collectstart(collector: pytest.Collector) -> None:
    """A process that only hands tests out to others collects none, and comes here never."""
    _begin(collector.session)


def pytest_collection_finish() -> None:
    """What is there now stays: nobody need look through it for garbage."""
    gc.freeze()
    gc.enable()


@functools.cache
def _begin(session: pytest.Session) -> None:
    gc.disable()            # little of what is imported is garbage, and looking through it takes a third of the time
    import torch

    import mmdfer  # noqa: F401

    # Beside other processes of tests a thread each: two that wait for a third of two cores cost more than they give.
    worker = os.environ.get('PYTEST_XDIST_WORKER')                      # a test's own pytest may know the count alone
    workers = int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', 1))
    torch.set_num_threads(1 if worker else min(2, os.cpu_count() or 1))
    if worker and workers > 1 and not sys.dont_write_bytecode:
        _rewrite_share(session, int(worker.removeprefix('gw')), workers)


def _rewrite_share(session: pytest.Session, index: int, workers: int) -> None:
    """Import every n-th module of folders first: pytest keeps what it makes of a file, and each file takes it long."""
    folders = [Path(one) for one in session.config.args if Path(one).is_dir()]
    for path in sorted(path for folder in folders for path in folder.rglob('test_*.py'))[index::workers]:
        with suppress(Exception, pytest.skip.Exception):            # which are told where the module is collected
            importlib.import_module('.'.join(path.resolve().relative_to(ROOT).with_suffix('').parts))
