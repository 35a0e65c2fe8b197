"""``settings.json``: what decides a run's figures, written once, by the training that holds the folder's lock.

The file holds ``config`` (the config's name), ``entries`` (the config's entries that decide figures, as text by dotted
name), ``text`` (the whole config as it ran) and ``changes`` (a sentence for each time that the run was resumed with
other entries). Runs from before hold the entries alone.
"""
from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import read_json, write_json
from .layout import SETTINGS

if TYPE_CHECKING:
    from mmengine.config import Config

# What decides a run's figures, and what below it does not.
DECIDING = ('model', 'train_dataloader', 'val_dataloader.dataset', 'test_dataloader.dataset', 'train_cfg',
            'optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'randomness', 'default_hooks', 'custom_hooks',
            'allow_seen')
NOT_DECIDING = ('data_root', 'check_leaks', 'num_workers', 'persistent_workers', 'prefetch_factor', 'pin_memory',
                'fold', 'default_hooks.logger', 'default_hooks.timer', 'default_hooks.checkpoint')
# What follows from the classes of the training set, which its type or metainfo tells.
FROM_CLASSES = ('num_classes', 'texts.classes', 'texts.dataset')


@dataclass(frozen=True)
class Settings:
    """A run's settings.

    Args:
        entries: of :func:`settings_of`.
        config: the config's name.
        text: the whole config; ``None`` for runs from before.
        changes: what was changed when the run was resumed, a sentence each time.
    """
    entries: dict[str, str]
    config: str | None = None
    text: str | None = None
    changes: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """What results carry of them."""
        return digest_of(self.entries, self.changes)


def settings_of(cfg: Config) -> dict[str, str]:
    """The entries that decide a run's figures, by dotted name: not folders, the fold, workers or logging."""
    flat: dict[str, str] = {}

    def walk(name: str, value) -> None:
        if name in NOT_DECIDING or name.rsplit('.', 1)[-1] in NOT_DECIDING or name.endswith(FROM_CLASSES):
            return
        if isinstance(value, dict) and value:
            for key in value:
                walk(f'{name}.{key}', value[key])
        elif isinstance(value, (list, tuple)) and any(isinstance(one, dict) for one in value):
            for index, one in enumerate(value):
                walk(f'{name}.{index}', one)
        else:
            flat[name] = repr(list(value) if isinstance(value, tuple) else value)

    for name in DECIDING:
        value = cfg
        for part in name.split('.'):
            value = (value or {}).get(part)
        if value is not None:
            walk(name, value)
    return flat


def differences(ours: dict[str, str], theirs: dict[str, str], most: int = 3) -> str:
    """What differs between two runs' settings, in words; empty if nothing does."""
    names = [name for name in dict.fromkeys([*theirs, *ours])
             if ours.get(name) != theirs.get(name) and not name.endswith(FROM_CLASSES)]
    told = [f'{name} is {theirs.get(name, "absent")} there and {ours.get(name, "absent")} here'
            for name in names[:most]]
    return '; '.join(told) + (f'; and {len(names) - most} more' if len(names) > most else '')


def digest_of(entries: dict[str, str], changes: list[str] | None = None) -> str:
    """SHA-256 of settings, the same whatever the order of the entries."""
    content = json.dumps([sorted(entries.items()), list(changes or ())])
    return hashlib.sha256(content.encode()).hexdigest()


def begin_settings(folder: str | os.PathLike, cfg: Config, resumed: bool) -> str:
    """Write the settings of a run that begins, or compare those of one that goes on.

    A run that goes on with other settings keeps a sentence about it, so that no later reader takes it for a run of the
    settings that it ended with.

    Args:
        folder: the run's folder, whose lock this process holds.
        cfg: the config, as it will run.
        resumed: whether the run goes on from a checkpoint.

    Returns:
        What differs from the settings that the run began with; empty if nothing does.
    """
    entries = settings_of(cfg)
    before = read_settings(folder) if resumed else None
    changed = differences(entries, before.entries) if before is not None else ''
    if before is not None and not changed and before.text is not None:
        return ''
    changes = [*(before.changes if before is not None else ()), *([changed] if changed else ())]
    write_json(asdict(Settings(entries, config_name(cfg), cfg.pretty_text, changes)), Path(folder) / SETTINGS)
    return changed


def config_name(cfg: Config) -> str | None:
    """A config's name: its file's stem."""
    return Path(cfg.filename).stem if cfg.filename else None


def read_settings(folder: str | os.PathLike) -> Settings | None:
    """A run's settings; ``None`` where it left none.

    Raises:
        ValueError: for a file that holds none.
    """
    path = Path(folder) / SETTINGS
    if not path.is_file():
        return None
    found = read_json(path)
    if 'entries' not in found:
        return Settings(found)
    try:
        return Settings(**found)
    except TypeError as error:
        raise ValueError(f'{path}: no settings of a run ({error})') from None


def parse_config(text: str) -> Config:
    """A config from the text of ``Config.pretty_text``: nothing in it is replaced, and no module is imported."""
    from mmengine.config import Config
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'config.py'
        path.write_text(text, encoding='utf-8')
        return Config.fromfile(path, use_predefined_variables=False, import_custom_modules=False,
                               use_environment_variables=False)
