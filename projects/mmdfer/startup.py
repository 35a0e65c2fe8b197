"""What the libraries do at every start, or over and over, and need do once or not at all."""
from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import cache, partial, wraps
from types import ModuleType
from typing import Any

from .config_layout import lay_out
from .imports import Around, after_import, around_import

CONFIGS = 32
"""How many configs' texts are kept."""


def format_configs_once() -> bool:
    """Lay out the text of a config once, and quickly.

    mmengine runs yapf over the whole config for every checkpoint, log and visualizer that gets its text: from a quarter
    of a second to more than one each time, a quarter of a short run.
    """
    from mmengine.config import config as config_module
    if hasattr(config_module.FormatCode, '__wrapped__'):
        return False
    known: OrderedDict[str, str] = OrderedDict()

    @wraps(config_module.FormatCode)
    def once(text: str, **kwargs) -> tuple[str, bool]:
        if text not in known:
            known[text] = lay_out(text)
            if len(known) > CONFIGS:
                known.popitem(last=False)
        return known[text], True

    config_module.FormatCode = once
    return True


def look_at_the_machine_once() -> bool:
    """Ask each compiler for its version once in a process, not for every runner."""
    from mmengine.runner import runner as runner_module
    if hasattr(runner_module.collect_env, '__wrapped__'):
        return False
    look = cache(runner_module.collect_env)

    @wraps(runner_module.collect_env)
    def once() -> dict:
        return look().copy()                        # the runner adds what it is set to

    runner_module.collect_env = once
    return True


@cache
def set_modules_aside() -> None:
    """Take what is there by now from the garbage collector's rounds, once.

    mmengine collects as it builds each data set, and goes through all that the imported modules hold: a third of a
    second each time.
    """
    gc.collect()
    gc.freeze()


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
    after_import('mmengine.runner', look_at_the_machine_once)
    around_import('mmaction.datasets.charades_sta_dataset', put_off_nltk)
    around_import('mmaction.datasets.transforms.pose_transforms', put_off_statistics)
