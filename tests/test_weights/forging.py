"""Weight files put together byte by byte: pickles, zip archives, torch's first format, safetensors."""
from __future__ import annotations

import json
import pickle
import struct
import zlib
from dataclasses import dataclass

TWO = struct.pack('<2f', 1., 2.)                    # the values of most tensors here


# Pickles: each part is the bytes that leave one value on the machine's stack.

def text(value: str) -> bytes:
    data = value.encode()
    return b'X' + struct.pack('<I', len(data)) + data


def number(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, 'little', signed=True)
    return b'\x8a' + bytes([len(data)]) + data


def name(module: str, attribute: str) -> bytes:
    return f'c{module}\n{attribute}\n'.encode()


def row(*parts: bytes) -> bytes:
    return b'(' + b''.join(parts) + b't'


def listed(*parts: bytes) -> bytes:
    return b'](' + b''.join(parts) + b'e'


def table(**entries: bytes) -> bytes:
    return b'}(' + b''.join(text(key) + value for key, value in entries.items()) + b'u'


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + row(*arguments) + b'R'


def made(kind: bytes, state: bytes) -> bytes:
    """An object of a class, set to a state."""
    return kind + b')\x81' + state + b'b'


def whole(part: bytes, protocol: int = 2) -> bytes:
    return b'\x80' + bytes([protocol]) + part + b'.'


def storage(key: str = '0', kind: str = 'FloatStorage', count: int = 2, module: str = 'torch') -> bytes:
    return row(text('storage'), name(module, kind), text(key), text('cpu'), number(count)) + b'Q'


def tensor(size=(2, ), stride=(1, ), offset: int = 0, where: bytes | None = None, more: tuple = ()) -> bytes:
    return call(name('torch._utils', '_rebuild_tensor_v2'), where or storage(), number(offset),
                row(*map(number, size)), row(*map(number, stride)), b'\x89',
                call(name('collections', 'OrderedDict')), *more)


# Zip archives.

@dataclass
class Entry:
    """An entry of a zip archive; what its list says may differ from what is there."""
    name: str
    data: bytes
    method: int = 0
    size: int | None = None
    crc: int | None = None
    flags: int = 0
    local_name: str | None = None
    at: int | None = None                           # of another entry, to lie over it


def zipped(*entries: Entry, behind: bytes = b'', directory: int | None = None) -> bytes:
    body, central, starts = b'', b'', []
    for entry in entries:
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        size = len(entry.data) if entry.size is None else entry.size
        starts.append(len(body) if entry.at is None else starts[entry.at])
        local = (entry.local_name or entry.name).encode()
        fields = struct.pack('<HHHHHIII', 20, entry.flags, entry.method, 0, 0, crc, len(entry.data), size)
        if entry.at is None:
            body += b'PK\3\4' + fields + struct.pack('<HH', len(local), 0) + local + entry.data
        listed_name = entry.name.encode()
        central += (b'PK\1\2' + struct.pack('<H', 20) + fields +
                    struct.pack('<HHHHHII', len(listed_name), 0, 0, 0, 0, 0, starts[-1]) + listed_name)
    count = min(len(entries), 0xffff)
    length = len(central) if directory is None else directory
    return body + central + b'PK\5\6' + struct.pack('<HHHHIIH', 0, 0, count, count, length, len(body), 0) + behind


def archive(content: bytes, *more: Entry, storages: dict[str, bytes] | None = None, **options) -> bytes:
    """A file as torch.save writes it: a pickle, and its storages beside it."""
    storages = {'0': TWO} if storages is None else storages
    return zipped(Entry('x/data.pkl', content), *(Entry(f'x/data/{key}', data) for key, data in storages.items()),
                  Entry('x/version', b'3\n'), *more, **options)


def script(content: bytes, *more: Entry, **options) -> bytes:
    """A TorchScript archive."""
    return archive(content, Entry('x/constants.pkl', whole(b')')), *more, **options)


def state(**entries: bytes) -> bytes:
    """A file with one tensor ``w`` and more."""
    return archive(whole(table(w=tensor(), **entries)))


def legacy(content: bytes, names: bytes | None = None, storages: bytes | None = None,
           magic: int = 0x1950a86a20f9469cfc6c, sizes: object = None) -> bytes:
    """A file as torch.save wrote it before torch 1.6."""
    sizes = dict(little_endian=True, protocol_version=1001, type_sizes={}) if sizes is None else sizes
    head = b''.join(pickle.dumps(part, protocol=2) for part in (magic, 1001, sizes))
    return head + content + (names or pickle.dumps(['0'], protocol=2)) + (
        struct.pack('<q', 2) + TWO if storages is None else storages)


def bomb(mebibytes: int) -> bytes:
    """Zeros, deflated a thousandfold."""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = squeezed.compress(bytes(1 << 20)) + squeezed.flush(zlib.Z_FULL_FLUSH)
    return block * mebibytes + squeezed.flush()


# Safetensors.

def safetensors(header: object, data: bytes = TWO, length: int | None = None) -> bytes:
    body = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(body) if length is None else length) + body + data


W = dict(dtype='F32', shape=[2], data_offsets=[0, 8])


def noted(notes: str) -> bytes:
    """A safetensors file with metadata of ours."""
    return safetensors(dict(__metadata__=dict(mmdfer=notes), w=W))
