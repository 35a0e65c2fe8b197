"""The released files of neighbouring systems: by kind what converts a state dict, and a key that it is known by."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import former_dfer, ial, m3dfel

NEIGHBOURS: dict[str, tuple[Callable[..., Any], str]] = {
    'former_dfer': (former_dfer.convert, former_dfer.WITNESS),
    'ial': (ial.convert, ial.WITNESS),
    'm3dfel': (m3dfel.convert, m3dfel.WITNESS),
}
