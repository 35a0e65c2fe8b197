"""The released files of neighbouring systems: by kind what converts a state dict, and a key that it is known by."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

NEIGHBOURS: dict[str, tuple[Callable[..., Any], str]] = {}
