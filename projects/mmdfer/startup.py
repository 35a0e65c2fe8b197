"""What the libraries do at every start, or over and over, and need do once or not at all."""
from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import partial, wraps
from types import ModuleType
from typing import Any

from .imports import Around, after_import, around_import

CONFIGS = 32
"""How many configs' texts are kept."""


def format_configs_once() -> bool:
    """Format the text of a config once.

    mmengine runs yapf over the whole config for every checkpoint, log and visualizer that gets its text: half a
    second each, a quarter of the time of a short run.
    """
    from mmengine.config import config as config_module
    if hasattr(config_module.FormatCode, '__wrapped__'):
        return False
    format_code, known = config_module.FormatCode, OrderedDict()

    @wraps(format_code)
    def once(text: str, **kwargs):
        key = text, repr(kwargs)
        if key not in known:
            known[key] = format_code(text, **kwargs)
            if len(known) > CONFIGS:
                known.popitem(last=False)
        return known[key]

    config_module.FormatCode = once
    return True


class Later(ModuleType):
    """Stands for a module of its name that is imported when something of it is asked for."""

    def __getattr__(self, name: str):
        if sys.modules.get(self.__name__) is self:          # it stands there, and is asked what kind of module it is
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def put_off(name: str, *functions: str) -> Around:
    """Let a module be imported with a stand-in for module ``name``, which is loaded when something of it is used.

    Args:
        name: the module that costs time.
        functions: what is taken from it by name as the other is imported.
    """
    def call(module: Any, execute: Callable[[], None]) -> bool:
        if name in sys.modules or importlib.util.find_spec(name) is None:
            execute()
            return False
        later = Later(name)
        for function in functions:
            setattr(later, function, partial(_call, name, function))
        sys.modules[name] = later
        try:
            execute()                               # the module keeps what stands for the other
        finally:
            del sys.modules[name]
        return True

    return call


def _call(name: str, function: str, *args, **kwargs):
    return getattr(importlib.import_module(name), function)(*args, **kwargs)


# One data set of MMAction2 asks for NLTK, which brings scikit-learn; one transform of skeletons for SciPy's statistics.
put_off_nltk = put_off('nltk')
put_off_statistics = put_off('scipy.stats', 'mode')


def install() -> None:
    """Have it done as soon as what it is about is imported; safe to call again."""
    after_import('mmengine', format_configs_once)
    around_import('mmaction.datasets.charades_sta_dataset', put_off_nltk)
    around_import('mmaction.datasets.transforms.pose_transforms', put_off_statistics)
