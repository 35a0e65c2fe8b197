"""Zip files of ``torch.save`` and ``torch.jit``: their tensors are read, their programs are left alone."""
from __future__ import annotations

import io
from io import BufferedIOBase
from typing import Any

import torch

from .errors import AsksToRun, Unreadable, plain
from .modules import module_state
from .pickle_parts import Record, Stream
from .pickled_tensors import CONSTANTS, TensorReader
from .pickles import PickleReader
from .zips import Archive

# What zip files of other programs hold.
_OTHERS = (('.npy', "NumPy's arrays"), ('model.weights.h5', 'a Keras model'), ('[Content_Types].xml', 'a document'),
           ('.pth', 'weight files, packed once more: unpack it and give the file itself'),
           ('.pt', 'weight files, packed once more: unpack it and give the file itself'),
           ('.safetensors', 'weight files, packed once more: unpack it and give the file itself'))
# TorchScript marks the types of its lists by calls.
_JIT = {f'torch.jit._pickle.{name}': lambda value, *rest: value
        for name in ('build_intlist', 'build_tensorlist', 'build_doublelist', 'build_boollist', 'restore_type_tag')}


def read_archive(file: BufferedIOBase, size: int, device: str) -> tuple[Any, list[str]]:
    """What a zip file of torch holds, and the names of the classes in it that stand-ins are there for.

    Of a TorchScript archive, as OpenAI's CLIP releases are, come the tensors of its module under their names
    in the tree. Its program is not read.

    Raises:
        AsksToRun: if its pickle calls anything that does not make data.
        Unreadable: for an archive of another program, or that is damaged or made to mislead.
    """
    archive = Archive(file, size)
    roots = [name[:-len('data.pkl')] for name in archive.entries if name.count('/') == 1 and name.endswith('/data.pkl')]
    if len(roots) != 1:
        raise Unreadable(
            _what_else(archive) if not roots else f'it holds {len(roots)} pickles: {plain(", ".join(roots))}')
    root, = roots
    if f'{root}byteorder' in archive.entries and archive.read(f'{root}byteorder') != b'little':
        raise Unreadable('its numbers are big-endian; save it again on a usual machine')

    def fetch(name: str, count: int) -> torch.UntypedStorage:
        found = archive.size_of(f'{root}data/{name}')
        if found != count:
            raise Unreadable(f'its storage {plain(name)} has {found} bytes, where its pickle says {count}')
        storage = new_storage(count)
        archive.read_into(f'{root}data/{name}', bytes_of(storage))
        return storage if device == 'cpu' else storage.to(device=device)

    tensors = TensorReader(fetch, size)
    data = archive.read(f'{root}data.pkl')
    is_script = f'{root}constants.pkl' in archive.entries
    reader = PickleReader(Stream(io.BytesIO(data), len(data)), tensors.known | (_JIT if is_script else {}), CONSTANTS,
                          tensors.persistent)
    if not is_script:
        return reader.read(), list(reader.left_out)
    try:
        content = reader.read()
    except AsksToRun as error:                      # which no trust allows: its tensors need no program
        raise Unreadable(f'it is a TorchScript archive that would run code ({error}); save the state_dict() of its '
                         'module') from None
    if not isinstance(content, Record):
        raise Unreadable('it is a TorchScript archive without a module')
    return dict(state_dict=module_state(content), meta={}), []


def new_storage(count: int) -> torch.UntypedStorage:
    """A storage of some bytes, which are to be written."""
    try:
        return torch.UntypedStorage(count)
    except RuntimeError:
        raise Unreadable(f'a tensor of it takes {count >> 20} MiB, which the memory has no room for') from None


def bytes_of(storage: torch.UntypedStorage) -> memoryview:
    """A storage's bytes, to be written."""
    return memoryview(torch.empty(0, dtype=torch.uint8).set_(storage).numpy())


def _what_else(archive: Archive) -> str:
    for ending, what in _OTHERS:
        if any(name.endswith(ending) for name in archive.entries):
            return f'it is a zip archive of {what}'
    names = ', '.join(map(plain, list(archive.entries)[:3]))
    return f'it is a zip archive that torch did not write ({names or "without entries"})'
