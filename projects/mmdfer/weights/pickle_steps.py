"""The steps of a pickle, protocols 0 to 5: what each byte of its program does to the reader's stack."""
from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import Unreadable
from .pickle_parts import key, ordered

if TYPE_CHECKING:
    from .pickles import PickleReader

    Step = Callable[[PickleReader], Any]

LONGEST_NUMBER = 1024                       # bytes, or digits


def _push(make: Step) -> Step:
    return lambda reader: reader.stack.append(make(reader))


def _container(make: Step) -> Step:
    def step(reader: PickleReader) -> None:
        reader.count()
        reader.stack.append(make(reader))
    return step


def _last(reader: PickleReader, count: int) -> tuple:
    if len(reader.stack) < count:
        raise Unreadable('its pickle takes more than it has')
    values = tuple(reader.stack[-count:])
    del reader.stack[-count:]
    return values


def _line(reader: PickleReader) -> str:
    return reader.stream.line().decode()


def _whole(line: bytes) -> int:
    if len(line) > LONGEST_NUMBER:
        raise Unreadable('its pickle has a number of thousands of digits')
    return int(line.rstrip(b'L'))


def _int_line(reader: PickleReader) -> int | bool:
    line = reader.stream.line()
    return line == b'01' if line in (b'00', b'01') else _whole(line)


def _long(reader: PickleReader, size: int) -> int:
    if size > LONGEST_NUMBER:
        raise Unreadable('its pickle has a number of thousands of digits')
    return int.from_bytes(reader.stream.read(size), 'little', signed=True)


def _text(reader: PickleReader, size: int) -> str:
    return reader.stream.read(size).decode('utf-8', 'surrogatepass')


def _old_text(data: bytes) -> str:
    """A text of Python 2: UTF-8, or bytes one by one."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode('latin-1')


def _quoted(reader: PickleReader) -> str:
    line = reader.stream.line().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b'"', b"'"):
        raise Unreadable('its pickle has a text without quotes')
    return _old_text(codecs.escape_decode(line[1:-1])[0])


def _remember(reader: PickleReader, index: int) -> None:
    reader.memo[index] = reader.stack[-1]


def _pop(reader: PickleReader) -> None:
    if reader.marks and reader.marks[-1] == len(reader.stack):
        reader.marks.pop()
    else:
        reader.stack.pop()


def _protocol(reader: PickleReader) -> None:
    if reader.number('B') > 5:
        raise Unreadable('its pickle is of a protocol after 5')


def _pairs(values: list[Any]) -> list[tuple]:
    return list(zip(values[::2], values[1::2], strict=True))


def _named_object(reader: PickleReader) -> Any:
    """INST: a class by two lines, and its arguments since the mark."""
    kind = reader.name(_line(reader), _line(reader))
    return reader.call(kind, tuple(reader.since_mark()))


def _marked_object(reader: PickleReader) -> Any:
    """OBJ: a class and its arguments since the mark."""
    kind, *args = reader.since_mark()
    return reader.call(kind, tuple(args))


STEPS: dict[int, Step] = {
    code[0]: step for code, step in {
        b'\x80': _protocol,
        b'\x95': lambda r: r.stream.read(8),
        b'(': lambda r: r.marks.append(len(r.stack)),
        b'0': _pop,
        b'1': lambda r: r.since_mark(),
        b'2': lambda r: r.stack.append(r.stack[-1]),
        # numbers
        b'N': _push(lambda r: None),
        b'\x88': _push(lambda r: True),
        b'\x89': _push(lambda r: False),
        b'I': _push(_int_line),
        b'L': _push(lambda r: _whole(r.stream.line())),
        b'J': _push(lambda r: r.number('<i')),
        b'K': _push(lambda r: r.number('B')),
        b'M': _push(lambda r: r.number('<H')),
        b'\x8a': _push(lambda r: _long(r, r.number('B'))),
        b'\x8b': _push(lambda r: _long(r, r.number('<I'))),
        b'F': _push(lambda r: float(r.stream.line())),
        b'G': _push(lambda r: r.number('>d')),
        # texts and bytes
        b'S': _push(_quoted),
        b'T': _push(lambda r: _old_text(r.stream.read(r.number('<i')))),
        b'U': _push(lambda r: _old_text(r.stream.read(r.number('B')))),
        b'V': _push(lambda r: r.stream.line().decode('raw_unicode_escape')),
        b'X': _push(lambda r: _text(r, r.number('<I'))),
        b'\x8c': _push(lambda r: _text(r, r.number('B'))),
        b'\x8d': _push(lambda r: _text(r, r.number('<Q'))),
        b'B': _push(lambda r: r.stream.read(r.number('<I'))),
        b'C': _push(lambda r: r.stream.read(r.number('B'))),
        b'\x8e': _push(lambda r: r.stream.read(r.number('<Q'))),
        b'\x96': _push(lambda r: r.stream.read(r.number('<Q'))),
        # containers
        b'}': _container(lambda r: {}),
        b']': _container(lambda r: []),
        b')': _push(lambda r: ()),
        b'\x8f': _container(lambda r: set()),
        b'l': _container(lambda r: r.since_mark()),
        b't': _container(lambda r: tuple(r.since_mark())),
        b'\x85': _container(lambda r: _last(r, 1)),
        b'\x86': _container(lambda r: _last(r, 2)),
        b'\x87': _container(lambda r: _last(r, 3)),
        b'\x91': _container(lambda r: frozenset(map(key, r.since_mark()))),
        b'd': _container(lambda r: dict(ordered(_pairs(r.since_mark())))),
        b's': lambda r: r.fill(_pairs(list(_last(r, 2)))),
        b'u': lambda r: r.fill(_pairs(r.since_mark())),
        b'a': lambda r: r.extend(list(_last(r, 1))),
        b'e': lambda r: r.extend(r.since_mark()),
        b'\x90': lambda r: r.extend(r.since_mark()),
        # memo
        b'p': lambda r: _remember(r, _whole(r.stream.line())),
        b'q': lambda r: _remember(r, r.number('B')),
        b'r': lambda r: _remember(r, r.number('<I')),
        b'\x94': lambda r: _remember(r, len(r.memo)),
        b'g': _push(lambda r: r.memo[_whole(r.stream.line())]),
        b'h': _push(lambda r: r.memo[r.number('B')]),
        b'j': _push(lambda r: r.memo[r.number('<I')]),
        # classes, calls and references to what lies outside
        b'c': _push(lambda r: r.name(_line(r), _line(r))),
        b'\x93': _push(lambda r: r.name(*_last(r, 2))),
        b'R': _push(lambda r: r.call(*_last(r, 2))),
        b'\x81': _push(lambda r: r.make(*_last(r, 2))),
        b'\x92': _push(lambda r: r.make(*_last(r, 3)[:2])),
        b'i': _push(_named_object),
        b'o': _push(_marked_object),
        b'b': lambda r: r.build(*_last(r, 1)),
        b'P': _push(lambda r: r.refer(_line(r))),
        b'Q': _push(lambda r: r.refer(*_last(r, 1))),
    }.items()
}
STOP = ord('.')
