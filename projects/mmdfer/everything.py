"""Importing this registers all that a config can name: models, ops, data sets, transforms, metrics and hooks.

Nobody needs to: the first look-up in any registry does (:func:`mmdfer.openmmlab.register_on_first_lookup`).
"""
from . import (
    adapters,
    backbones,
    blending,
    captions,
    datasets,
    engine,
    face,
    heads,
    losses,
    ops,
    recognizers,
    text,
    weights,
)
from .evaluation import recall_metric
from .runs import recording

ROOMS = (adapters, backbones, blending, captions, datasets, engine, face, heads, losses, ops, recall_metric,
         recognizers, recording, text, weights)
