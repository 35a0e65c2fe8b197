"""One fault of a copy of a data set."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One kind of fault at one place. A ``note`` is worth knowing and no fault."""
    kind: str
    where: str
    message: str
    examples: tuple[str, ...] = ()
    count: int = 1
    level: str = 'fault'

    def __str__(self) -> str:
        shown = f' (such as {", ".join(self.examples)})' if self.examples else ''
        return f'{self.kind}: {self.where}: {self.message}{shown}'


def some(names: Sequence[str]) -> dict:
    """How many there are, and the first few, as a fault carries them."""
    return dict(examples=tuple(map(str, names[:5])), count=len(names))
