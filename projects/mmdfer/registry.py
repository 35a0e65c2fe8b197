"""The registries that this project adds to, and its own.

Models, datasets and transforms go into MMAction2's own registries, as its projects' do. What serves any
OpenMMLab toolbox (the D²Conv3D layer, the metric, samplers, hooks, the optimizer constructor, the
sharding strategy) goes into mmengine's root registries, where a config of any default scope finds it by its plain name.
What OpenMMLab has no kind of (video readers, face finders, text sources, modalities) has registries here
(:class:`Parts`).
"""
from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from mmaction.registry import DATASETS, MODELS, TRANSFORMS
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS as ROOT_DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    PARAM_SCHEDULERS,
    STRATEGIES,
    Registry,
)

from .names import nearest

__all__ = [
    'CONTEXT_POSITIONS', 'CONTEXT_STARTS', 'DATASETS', 'DATA_SAMPLERS', 'FACE_FINDERS', 'FACE_PARSERS', 'HOOKS',
    'LOOPS', 'METRICS', 'MODALITIES', 'MODELS', 'OPTIM_WRAPPER_CONSTRUCTORS', 'PARAM_SCHEDULERS', 'PROMPT_LEARNERS',
    'Parts', 'STRATEGIES', 'TEXT_REDUCTIONS', 'TEXT_SOURCES', 'TRANSFORMS', 'VIDEO_READERS', 'VISION_PROMPTS',
    'class_names', 'declared_sets', 'find_set', 'import_own', 'nearest'
]


class Parts(Registry):
    """A registry of one kind of part, whose names hold under every default scope.

    Args:
        name: the kind, as errors call it.
        locations: modules that register the project's own ones, imported when the first is looked up.
    """

    def __init__(self, name: str, locations: Iterable[str]) -> None:
        super().__init__(name, build_func=build_part, scope='mmdfer', locations=list(locations))

    def names(self) -> list[str]:
        """All that are registered, in alphabetical order."""
        self.import_from_location()
        return sorted(self.module_dict)

    def find(self, name: str, field: str) -> Any:
        """What is registered under a name that a config or option gives in ``field``, or ``MODULE.NAME`` of one's own.

        Raises:
            ValueError: for a name that is not registered; it tells the nearest ones.
        """
        if isinstance(name, str) and '.' in name:
            return import_own(name)
        kind = self.get(name) if isinstance(name, str) else None
        if not callable(kind):
            raise ValueError(f'{field}={name!r} is not known: {nearest(name, self.names())}')
        return kind


def build_part(cfg: dict, registry: Parts, **kwargs: Any) -> Any:
    """Build ``dict(type=NAME, ...)``; the name may be ``MODULE.NAME`` of one's own.

    Raises:
        ValueError: for a name that is not registered; it tells the nearest ones.
    """
    settings = dict(cfg, **kwargs)
    name = settings.pop('type')
    kind = name if isinstance(name, type) else import_own(name) if '.' in name else registry.get(name)
    if kind is None:
        raise ValueError(f'{name!r} is no {registry.name}: {nearest(name, registry.names())}')
    return kind(**settings)


def import_own(path: str) -> Any:
    """What ``MODULE.NAME`` names, of a module in the current folder or on ``PYTHONPATH``.

    Raises:
        ValueError: if there is no such module, or nothing of that name in it.
    """
    module, name = path.rsplit('.', 1)
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f'{module}.'.startswith(f'{error.name}.'):
            raise
        raise ValueError(
            f'{path}: there is no module {error.name!r} here; start in its folder, or put that on PYTHONPATH') from None
    if not hasattr(found, name):
        names = [one for one in vars(found) if not one.startswith('_')]
        raise ValueError(f'{path}: {module} has no {name!r}: {nearest(name, names)}')
    return getattr(found, name)


VIDEO_READERS = Parts('video reader', ['mmdfer.datasets.clips'])
# What finds and parses faces.
FACE_FINDERS = Parts('face finder', ['mmdfer.face.mediapipe_faces', 'mmdfer.face.facexformer',
                                      'mmdfer.face.facexformer_model'])
FACE_PARSERS = Parts('face parser', ['mmdfer.face.segformer'])
# What is told of a class, how a learner of prompts and its parts are made, and how several texts of a class become one.
TEXT_SOURCES = Parts('text source', ['mmdfer.text.sources'])
PROMPT_LEARNERS = Parts('prompt learner', ['mmdfer.text.prompts'])
CONTEXT_POSITIONS = Parts('position of the context', ['mmdfer.text.prompt_parts'])
CONTEXT_STARTS = Parts('start of the context', ['mmdfer.text.prompt_parts'])
VISION_PROMPTS = Parts('kind of vision prompts', ['mmdfer.text.prompt_parts'])
TEXT_REDUCTIONS = Parts('reduction of texts', ['mmdfer.text.reductions'])
# Ways to see a clip.
MODALITIES = Parts('modality', ['mmdfer.recognizers.modalities'])


def declared_sets() -> dict[str, type]:
    """The classes of all registered data sets that have a short name, a user's own as well, by that name.

    Raises:
        ValueError: if two of them have the same one.
    """
    import_module('mmdfer.datasets')
    found: dict[str, type] = {}
    for kind in dict.fromkeys([*DATASETS.module_dict.values(), *ROOT_DATASETS.module_dict.values()]):
        # A subclass that says nothing of its own is no set of its own.
        name = (vars(kind).get('METAINFO') or {}).get('dataset') if isinstance(kind, type) else None
        if name is None:
            continue
        if name in found:
            raise ValueError(
                f'{kind.__module__}.{kind.__name__} and {found[name].__module__}.{found[name].__name__} both '
                f"declare the data set {name!r}: give one of them another METAINFO['dataset']")
        found[name] = kind
    return found


def find_set(name: str, base: type = object) -> Any:
    """The class of the data set with a short name.

    Args:
        name: such as ``'dfew'``.
        base: what it must be derived from.

    Raises:
        ValueError: for a name that no such set has; it tells the nearest ones.
    """
    sets = {short: kind for short, kind in declared_sets().items() if issubclass(kind, base)}
    if name not in sets:
        raise ValueError(f'{name!r} is no data set known here: {nearest(name, sets)}')
    return sets[name]


def class_names(dataset: str) -> tuple[str, ...]:
    """The classes of the data set with a short name, in its canonical order.

    Raises:
        ValueError: for a name that no set has, or a set whose classes are those of a copy's folders.
    """
    classes = find_set(dataset).METAINFO.get('classes')
    if classes is None:
        raise ValueError(f'{dataset!r} has no classes of its own: they are named by the copy, or by metainfo')
    return tuple(classes)
