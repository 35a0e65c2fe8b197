"""The released files of neighbouring systems: by kind what converts a state dict, and a key that it is known by."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import dk_clip, mae_dfer, s2d, svfap

NEIGHBOURS: dict[str, tuple[Callable[..., Any], str]] = {
    'dk_clip': (dk_clip.convert, dk_clip.WITNESS),
    'mae_dfer': (mae_dfer.convert, mae_dfer.WITNESS),
    's2d': (s2d.convert, s2d.WITNESS),
    'svfap': (svfap.convert, svfap.WITNESS),
}
