"""Notes below a table, numbered in the order in which its cells first refer to them."""
from __future__ import annotations

from collections.abc import Iterable

RAISED = str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹')


class Footnotes(list[str]):
    """The notes of a table, each once."""

    def numbers(self, notes: Iterable[str]) -> list[int]:
        """The numbers of some notes, ascending; new ones are added."""
        notes = list(notes)
        self.extend(note for note in dict.fromkeys(notes) if note not in self)
        return sorted({self.index(note) + 1 for note in notes})

    def mark(self, notes: Iterable[str]) -> str:
        """The same as raised numbers behind a space; empty for none."""
        return ''.join(f' {str(number).translate(RAISED)}' for number in self.numbers(notes))
