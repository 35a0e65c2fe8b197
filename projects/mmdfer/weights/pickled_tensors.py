"""Tensors as torch pickles them: views of storages that lie beside the pickle, each checked to lie within its own."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import Unreadable, plain
from .pickle_parts import CONTAINERS, Global

_DTYPES = dict(Float=torch.float32, Double=torch.float64, Half=torch.float16, BFloat16=torch.bfloat16, Long=torch.int64,
               Int=torch.int32, Short=torch.int16, Char=torch.int8, Byte=torch.uint8, Bool=torch.bool,
               ComplexFloat=torch.complex64, ComplexDouble=torch.complex128)
_STORAGES = {f'torch.{place}{name}Storage': dtype for name, dtype in _DTYPES.items() for place in ('', 'cuda.')}
_UNTYPED = ('torch.storage.UntypedStorage', 'torch.UntypedStorage', 'torch.storage._UntypedStorage')
CONSTANTS: dict[str, Any] = {str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}
# What no model here is made of, by the function that would rebuild it.
_OTHERS = {
    'torch._utils._rebuild_sparse_tensor': 'a sparse tensor',
    'torch._utils._rebuild_sparse_csr_tensor': 'a sparse tensor',
    'torch._utils._rebuild_qtensor': 'a quantised tensor',
    'torch._utils._rebuild_nested_tensor': 'a nested tensor',
    'torch._utils._rebuild_meta_tensor_no_storage': 'a tensor without values (of device meta)',
    'torch._utils._rebuild_wrapper_subclass': 'a tensor of a class of its own',
    'torch.distributed.tensor._api.DTensor': 'a part of a tensor that several processes hold',
}
MOST_DIMENSIONS, LARGEST = 32, 2**62
# A view may repeat its storage, as an expanded tensor does: what all views would take together is bounded.
SPREAD_FREELY, SPREAD = 2 << 30, 4


@dataclass(frozen=True)
class Storage:
    """Bytes of a file as elements of a type; ``bytes`` is None while the file is only being measured."""
    bytes: torch.UntypedStorage | None
    size: int
    dtype: torch.dtype | None


class TensorReader:
    """Makes what pickles know of tensors: storages by their references, and views of them.

    Args:
        fetch: gives a storage's bytes by its name and size; None to measure the storages and make no tensor.
        file_size: bounds what the tensors may take together.
    """

    def __init__(self, fetch: Callable[[str, int], torch.UntypedStorage] | None, file_size: int) -> None:
        self.fetch, self.most = fetch, SPREAD_FREELY + SPREAD * file_size
        self.sizes: dict[str, int] = {}             # bytes of each storage,
        self.widths: dict[str, int] = {}            # and of one of its elements
        self._spread = 0
        self._bytes: dict[str, torch.UntypedStorage | None] = {}
        self.known: dict[str, Callable] = CONTAINERS | {
            'torch._utils._rebuild_tensor': self._view, 'torch._utils._rebuild_tensor_v2': self._tensor,
            'torch._utils._rebuild_tensor_v3': self._typed_tensor,
            'torch._utils._rebuild_parameter': lambda data, *rest: _tensor_alone(data),
            'torch._utils._rebuild_parameter_with_state': lambda data, *rest: _tensor_alone(data),
            'torch._utils._rebuild_device_tensor_from_cpu_tensor': lambda data, *rest: _tensor_alone(data),
            'torch._tensor._rebuild_from_type_v2': self._of_type,
            'torch.Size': _size, 'torch.device': _device,
            **{name: _refusal(what) for name, what in _OTHERS.items()}}

    def persistent(self, pid: Any) -> Any:
        """What torch's reference stands for: ``('storage', type, name, device, elements[, view])``."""
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == 'module':         # a class and its source text
            return pid[1]
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != 'storage':
            raise Unreadable('it refers to something that is no storage')
        _, kind, name, _, elements, *view = pid
        if view and view[0] is not None:
            raise Unreadable(
                'it holds a storage within a storage, as torch wrote before 0.4; load it and save it again '
                'by a newer torch')
        if not isinstance(kind, Global) or not isinstance(name, str) or not _is_index(elements):
            raise Unreadable('it refers to something that is no storage')
        if kind.name not in _STORAGES and kind.name not in _UNTYPED:
            raise Unreadable(f'it holds a storage of {kind}, which no model here has')
        dtype = _STORAGES.get(kind.name)
        self.widths[name] = width = dtype.itemsize if dtype else 1
        size = elements * width
        if self.sizes.setdefault(name, size) != size:
            raise Unreadable(f'it gives storage {plain(name)} two sizes')
        if name not in self._bytes:
            self._bytes[name] = self.fetch(name, size) if self.fetch else None
        return Storage(self._bytes[name], size, dtype)

    def _tensor(self, storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None) -> Tensor | None:
        if metadata:
            raise Unreadable('it holds a tensor that is to be conjugated or negated; save it as plain values')
        return self._view(storage, offset, size, stride)

    def _typed_tensor(self, storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None) -> Tensor | None:
        if not isinstance(storage, Storage) or not isinstance(dtype, torch.dtype):
            raise Unreadable('it holds a tensor without a storage')
        return self._tensor(Storage(storage.bytes, storage.size, dtype), offset, size, stride, metadata=metadata)

    def _of_type(self, rebuild, kind, args, state) -> Tensor | None:
        """A tensor of a class that keeps notes with it; the notes are left out."""
        if not isinstance(rebuild, Global) or not rebuild.name.startswith('torch._utils._rebuild') or \
                rebuild.name not in self.known:
            raise Unreadable('it holds a tensor of a class of its own')
        return self.known[rebuild.name](*args)

    def _view(self, storage: Storage, offset: int, size: tuple, stride: tuple) -> Tensor | None:
        if not isinstance(storage, Storage) or storage.dtype is None:
            raise Unreadable('it holds a tensor without a storage')
        if not isinstance(size, tuple) or not isinstance(stride, tuple) or len(size) != len(stride) or \
                len(size) > MOST_DIMENSIONS or not all(map(_is_index, (offset, *size, *stride))):
            raise Unreadable('it holds a tensor of an impossible shape')
        count, available = math.prod(size), storage.size // storage.dtype.itemsize
        last = offset + sum((length - 1) * step for length, step in zip(size, stride))
        if count and last >= available:
            raise Unreadable(f'it holds a tensor of shape {size} that reaches beyond its storage of {available} values')
        self._spread += count * storage.dtype.itemsize
        if self._spread > self.most:
            raise Unreadable(
                f'its tensors repeat their values so often that they would take over {self.most >> 20} MiB')
        if storage.bytes is None:
            return None
        empty = torch.empty(0, dtype=storage.dtype, device=storage.bytes.device)
        return empty.set_(storage.bytes, offset if count else 0, size, stride)


def _is_index(value: Any) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def _tensor_alone(data: Any) -> Tensor | None:
    if data is not None and not isinstance(data, Tensor):
        raise Unreadable('it holds a parameter that is no tensor')
    return data


def _size(lengths: Any = ()) -> torch.Size:
    if not isinstance(lengths, (list, tuple)) or len(lengths) > MOST_DIMENSIONS or not all(map(_is_index, lengths)):
        raise Unreadable('it holds an impossible shape')
    return torch.Size(lengths)


def _device(name: Any, index: Any = None) -> str:
    if not isinstance(name, str):
        raise Unreadable('it holds a device without a name')
    return name if index is None else f'{name}:{index}'


def _refusal(what: str) -> Callable:
    def refuse(*args: Any) -> None:
        raise Unreadable(f'it holds {what}, which no model here has; save it as dense tensors of plain numbers')
    return refuse
