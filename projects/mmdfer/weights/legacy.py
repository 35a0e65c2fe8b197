"""Files that ``torch.save`` wrote before torch 1.6: pickles in a row, then the storages."""
from __future__ import annotations

import struct
from io import BufferedIOBase
from typing import Any

import torch

from .archive import bytes_of, new_storage
from .errors import Unreadable, plain
from .pickle_parts import Stream
from .pickled_tensors import CONSTANTS, TensorReader
from .pickles import PickleReader

MAGIC, PROTOCOL = 0x1950a86a20f9469cfc6c, 1001


def read_legacy(file: BufferedIOBase, size: int, device: str) -> tuple[Any, list[str]]:
    """What a file of torch's first format holds, and the names of the classes in it that stand-ins are there for.

    It is five pickles: a number that tells the format, the format's version, the sizes of C's types, the
    content, and the names of its storages, whose bytes follow in that order, each behind its number of elements.
    The content is gone through twice: for the sizes of its storages, and with them.

    Raises:
        AsksToRun: if a pickle calls anything that does not make data.
        Unreadable: for a file of another program, or that is damaged.
    """
    stream = Stream(file, size)
    if PickleReader(stream).read() != MAGIC:
        raise Unreadable(
            'it is a pickle that torch.save did not write; load it where it was made, and save its tensors by '
            'torch.save')
    if PickleReader(stream).read() != PROTOCOL:
        raise Unreadable('it is of an unknown version of the format')
    is_little = PickleReader(stream).read()
    if not isinstance(is_little, dict) or is_little.get('little_endian') is not True:
        raise Unreadable('its numbers are big-endian; save it again on a usual machine')
    start = size - stream.left
    measured = TensorReader(None, size)
    _content(stream, measured).read()
    names = PickleReader(stream).read()
    if not isinstance(names, list) or set(names) != set(measured.sizes) or len(names) != len(set(names)):
        raise Unreadable('its list of storages is not that of its tensors')
    storages = {name: _storage(stream, name, measured, device) for name in names}
    file.seek(start)
    reader = _content(Stream(file, size - start), TensorReader(lambda name, _: storages[name], size))
    return reader.read(), list(reader.left_out)


def _content(stream: Stream, tensors: TensorReader) -> PickleReader:
    return PickleReader(stream, tensors.known, CONSTANTS, tensors.persistent)


def _storage(stream: Stream, name: str, measured: TensorReader, device: str) -> torch.UntypedStorage:
    """The next storage of the file: its number of elements, and their bytes."""
    count, size = struct.unpack('<q', stream.read(8))[0], measured.sizes[name]
    if count < 0 or count * measured.widths[name] != size or size > stream.left:
        raise Unreadable(f'its storage {plain(name)} is not of the size that its pickle says; it may be cut short')
    storage = new_storage(size)
    stream.read_into(bytes_of(storage))
    return storage if device == 'cpu' else storage.to(device=device)
