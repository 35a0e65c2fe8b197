"""Pickles read without being run: numbers, texts, containers, and stand-ins for everything else."""
from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .errors import AsksToRun, Unreadable
from .pickle_parts import CONTAINERS, LEFT_OUT, Global, Record, Stream, key
from .pickle_steps import STEPS, STOP

# A checkpoint of the largest models here has some 100,000 steps; what is far beyond was made to fill the memory.
MOST_STEPS, MOST_CONTAINERS = 2_000_000, 500_000
_PYTHON_2 = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}


class PickleReader:
    """The machine of Python's pickles without what runs code.

    A class or function that a pickle names is a :class:`Global`, and an object of it a :class:`Record`. The
    calls in ``known`` alone are made, and they are functions of ours. What is made is bounded by the length of
    the pickle, so that a small one cannot fill the memory.

    Args:
        stream: where the pickle begins.
        known: dotted names, and what is called in their place.
        constants: dotted names, and what stands for them.
        persistent: what a reference to something outside, such as a storage, stands for.
    """

    stream: Stream

    def __init__(self, stream: Stream, known: dict[str, Callable] = CONTAINERS, constants: dict[str, Any] | None = None,
                 persistent: Callable[[Any], Any] | None = None) -> None:
        self.stream, self.known, self.constants, self.persistent = stream, known, constants or {}, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.left_out: dict[str, None] = {}         # names of what stand-ins are there for, in order
        self._containers = self._copied = 0

    def read(self) -> Any:
        """The object that the pickle describes.

        Raises:
            AsksToRun: if it calls anything that is not known to make data.
            Unreadable: if it is damaged or was made to fill the memory.
        """
        try:
            for _ in range(MOST_STEPS):
                code = self.stream.read(1)[0]
                if code == STOP:
                    return self.stack.pop()
                STEPS[code](self)
        except (AsksToRun, Unreadable):
            raise
        except Exception as error:                  # a damaged pickle fails in any way
            raise Unreadable(f'its pickle is damaged ({type(error).__name__})') from None
        raise Unreadable(f'its pickle has more than {MOST_STEPS:,} steps')

    # What the steps are made of.

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.stream.read(struct.calcsize(form)))[0]

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def count(self) -> None:
        self._containers += 1
        if self._containers > MOST_CONTAINERS:
            raise Unreadable(f'its pickle has more than {MOST_CONTAINERS:,} containers')

    def name(self, module: Any, name: Any) -> Any:
        if not isinstance(module, str) or not isinstance(name, str):
            raise Unreadable('its pickle names a class by something that is no text')
        found = Global(f'{_PYTHON_2.get(module, module)}.{name}')
        return self.constants.get(found.name, found)

    def call(self, kind: Any, args: Any) -> Any:
        """What a call gives: of what is known, its value; of what makes data that is not needed, a stand-in."""
        self.count()
        if not isinstance(kind, Global) or not isinstance(args, tuple):
            raise AsksToRun(f'it calls {kind.kind if isinstance(kind, Record) else "an object"}')
        if kind.name in self.known:
            self._copy(args)
            return self.known[kind.name](*args)
        if kind.name == 'copyreg._reconstructor' and args and isinstance(args[0], Global):
            return self._stand_in(args[0])          # how protocols 0 and 1 make an object
        if not kind.name.startswith(LEFT_OUT):
            raise AsksToRun(f'it calls {kind}')
        return self._stand_in(kind)

    def make(self, kind: Any, args: Any) -> Any:
        """A new object of a class, as it is before it is set to anything."""
        self.count()
        if not isinstance(kind, Global):
            raise Unreadable('its pickle makes an object of something that is no class')
        if kind.name in CONTAINERS:
            self._copy(args)
            return CONTAINERS[kind.name](*args)
        return self._stand_in(kind)

    def _stand_in(self, kind: Global) -> Record:
        self.left_out[kind.name] = None
        return Record(kind)

    def _copy(self, args: tuple) -> None:
        """Bound what is copied: each byte of a pickle is copied once, unless it was made to fill the memory."""
        self._copied += sum(len(value) for value in args if isinstance(value, (str, bytes, list, tuple, dict, set)))
        if self._copied > 2 * self.stream.size:
            raise Unreadable('its pickle copies more than it holds')

    def fill(self, pairs: list[tuple]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update((key(name), value) for name, value in pairs)
        elif not isinstance(target, Record):
            raise Unreadable('its pickle puts entries into something that has none')

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, set):
            target.update(map(key, values))
        elif not isinstance(target, Record):
            raise Unreadable('its pickle puts elements into something that has none')

    def build(self, state: Any) -> None:
        target: Any = self.stack[-1]
        if isinstance(target, Record):
            target.state = state
        elif isinstance(target, OrderedDict) and isinstance(state, dict):
            target._metadata = _versions(state.get('_metadata'))            # type: ignore[attr-defined]
        else:
            raise Unreadable(f'its pickle sets a {type(target).__name__} by means of its own')

    def refer(self, pid: Any) -> Any:
        if self.persistent is None:
            raise Unreadable('its pickle refers to something outside of it')
        return self.persistent(pid)


def _versions(found: Any) -> OrderedDict:
    """The versions of modules that torch keeps beside a state dict, by the modules' names."""
    entries = found.items() if isinstance(found, dict) else ()
    return OrderedDict((name, dict(version=entry['version'])) for name, entry in entries
                       if isinstance(name, str) and isinstance(entry, dict) and isinstance(entry.get('version'), int))
