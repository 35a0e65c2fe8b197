"""What can be wrong with a user's data, as errors whose message stands alone."""
from __future__ import annotations

from collections.abc import Sequence


class DatasetError(ValueError):
    """A data set that cannot be used: a missing folder, an unreadable list, labels that cannot be told."""


class ListError(DatasetError):
    """A list with lines that cannot be used; ``lines`` tells of each of them."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)


class BadClipError(ValueError):
    """One clip that cannot be read: no frames, a frame or video that does not decode."""
