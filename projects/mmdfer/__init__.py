"""mmdfer: dynamic facial expression recognition with adapters, on MMAction2.

Importing the package mends the OpenMMLab wheels where they need it (:mod:`mmdfer.compat`) and registers
every model, op, dataset, transform, metric and hook, so that
``custom_imports=dict(imports=['mmdfer'])`` is all an MMAction2 config needs.
"""
import warnings

# mmcv-lite carries no compiled ops and says so at every start; nothing here uses them.
warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')

from . import compat  # noqa: E402

compat.apply()

from . import (  # noqa: E402
    adapters, backbones, blending, captions, datasets, engine, evaluation, face, heads, losses, ops, recognizers, text,
    weights)
from .runs import recording  # noqa: E402,F401
from .version import __version__  # noqa: E402

__all__ = [
    '__version__', 'adapters', 'backbones', 'blending', 'captions', 'compat', 'datasets', 'engine', 'evaluation',
    'face', 'heads', 'losses', 'ops', 'recognizers', 'text', 'weights'
]
