"""One reader for every weight file: what it is, its bytes tell; nothing in it runs unless the user trusts it."""
from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log

from . import kinds
from .archive import read_archive
from .errors import AsksToRun, CheckpointError, Unreadable, plain
from .folders import read_index, weight_file
from .legacy import read_legacy
from .modules import is_module, module_state
from .pickle_parts import Record
from .registry import located
from .safetensors_files import read_meta, read_safetensors
from .states import find_state_dict

TRUST_VARIABLE = 'MMDFER_TRUST_CHECKPOINTS'

__all__ = ['TRUST_VARIABLE', 'CheckpointError', 'find_state_dict', 'is_trusted', 'read_checkpoint', 'read_metadata']


def is_trusted() -> bool:
    """Whether the user has opted in to torch files that run code."""
    return os.environ.get(TRUST_VARIABLE, '') == '1'


def read_checkpoint(path: str | os.PathLike, map_location: Any = 'cpu') -> dict:
    """Read a weight file of torch (of any age), TorchScript or safetensors, or a folder of transformers or open_clip.

    A safetensors file comes back as ``dict(state_dict=..., meta=...)``, with the JSON of its metadata decoded;
    so do the tensors of a TorchScript archive, of a module that was pickled whole, and of a folder. Of a torch
    file come numbers, texts, containers and tensors; objects of other classes are left out, and what stands for
    them runs nothing. A file that calls code is refused, unless the user has opted in by setting
    ``MMDFER_TRUST_CHECKPOINTS=1``; a program in a TorchScript archive never runs.

    Args:
        path: file or folder, or the name of registered weights, which are fetched once.
        map_location: the device where tensors go.

    Raises:
        CheckpointError: for a file that is missing, damaged, no weight file, made to fill the memory, or that
            asks for trust.
    """
    path = Path(located(path)).expanduser()
    device = str(map_location) if isinstance(map_location, (str, torch.device)) else 'cpu'
    if path.is_dir():
        path = weight_file(path)
    kind = _kind(path)
    if kind == kinds.INDEX:
        return dict(state_dict=read_index(path, lambda part: _flat(read_checkpoint(part, device))), meta={})
    try:
        if kind == kinds.SAFETENSORS:
            return read_safetensors(path, device)
        return _mapping(_read_torch(path, kind, device))
    except AsksToRun as error:
        raise CheckpointError(
            f'{path}: refused, because reading it would run code stored in the file ({error}). If you trust its '
            f'source, set {TRUST_VARIABLE}=1 (tools: --trust-checkpoint), or convert it to safetensors '
            'elsewhere') from None
    except Unreadable as error:
        raise CheckpointError(f'{path}: not a readable {"safetensors" if kind == kinds.SAFETENSORS else "torch"} file: '
                              f'{error}') from None
    except OSError as error:
        raise _unopened(path, error) from None


def read_metadata(path: str | os.PathLike) -> dict:
    """What a safetensors file says of itself, without its tensors; nothing of a file of another kind.

    Raises:
        CheckpointError: as :func:`read_checkpoint`.
    """
    path = Path(located(path)).expanduser()
    if path.is_dir() or _kind(path) != kinds.SAFETENSORS:
        return {}
    try:
        return read_meta(path)
    except Unreadable as error:
        raise CheckpointError(f'{path}: not a readable safetensors file: {error}') from None


def _kind(path: Path) -> str:
    """What a file is.

    Raises:
        CheckpointError: for what is no file, or no weight file.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise CheckpointError(f'{path}: is no file but a device or a pipe; give a weight file')
        with open(path, 'rb') as file:
            head = file.read(kinds.HEAD)
    except FileNotFoundError:
        raise CheckpointError(f'{path}: no such checkpoint file; check the path') from None
    except (OSError, ValueError) as error:
        raise _unopened(path, error) from None
    kind = kinds.kind_of(head)
    if kind is None:
        what, remedy = kinds.other_kind(head)
        wanted = 'safetensors' if path.suffix == '.safetensors' else 'torch'
        raise CheckpointError(f'{path}: not a readable {wanted} file, for it is {what}; {remedy}')
    return kind


def _unopened(path: Path, error: OSError | ValueError) -> CheckpointError:
    reason = getattr(error, 'strerror', None) or str(error)
    return CheckpointError(f'{path}: cannot be read ({reason}); check its permissions and its disk')


def _read_torch(path: Path, kind: str, device: str) -> Any:
    size = path.stat().st_size
    try:
        with open(path, 'rb') as file:
            content, left_out = (read_archive if kind == kinds.ZIP else read_legacy)(file, size, device)
    except AsksToRun:
        if not is_trusted():
            raise
        return _trusting(path, device)
    if not left_out:
        return content
    reason = ''
    if is_trusted():
        try:
            return _trusting(path, device)
        except CheckpointError as error:        # such as a class that is not here
            reason = f', for they cannot be made here ({error})'
    print_log(f'{path}: holds objects of {", ".join(map(plain, left_out[:3]))}{", ..." * (len(left_out) > 3)}, which '
              f'are left out{reason}', logger='current')
    return content


def _trusting(path: Path, device: str) -> Any:
    """The content of a file of which the user has said that its code may run."""
    try:
        return torch.load(path, map_location=device, weights_only=False)
    except Exception as error:                  # its code may fail in any way
        raise CheckpointError(f'{path}: not a readable torch file: its own code fails ({type(error).__name__}: '
                              f'{plain(error, 200)})') from None


def _mapping(content: Any) -> dict:
    """A file's content as a dict: the state of a whole module likewise."""
    if isinstance(content, torch.nn.Module):
        return dict(state_dict=content.state_dict(), meta={})
    if isinstance(content, Record) and is_module(content):
        return dict(state_dict=module_state(content), meta={})
    if not isinstance(content, dict):
        what = f'an object of {content.kind}' if isinstance(content, Record) else f'a bare {type(content).__name__}'
        raise Unreadable(f'it holds {what}, where a dict of names and tensors belongs; save model.state_dict()')
    return content if isinstance(content.get('meta', {}), dict) else dict(content, meta={})


def _flat(checkpoint: dict) -> dict:
    """A part of a folder's weights: safetensors wrap them, torch files do not."""
    return checkpoint['state_dict'] if isinstance(checkpoint.get('state_dict'), dict) else checkpoint
