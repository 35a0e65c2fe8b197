"""mmdfer: dynamic facial expression recognition with adapters, on MMAction2.

Importing the package imports neither PyTorch nor mmengine. It has the mends of :mod:`mmdfer.compat` done as soon as the
libraries that they mend are imported, and every model, op, data set, transform, metric and hook registered when a name
is first looked up in a registry, so that ``custom_imports=dict(imports=['mmdfer'])`` is all that an MMAction2 config
needs. Rooms such as ``mmdfer.adapters`` are imported when they are used.
"""
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from . import compat, openmmlab, startup
from .version import __version__

if TYPE_CHECKING:
    from .apis import DFERInferencer, count_parameters, list_configs, load_config, test, train

# mmcv-lite carries no compiled ops and says so at every start; nothing here uses them.
warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')

compat.install()
openmmlab.install()
startup.install()

ROOMS = ('adapters', 'apis', 'backbones', 'blending', 'captions', 'datasets', 'engine', 'evaluation', 'explain', 'face',
         'heads', 'losses', 'ops', 'recognizers', 'runs', 'text', 'video', 'weights')

__all__ = ['DFERInferencer', '__version__', 'count_parameters', 'list_configs', 'load_config', 'test', 'train']


def __getattr__(name: str):
    if name in ROOMS:
        return import_module(f'.{name}', __name__)
    if name in __all__:
        return getattr(import_module('.apis', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *ROOMS})
