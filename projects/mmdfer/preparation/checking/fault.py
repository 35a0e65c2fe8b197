"""One fault of a copy of a data set."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Fault:
    """One kind of fault at one place. A ``note`` is worth knowing and no fault.

    ``examples`` name all that are at fault, where there are names; ``shown`` of them are told on a terminal.
    """
    kind: str
    where: str
    message: str
    examples: tuple[str, ...] = ()
    count: int = 1
    level: str = 'fault'
    shown: int = 5

    def entry(self) -> dict:
        """The fault as the report has it."""
        return {name: value for name, value in asdict(self).items() if name != 'shown'}

    def __str__(self) -> str:
        more = len(self.examples) - self.shown
        shown = ', '.join(self.examples[:self.shown]) + (f' and {more} more, which report.json names' if more > 0
                                                         else '')
        shown = f' (such as {shown})' if shown else ''
        return f'{self.kind}: {self.where}: {self.message}{shown}'


def some(names: Sequence[str]) -> dict:
    """How many there are, and their names, as a fault carries them."""
    return dict(examples=tuple(map(str, names)), count=len(names))
