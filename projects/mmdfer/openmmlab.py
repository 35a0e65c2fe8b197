"""What mmengine is told of this package: that it has configs, and what its registries may find in it."""
from __future__ import annotations

import importlib
import sys
from functools import wraps
from pathlib import Path

from .imports import after_import

NAME = 'mmdfer'


def name_configs() -> bool:
    """Make ``mmdfer::<name>`` known to mmengine's configs, for ``_base_``.

    mmengine takes the names of packages that it knows, and paths with a folder in them. Our configs have names without
    a folder, and lie beside a checkout. What a config takes over from ours gets no ``_scope_`` mark, since ours say
    themselves whose names they use.
    """
    from mmengine.config import Config
    from mmengine.config.utils import MODULE2PACKAGE
    if NAME in MODULE2PACKAGE:
        return False
    MODULE2PACKAGE[NAME] = NAME
    find = Config._get_cfg_path

    @wraps(find)
    def config_path(path: str, filename: str) -> tuple[str, str | None]:
        return (str(_own_config(path)), None) if _is_own(path) else find(path, filename)

    Config._get_cfg_path = staticmethod(config_path)
    return True


def open_configs_by_name() -> bool:
    """Let ``mmengine.hub.get_config`` open ``mmdfer::<name>``, see :func:`name_configs`."""
    from mmengine.hub import hub
    if hasattr(hub.get_config, '__wrapped__'):
        return False
    get = hub.get_config

    @wraps(get)
    def get_config(cfg_path: str, pretrained: bool = False):
        if not _is_own(cfg_path):
            return get(cfg_path, pretrained)
        if pretrained:
            raise ValueError(
                f'{cfg_path}: no trained weights are published with mmdfer; train it, or give a checkpoint')
        from .run_config import load_config
        return load_config(_own_name(cfg_path))

    hub.get_config = get_config
    return True


def _is_own(path: str) -> bool:
    return str(path).startswith(f'{NAME}::')


def _own_name(path: str) -> str:
    return path.removeprefix(f'{NAME}::').removesuffix('.py')


def _own_config(path: str) -> Path:
    """The file that ``mmdfer::<name>`` means: a config by its name, or any file below the configs folder."""
    from .config_names import check_path, config_root, find_file
    name = _own_name(path)
    file = config_root() / f'{name}.py'
    if not file.is_file():
        file = find_file(name) or file
    if not file.is_file():
        check_path(name)
    return file


def register_on_first_lookup() -> bool:
    """Register what this package has when a name is first looked up, in any registry but the package's own.

    mmengine's registries import the modules of their library at that moment too (``locations``), but for one registry
    at a time, and not for a parent's names. Here everything is registered at once, so that a config needs no more than
    ``custom_imports=dict(imports=['mmdfer'])`` and a script no more than ``import mmdfer``, before or after mmengine.
    """
    from mmengine.registry import Registry
    if hasattr(Registry.import_from_location, '__wrapped__') or f'{NAME}.everything' in sys.modules:
        return False
    import_from_location = Registry.import_from_location

    @wraps(import_from_location)
    def import_everything(self) -> None:
        if self.scope != NAME:
            Registry.import_from_location = import_from_location        # what is imported now may look names up itself
            try:
                importlib.import_module(f'{NAME}.everything')
            except BaseException:
                Registry.import_from_location = import_everything
                raise
        import_from_location(self)

    Registry.import_from_location = import_everything
    return True


def install() -> None:
    """Tell mmengine as soon as it is imported; safe to call again."""
    after_import('mmengine', name_configs)
    after_import('mmengine', register_on_first_lookup)
    after_import('mmengine.hub.hub', open_configs_by_name)
