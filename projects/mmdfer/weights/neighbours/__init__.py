"""The released files of neighbouring systems: by kind what converts a state dict, and a key that it is known by."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import s2d

NEIGHBOURS: dict[str, tuple[Callable[..., Any], str]] = {
    's2d': (s2d.convert, 'prompt_blocks.0.TMA.norm.weight'),
}
