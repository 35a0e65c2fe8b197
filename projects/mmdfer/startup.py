"""What the libraries do at every start, or over and over, and need do once or not at all."""
from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from .imports import after_import, around_import

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
        return getattr(importlib.import_module(self.__name__), name)


def put_off_nltk(module: Any, execute: Callable[[], None]) -> bool:
    """Load NLTK, and scikit-learn with it, when MMAction2's one data set of sentences asks for it."""
    if 'nltk' in sys.modules or importlib.util.find_spec('nltk') is None:
        execute()
        return False
    sys.modules['nltk'] = Later('nltk')
    try:
        execute()                                   # the module keeps what stands for NLTK
    finally:
        del sys.modules['nltk']
    return True


def install() -> None:
    """Have it done as soon as what it is about is imported; safe to call again."""
    after_import('mmengine', format_configs_once)
    around_import('mmaction.datasets.charades_sta_dataset', put_off_nltk)
