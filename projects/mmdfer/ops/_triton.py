"""Triton, where it is there; where not, a stand-in with which the kernels' files still load, and why."""
from __future__ import annotations

from typing import Any

#: Why Triton cannot be used here, or ``None`` where it can.
TROUBLE: str | None = None

try:
    import triton
    import triton.language as tl
except Exception as error:          # a broken Triton raises anything: of its libraries, its driver, its own state
    TROUBLE = f'{type(error).__name__}: {error}' if str(error) else type(error).__name__

    class _Absent:
        """Decorates nothing, and is asked for nothing else."""

        @staticmethod
        def jit(function: Any) -> Any:
            return function

    triton, tl = _Absent(), None


def blocks_of(count: int, block: int) -> int:
    """How many blocks hold so many. Triton's ``cdiv`` does the same in some ten times the time."""
    return -(-count // block)


def power_above(number: int) -> int:
    """The least power of 2 that is no less, as Triton's ``next_power_of_2``."""
    return 1 << (number - 1).bit_length()


__all__ = ['TROUBLE', 'blocks_of', 'power_above', 'tl', 'triton']
