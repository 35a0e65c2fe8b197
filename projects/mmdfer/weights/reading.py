"""Reading weight files safely: torch files under ``weights_only=True``, TorchScript archives and safetensors."""
from __future__ import annotations

import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from mmengine.runner import CheckpointLoader
from safetensors import SafetensorError, safe_open
from torch import Tensor

TRUST_VARIABLE = 'MMDFER_TRUST_CHECKPOINTS'


class CheckpointError(ValueError):
    """A weight file that cannot be used; the message names the file, what is wrong and what to do."""


def is_trusted() -> bool:
    """Whether the user has opted in to torch files that run code when read."""
    return os.environ.get(TRUST_VARIABLE, '') == '1'


def read_checkpoint(path: str | os.PathLike, map_location='cpu', records: tuple[str, ...] = ()) -> dict:
    """Read a torch file or a safetensors file.

    A safetensors file comes back as ``dict(state_dict=..., meta=...)``, with the JSON of its metadata
    decoded. A torch file is read with ``weights_only=True``, unless the user has opted in by setting
    ``MMDFER_TRUST_CHECKPOINTS=1``; of a TorchScript archive come the tensors, likewise.

    Args:
        path: the file.
        map_location: where tensors go.
        records: classes such as ``'__main__.Meter'`` that a release's training code saved beside the weights;
            what they hold is read as plain values, and nothing of them runs.

    Raises:
        CheckpointError: for a file that is missing, cut short, no weight file, or that asks for trust.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(f'{path}: no such checkpoint file; check the path')
    if path.suffix == '.safetensors':
        return _read_safetensors(path, map_location)
    try:
        if _is_torchscript(path):
            return _read_torchscript(path, map_location)
        with torch.serialization.safe_globals(_plain(records)):
            return torch.load(path, map_location=map_location, weights_only=not is_trusted() or bool(records))
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        if 'weights_only' not in str(error) and 'Unsupported' not in str(error):
            raise CheckpointError(f'{path}: not a readable torch file ({_first_line(error)}); it may be cut short or of '
                                  'another kind') from None
        raise CheckpointError(
            f'{path}: refused, because reading it would run code stored in the file ({_first_line(error)}). If you '
            f'trust its source, set {TRUST_VARIABLE}=1 (tools: --trust-checkpoint), or convert it to safetensors '
            'elsewhere') from None
    except Exception as error:      # garbage makes torch's unpickler fail in any way
        raise CheckpointError(f'{path}: not a readable torch file ({_first_line(error)}); it may be cut short or of '
                              'another kind') from None


class _Record:
    """Stands for a class of a release's training code."""


def _plain(records: tuple[str, ...]) -> list:
    """What the safe loader must know for records, which hold NumPy's arrays and numbers."""
    if not records:
        return []
    arrays = np.core.multiarray if np.__version__ < '2' else np._core.multiarray
    functions = [(getattr(arrays, name), f'numpy.{core}.multiarray.{name}') for core in ('core', '_core')
                 for name in ('_reconstruct', 'scalar')]
    kinds = {type(np.dtype(kind)) for kind in ('float32', 'float64', 'int32', 'int64')}
    return [*((_Record, name) for name in records), *functions, np.ndarray, np.dtype, *kinds]


def _is_torchscript(path: Path) -> bool:
    """Whether a file is an archive of ``torch.jit``, as OpenAI's CLIP releases are."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith('/constants.pkl') for name in archive.namelist())


def _read_torchscript(path: Path, map_location) -> dict:
    """The tensors of a TorchScript archive, which holds a program for torch's own interpreter and no Python.

    Reading runs nothing of that program but a ``__setstate__``, where a module has one; CLIP's have none, and
    an archive with one asks for trust.
    """
    with zipfile.ZipFile(path) as archive:
        asks = [name for name in archive.namelist() if name.endswith('.py') and b'__setstate__' in archive.read(name)]
    if asks and not is_trusted():
        raise CheckpointError(f'{path}: refused, because reading it would run TorchScript stored in the file ({asks[0]} '
                              f'has a __setstate__). If you trust its source, set {TRUST_VARIABLE}=1 (tools: '
                              '--trust-checkpoint), or convert it to safetensors elsewhere')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')                     # torch.jit.load is deprecated, without a successor
        module = torch.jit.load(path, map_location=map_location or 'cpu')
    return dict(state_dict=dict(module.state_dict()), meta={})


def _first_line(error: Exception) -> str:
    """The telling line of torch's long message: the refused global, if it names one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if 'GLOBAL' in line or 'Unsupported' in line]
    return (telling or lines or [type(error).__name__])[0][:200]


def _read_safetensors(path: Path, map_location) -> dict:
    try:
        with safe_open(path, framework='pt', device=str(map_location or 'cpu')) as file:
            state = {name: file.get_tensor(name) for name in file.keys()}
            meta = file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f'{path}: not a readable safetensors file ({error}); it may be cut short') from None
    decoded = json.loads(meta['mmdfer']) if 'mmdfer' in meta else meta
    return dict(state_dict=state, meta=decoded)


def find_state_dict(checkpoint: dict, path: str | os.PathLike) -> dict[str, Tensor]:
    """The tensors of a checkpoint, out of the wrappers that releases put around them.

    Raises:
        CheckpointError: if there are no tensors in it.
    """
    for key in ('state_dict', 'model', 'model_state', 'teacher', 'student', 'module'):
        if isinstance(checkpoint.get(key), dict):
            checkpoint = checkpoint[key]
            break
    state = {key: value for key, value in checkpoint.items() if isinstance(value, Tensor)}
    if not state:
        raise CheckpointError(f'{path}: holds no tensors (top-level keys {sorted(map(str, checkpoint))[:8]}); expected '
                              'a state dict')
    return state


def load_from_local(filename: str, map_location=None) -> dict:
    """mmengine's local checkpoint loader, under the rules of :func:`read_checkpoint`."""
    return read_checkpoint(filename, map_location)


CheckpointLoader.register_scheme('', load_from_local, force=True)
