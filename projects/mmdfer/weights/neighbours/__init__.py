"""The released files of neighbouring systems: by kind what converts a state dict, and a key that it is known by."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import claip_emo, fru_adapter, mae_dfer, s4d, svfap

NEIGHBOURS: dict[str, tuple[Callable[..., Any], str]] = {
    'claip_emo': (claip_emo.convert, claip_emo.WITNESS),
    'fru_adapter': (fru_adapter.convert, fru_adapter.WITNESS),
    'mae_dfer': (mae_dfer.convert, mae_dfer.WITNESS),
    's4d': (s4d.convert, s4d.WITNESS),
    'svfap': (svfap.convert, svfap.WITNESS),
}
