"""The released files of neighbouring systems: by kind what converts a state dict, and a key that it is known by."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import mae_dfer, svfap

NEIGHBOURS: dict[str, tuple[Callable[..., Any], str]] = {
    'mae_dfer': (mae_dfer.convert, mae_dfer.WITNESS),
    'svfap': (svfap.convert, svfap.WITNESS),
}
