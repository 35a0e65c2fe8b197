"""The entries of a zip archive, each read as it lies in the file: nothing is unpacked, and none hides another."""
from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from io import BufferedIOBase

from .errors import Unreadable, plain

_END, _END_64, _LOCATOR_64, _CENTRAL, _LOCAL = b'PK\5\6', b'PK\6\6', b'PK\6\7', b'PK\1\2', b'PK\3\4'
_UNKNOWN = 0xffffffff                               # the number stands in a field of 64 bits instead
MOST_DIRECTORY = 16 << 20


@dataclass(frozen=True)
class Entry:
    """An entry of an archive, and where in the file it lies."""
    name: str
    method: int                                     # 0 for bytes as they are
    crc: int                                        # 0 where the writer left it out
    packed: int
    size: int
    header: int                                     # where its own header begins
    start: int = 0                                  # where its bytes begin


class Archive:
    """The entries of a zip archive, each of which lies in the file where no other does.

    Raises:
        Unreadable: for an archive that is cut short, has two entries of one name or of one place, or that does
            not agree with itself.
    """

    def __init__(self, file: BufferedIOBase, size: int) -> None:
        self.file, self.size = file, size
        self.entries: dict[str, Entry] = {}
        start, length = self._directory()
        for entry in _central(self._bytes(start, length)):
            if entry.name in self.entries:
                raise Unreadable(f'two of its entries have the name {plain(entry.name)}')
            self.entries[entry.name] = self._placed(entry)
        end = 0
        for entry in sorted(self.entries.values(), key=lambda entry: entry.header):
            if entry.header < end:
                raise Unreadable(f'its entry {plain(entry.name)} lies within another')
            end = entry.start + entry.packed
        if end > start:
            raise Unreadable('an entry reaches beyond its end; it may be cut short')

    def _bytes(self, start: int, length: int) -> bytes:
        if start < 0 or length < 0 or start + length > self.size:
            raise Unreadable('it points beyond its end; it may be cut short')
        self.file.seek(start)
        return self.file.read(length)

    def _directory(self) -> tuple[int, int]:
        """Where the list of entries lies, and its length."""
        tail = self._bytes(max(0, self.size - 22), min(22, self.size))
        if tail[:4] != _END:
            raise Unreadable('its list of entries is not at its end; it may be cut short, or have more behind it')
        length, start = struct.unpack('<II', tail[12:20])
        if _UNKNOWN in (length, start) or tail[10:12] == b'\xff\xff':
            locator = self._bytes(self.size - 42, 20)
            if locator[:4] != _LOCATOR_64:
                raise Unreadable('its list of entries cannot be found')
            end = self._bytes(struct.unpack('<Q', locator[8:16])[0], 56)
            if end[:4] != _END_64:
                raise Unreadable('its list of entries cannot be found')
            length, start = struct.unpack('<QQ', end[40:56])
        if length > MOST_DIRECTORY:
            raise Unreadable(f'its list of entries takes {length >> 20} MiB; no weight file has so many')
        return start, length

    def _placed(self, entry: Entry) -> Entry:
        header = self._bytes(entry.header, 30)
        name, extra = struct.unpack('<HH', header[26:30])
        method, = struct.unpack('<H', header[8:10])
        raw = self._bytes(entry.header + 30, name)
        if header[:4] != _LOCAL or method != entry.method or _decoded(raw) != entry.name:
            raise Unreadable(f'its entry {plain(entry.name)} is another than its list says')
        return replace(entry, start=entry.header + 30 + name + extra)

    def size_of(self, name: str) -> int:
        """The bytes of an entry that can be read.

        Raises:
            Unreadable: if there is no such entry, or it is packed.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise Unreadable(f'it lacks the entry {plain(name)}, which its pickle refers to')
        if entry.method != 0 or entry.packed != entry.size:
            raise Unreadable(
                f'its entry {plain(name)} is compressed, which torch never does; unpack the archive and zip it '
                'without compression')
        return entry.size

    def read_into(self, name: str, target: memoryview) -> None:
        """Fill a buffer of an entry's size with its bytes.

        Raises:
            Unreadable: if the entry's checksum is another.
        """
        entry = self.entries[name]
        self.file.seek(entry.start)
        if self.file.readinto(target) != entry.size:
            raise Unreadable('it ends too early')
        if entry.crc and zlib.crc32(target) != entry.crc:
            raise Unreadable(f'its entry {plain(name)} is damaged, for its checksum is another; get the file anew')

    def read(self, name: str) -> bytes:
        target = bytearray(self.size_of(name))
        self.read_into(name, memoryview(target))
        return bytes(target)


def _decoded(name: bytes) -> str:
    return name.decode('utf-8', 'backslashreplace')


def _central(data: bytes) -> list[Entry]:
    """The entries that an archive's list names."""
    entries, at = [], 0
    while at < len(data):
        fields = data[at:at + 46]
        if len(fields) < 46 or fields[:4] != _CENTRAL:
            raise Unreadable('its list of entries is damaged')
        flags, method = struct.unpack('<HH', fields[8:12])
        crc, packed, size, name, extra, comment = struct.unpack('<IIIHHH', fields[16:34])
        header, = struct.unpack('<I', fields[42:46])
        raw, more = data[at + 46:at + 46 + name], data[at + 46 + name:at + 46 + name + extra]
        if flags & 1:
            raise Unreadable('its entries are encrypted')
        size, packed, header = _wide(more, size, packed, header)
        entries.append(Entry(_decoded(raw), method, crc, packed, size, header))
        at += 46 + name + extra + comment
    return entries


def _wide(extra: bytes, *numbers: int) -> list[int]:
    """Numbers of 64 bits in the place of those that do not fit 32."""
    wide, at = b'', 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack('<HH', extra[at:at + 4])
        if kind == 1:
            wide = extra[at + 4:at + 4 + length]
        at += 4 + length
    found = []
    for number in numbers:
        if number == _UNKNOWN:
            if len(wide) < 8:
                raise Unreadable('its list of entries is damaged')
            number, wide = struct.unpack('<Q', wide[:8])[0], wide[8:]
        found.append(number)
    return found
