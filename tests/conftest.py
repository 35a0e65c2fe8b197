"""Small data sets in the official layouts, made on the spot."""
from __future__ import annotations

import copy
import gc
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

from .collecting import ROOT, pytest_collection_finish, pytest_collectstart  # noqa: F401

MEMORY = '/dev/shm'
ROOM = 8 << 30          # bytes that must be free: packs and checkpoints of tests are large
SHARED_FACES = ROOT.parent / 'shared' / 'data' / 'faces'

os.environ.setdefault('OMP_NUM_THREADS', '1')
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM and not (
        os.statvfs(MEMORY).f_flag & os.ST_NOEXEC):
    # Tests write many small files, and so does mmengine as it reads a config; a disk costs ten times what memory does.
    os.environ.setdefault('PYTEST_DEBUG_TEMPROOT', MEMORY)
    if 'TMPDIR' not in os.environ:
        os.environ['TMPDIR'] = tempfile.tempdir = MEMORY


@pytest.fixture(autouse=True, scope='session')
def seconds_of_their_own() -> Iterator[None]:
    """mmengine names a run by the second, and gives another of the same second the log and pictures of the first."""
    last = 0.

    def now() -> float:
        nonlocal last
        last = max(time.time(), last + 1)
        return last

    with mock.patch('mmengine.runner.runner.time', SimpleNamespace(
            time=now, strftime=time.strftime, localtime=time.localtime)):
        yield


@pytest.fixture(autouse=True, scope='session')
def no_process_is_left() -> Iterator[None]:
    """A test that took too long leaves what it waited for: it tells where it is, and keeps nobody from the end."""
    yield
    from .commands import end_copies
    end_copies()


@pytest.fixture(autouse=True, scope='session')
def own_configs_read_once() -> Iterator[None]:
    """The files of ``configs`` stay as they are: each is read once, and copied where it, or its heir, is read again."""
    from mmengine.config import Config
    read, known = Config._file2dict, {}

    def copied(filename: str, *args, **kwargs) -> tuple:
        if not str(filename).startswith(f'{ROOT / "configs"}{os.sep}'):
            return read(filename, *args, **kwargs)
        asked = (str(filename), *args, *kwargs.values())
        if asked not in known:
            known[asked] = read(filename, *args, **kwargs)
        return copy.deepcopy(known[asked])

    with mock.patch.object(Config, '_file2dict', staticmethod(copied)):
        yield


@pytest.fixture(autouse=True, scope='module')
def old_objects() -> None:
    """mmengine collects garbage for each data set: it need not go through all that the libraries hold, each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def mmaction_scope():
    """Names are looked up as in an MMAction2 config; a test may set another scope."""
    from mmengine.registry import DefaultScope, init_default_scope
    init_default_scope('mmaction')
    yield
    DefaultScope._instance_dict.clear()


def write_clip(folder: Path, frames: int, size: int = 40, seed: int = 0, suffix: str = '.jpg') -> None:
    """A folder of smooth random frames, numbered from 1; frame k's red channel is about 6·k."""
    import cv2
    import numpy as np
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    base = cv2.resize(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8), (size, size))
    for index in range(frames):
        frame = base.copy()
        frame[..., 2] = min(6 * index, 255)                     # BGR
        assert cv2.imwrite(str(folder / f'{index + 1:05d}{suffix}'), frame)


def write_dfew(root: Path, train: int = 14, test: int = 7, frames: int = 18, size: int = 40, folds=(1, 2),
               suffix: str = '.jpg') -> Path:
    """DFEW's layout with ``train`` and ``test`` clips a fold, labels going round 1..7."""
    import numpy as np
    total = train + test
    for number in range(1, total + 1):
        write_clip(root / 'Clip' / 'clip_224x224' / f'{number:05d}', frames, size, seed=number, suffix=suffix)
    for fold in folds:
        order = np.roll(np.arange(1, total + 1), (fold - 1) * test)
        for split, numbers in (('train', order[:train]), ('test', order[train:])):
            folder = root / 'EmoLabel_DataSplit' / f'{split}(single-labeled)'
            folder.mkdir(parents=True, exist_ok=True)
            lines = ['video_name,label', *(f'{number},{(number - 1) % 7 + 1}' for number in numbers)]
            ending = '\r\n' if split == 'train' else '\n'
            (folder / f'set_{fold}.csv').write_bytes((ending.join(lines) + ending).encode())
    return root


@pytest.fixture(scope='session')
def dfew(tmp_path_factory) -> Path:
    """A DFEW copy that tests only read."""
    return write_dfew(tmp_path_factory.mktemp('data') / 'DFEW')


@pytest.fixture(scope='module')
def unpainted() -> Iterator[None]:
    """For modules whose tests look at no picture of their runs."""
    from .commands import pictures_unpainted
    with pictures_unpainted():
        yield


@pytest.fixture
def faces() -> Path:
    """Real face videos beside the project, where they are there."""
    if not SHARED_FACES.is_dir():
        pytest.skip(f'real face videos are not at {SHARED_FACES}')
    return SHARED_FACES
