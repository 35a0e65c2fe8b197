"""Edges of maps behind convolutions that halve them."""
from __future__ import annotations


def halved(size: int, times: int) -> int:
    """The edge of a map after convolutions of kernel 3 or 7 and stride 2, padded to halve it: upwards if it is odd."""
    for _ in range(times):
        size = (size + 1) // 2
    return size
