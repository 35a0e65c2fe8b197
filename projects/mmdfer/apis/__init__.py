"""What the commands and scripts call."""
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..run_config import load_config
    from .configs import list_configs
    from .inference import DFERInferencer
    from .public import count_parameters, test, train

__all__ = ['DFERInferencer', 'count_parameters', 'list_configs', 'load_config', 'test', 'train']

FACE = {'DFERInferencer': '.inference', 'count_parameters': '.public', 'list_configs': '.configs',
        'load_config': '..run_config', 'test': '.public', 'train': '.public'}
"""Where each comes from; it is imported when it is first used."""


def __getattr__(name: str):
    if name not in FACE:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(FACE[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
