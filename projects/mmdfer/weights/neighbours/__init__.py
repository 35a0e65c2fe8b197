"""The released files of neighbouring systems: by kind what converts a state dict, and a key that it is known by."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import claip_emo, dk_clip, emoclip, former_dfer, fru_adapter, ial, m3dfel, mae_dfer, mae_sfer, s2d, s4d, svfap

NEIGHBOURS: dict[str, tuple[Callable[..., Any], str]] = {
    name: (system.convert, system.WITNESS)
    for name, system in (
        ('claip_emo', claip_emo), ('dk_clip', dk_clip), ('emoclip', emoclip), ('former_dfer', former_dfer),
        ('fru_adapter', fru_adapter), ('ial', ial), ('m3dfel', m3dfel), ('mae_dfer', mae_dfer),
        ('mae_sfer', mae_sfer), ('s2d', s2d), ('s4d', s4d), ('svfap', svfap))
}
