"""Windows of one lane (a person, or the whole frame) as its frames come in, with no more kept than a window needs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

EPSILON = 1e-6
LEAST_SEEN = 0.5  # share of a window's frames in which a person must be seen for it to be judged


@dataclass
class Window:
    """A window of a lane: seconds, what is kept of its frames, and the share of them in which the lane is seen."""

    start: float
    end: float
    items: list[Any]
    seen: float = 1.0


@dataclass
class Lane:
    """Frames of one lane, cut into windows of ``length`` seconds that begin every ``stride`` seconds.

    The last window ends with the lane; one shorter than a window is a single window. Frames (``items``) are let go of
    as soon as no window can want them.
    """

    length: float
    stride: float
    begin: float | None = None
    last: float = 0.0
    items: deque = field(default_factory=deque)  # (time, end, item)
    next_start: float = 0.0
    last_end: float | None = None

    def add(self, time: float, end: float, item: Any, frames_a_second: float) -> list[Window]:
        """A frame shown from ``time`` to ``end``; windows that it shows to be full, in order."""
        if self.begin is None:
            self.begin = self.next_start = time
        full = []
        while time >= self.next_start + self.length - EPSILON:
            full += self._cut(self.next_start, self.next_start + self.length, frames_a_second)
            self.next_start += self.stride
        self.items.append((time, end, item))
        self.last = end
        oldest = min(self.next_start, end - self.length)
        while self.items[0][0] < oldest - EPSILON:
            self.items.popleft()
        return full

    def finish(self, frames_a_second: float) -> list[Window]:
        """Windows that the lane's end leaves: the one that ends with it, if no other did."""
        if self.begin is None or not self.items:
            return []
        windows = []
        while self.last >= self.next_start + self.length - EPSILON:
            windows += self._cut(self.next_start, self.next_start + self.length, frames_a_second)
            self.next_start += self.stride
        if self.last_end is None or self.last_end < self.last - EPSILON:
            start = max(self.begin, self.last - self.length)
            windows += self._cut(start, self.last, frames_a_second)
        self.items.clear()
        return windows

    def absorb(self, other: Lane, frames_a_second: float) -> list[Window]:
        """The frames of another lane that turned out to be this one; its windows that are full now."""
        full = []
        for time, end, item in other.items:
            full += self.add(time, end, item, frames_a_second)
        return full

    def _cut(self, start: float, end: float, frames_a_second: float) -> list[Window]:
        inside = [item for time, _, item in self.items if start - EPSILON <= time < end - EPSILON]
        expected = max((end - start) * frames_a_second, 1.0)
        seen = min(len(inside) / expected, 1.0)
        if not inside or seen < LEAST_SEEN:
            return []
        self.last_end = end
        return [Window(start, end, inside, seen)]
