"""The memory that a computation holds, operator by operator, whether its tensors have values or shapes alone."""
from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveStorages(TorchDispatchMode):
    """Bytes of the storages that are alive, and the most that ever were.

    A storage counts from the operator that makes it until nothing holds it, once however many tensors share it. What
    an operator uses within itself does not count: a library's working space, and on a GPU the context and what the
    allocator keeps in parts that fit no request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._sizes: dict[int, int] = {}

    def hold(self, tensors: Iterable[Tensor]) -> int:
        """Count tensors that were made before; the bytes that they added."""
        before = self.now
        for tensor in tensors:
            self._hold(tensor)
        return self.now - before

    def _hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        size = storage.nbytes()
        if key in self._sizes:
            self.now += size - self._sizes[key]                 # one that was resized
        else:
            weakref.finalize(storage, self._release, key)
            self.now += size
        self._sizes[key] = size
        self.peak = max(self.peak, self.now)

    def _release(self, key: int) -> None:
        self.now -= self._sizes.pop(key, 0)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **kwargs or {})
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._hold(leaf)
        return out


def tensor_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of tensors, each storage once."""
    return sum({tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}.values())

