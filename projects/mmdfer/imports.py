"""What is done around the import of other packages' modules, when somebody imports them."""
from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Execute = Callable[[], None]
Around = Callable[[ModuleType, Execute], object]
"""Gets the new module and what runs its code, which it calls."""


def around_import(name: str, call: Around) -> None:
    """Let ``call`` run a module's code when the module is imported; nothing if it has been."""
    if name not in sys.modules:
        _hooks().calls.setdefault(name, []).append(call)


def after_import(name: str, call: Callable[[], object]) -> None:
    """Call ``call`` right after a module's code has run, or now if it has."""
    def run(module: ModuleType, execute: Execute) -> None:
        execute()
        call()

    if name in sys.modules:
        call()
    else:
        around_import(name, run)


@functools.cache
def compiled(name: str, instead: str) -> ModuleType | None:
    """A module that numba compiles; ``None`` where numba is not there or does not work.

    Args:
        name: the module's, from the package on, such as ``ops._columns``.
        instead: what is done without it. The log says so, once, where numba does not work; without numba, which is an
            extra, there is nothing to say.
    """
    try:
        return importlib.import_module(f'{__package__}.{name}')
    except ImportError:
        return None
    except Exception as error:
        from mmengine.logging import print_log
        print_log(f'numba does not work here ({error}): {instead}', logger='current')
        return None


def explain_missing(name: str, message: str) -> None:
    """Say ``message`` when a module is imported that is not there."""
    _hooks().missing[name] = message


def _hooks() -> ImportHooks:
    for finder in sys.meta_path:
        if isinstance(finder, ImportHooks):
            return finder
    hooks = ImportHooks()
    sys.meta_path.insert(0, hooks)
    return hooks


class ImportHooks(MetaPathFinder):
    """Finds the named modules by the other finders, and has their code run by the calls; others it leaves alone."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Around]] = {}
        self.missing: dict[str, str] = {}

    def find_spec(self, name: str, path=None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self.calls and name not in self.missing:
            return None
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None and name in self.missing:
            raise ModuleNotFoundError(self.missing[name], name=name)
        if spec is not None and spec.loader is not None and name in self.calls:
            spec.loader = HookedLoader(spec.loader, self.calls)
        return spec


class HookedLoader(Loader):
    """The loader that a module has, which runs the module's code within the calls and is then itself again."""

    def __init__(self, loader: Loader, calls: dict[str, list[Around]]) -> None:
        self.loader, self.calls = loader, calls

    def __getattr__(self, name: str):
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader

        def execute() -> None:
            self.loader.exec_module(module)

        for call in self.calls.pop(module.__name__, []):
            execute = _within(call, module, execute)
        execute()


def _within(call: Around, module: ModuleType, execute: Execute) -> Execute:
    def run() -> None:
        call(module, execute)

    return run
