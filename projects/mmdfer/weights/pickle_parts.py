"""What a pickle is read into: names of classes, stand-ins for objects, and containers."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any

from .errors import Unreadable, plain


@dataclass(frozen=True)
class Global:
    """A class or function that a pickle names. It is a name and no more: nothing is imported."""
    name: str

    def __str__(self) -> str:
        return plain(self.name)


@dataclass(eq=False, slots=True)
class Record:
    """Stands for an object of a class that is not known here; ``state`` is what it would have been set to."""
    kind: Global
    state: Any = None


class Stream:
    """The bytes of an open file from where it stands, never more of them than are there."""

    def __init__(self, file: BufferedIOBase, size: int) -> None:
        self.file, self.size, self.left = file, size, size

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self.left:
            raise Unreadable('its pickle ends too early')
        self.left -= count
        return self.file.read(count)

    def read_into(self, target: memoryview) -> None:
        if len(target) > self.left or self.file.readinto(target) != len(target):
            raise Unreadable('it ends too early')
        self.left -= len(target)

    def line(self) -> bytes:
        found = self.file.readline(self.left)
        self.left -= len(found)
        if not found.endswith(b'\n'):
            raise Unreadable('its pickle ends too early')
        return found[:-1]


def key(value: Any) -> Any:
    """A value that may be a name in a dict or an element of a set.

    Raises:
        Unreadable: for any other, the hash of which could take forever.
    """
    if isinstance(value, int) and not -2**63 <= value < 2**64:
        raise Unreadable('its pickle has a name that is a number of more than 64 bits')
    if isinstance(value, tuple) and len(value) <= 8 and all(isinstance(part, (str, bool, type(None))) or
                                                            isinstance(part, (int, float)) and key(part) == part
                                                            for part in value):
        return value
    if value is not None and not isinstance(value, (str, bytes, int, float, Global, Record)):
        raise Unreadable(f'its pickle has a name that is a {type(value).__name__}')
    return value


def _items(values: Any) -> Any:
    if not isinstance(values, (list, tuple, set, frozenset, dict)):
        raise Unreadable('its pickle makes a container of something else')
    return values


def ordered(pairs: Any = ()) -> OrderedDict:
    pairs = pairs.items() if isinstance(pairs, dict) else _items(pairs)
    return OrderedDict((key(name), value) for name, value in pairs)


def _bytes(text: str | bytes = b'', encoding: str = 'latin-1') -> bytes:
    if not isinstance(text, (str, bytes)) or encoding not in ('latin1', 'latin-1'):
        raise Unreadable('its pickle has bytes in an unknown form')
    return text.encode('latin-1') if isinstance(text, str) else text


# Calls that are understood, by functions of ours.
CONTAINERS: dict[str, Callable] = {
    'collections.OrderedDict': ordered,
    'collections.Counter': lambda counts=(): dict(ordered(counts)),
    'collections.defaultdict': lambda factory=None, counts=(): dict(ordered(counts)),
    'collections.deque': lambda values=(), most=None: list(_items(values)),
    'builtins.set': lambda values=(): set(map(key, _items(values))),
    'builtins.frozenset': lambda values=(): frozenset(map(key, _items(values))),
    'builtins.bytes': _bytes, 'builtins.bytearray': _bytes, '_codecs.encode': _bytes,
    'builtins.complex': lambda real, imaginary=0.: complex(float(real), float(imaginary)),
}
# Calls that make plain data and are not needed: a stand-in takes their place, and nothing of them runs.
LEFT_OUT = ('argparse.', 'builtins.getattr', 'builtins.range', 'builtins.slice', 'collections.', 'datetime.',
            'decimal.', 'enum.', 'fractions.', 'functools.partial', 'numpy.', 'pathlib.', 'torch.Generator',
            'torch.serialization.', 'uuid.')
