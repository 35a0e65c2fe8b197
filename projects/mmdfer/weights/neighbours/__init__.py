"""The released files of neighbouring systems: by kind what converts a state dict, and a key that it is known by."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import dk_clip, emoclip, former_dfer, ial, m3dfel, mae_dfer, svfap

NEIGHBOURS: dict[str, tuple[Callable[..., Any], str]] = {
    name: (system.convert, system.WITNESS)
    for name, system in (('dk_clip', dk_clip), ('emoclip', emoclip), ('former_dfer', former_dfer), ('ial', ial),
                         ('m3dfel', m3dfel), ('mae_dfer', mae_dfer), ('svfap', svfap))
}
