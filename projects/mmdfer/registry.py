"""The registries that this project adds to, and its own.

Models, datasets and transforms go into MMAction2's own registries, as its projects' do. What serves any
OpenMMLab toolbox (the D²Conv3D layer, the metric, samplers, hooks, the optimizer constructor, the
sharding strategy) goes into mmengine's root registries, where a config of any default scope finds it by its plain name.
What OpenMMLab has no kind of (video readers, face finders) has registries here (:class:`Parts`).
"""
from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from mmaction.registry import DATASETS, MODELS, TRANSFORMS
from mmengine.registry import DATA_SAMPLERS, HOOKS, METRICS, OPTIM_WRAPPER_CONSTRUCTORS, STRATEGIES, Registry

__all__ = [
    'DATASETS', 'DATA_SAMPLERS', 'HOOKS', 'METRICS', 'MODELS', 'OPTIM_WRAPPER_CONSTRUCTORS', 'Parts', 'STRATEGIES',
    'TRANSFORMS', 'VIDEO_READERS', 'nearest'
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


def build_part(cfg: dict, registry: Parts, **kwargs: Any) -> Any:
    """Build ``dict(type=NAME, ...)``.

    Raises:
        ValueError: for a name that is not registered; it tells the nearest ones.
    """
    settings = dict(cfg, **kwargs)
    name = settings.pop('type')
    kind = name if isinstance(name, type) else registry.get(name)
    if kind is None:
        raise ValueError(f'{name!r} is no {registry.name}: {nearest(name, registry.names())}')
    return kind(**settings)


def nearest(name: str, names: Iterable[str]) -> str:
    """What to choose in place of a name that does not exist: the nearest names, then all."""
    names = sorted(names)
    lower = {one.lower(): one for one in names}
    near = [lower[one] for one in difflib.get_close_matches(str(name).lower(), lower, 3, 0.6)]
    hint = f'did you mean {" or ".join(map(repr, near))}? ' if near else ''
    return f'{hint}choose one of {", ".join(names) or "(none)"}'


VIDEO_READERS = Parts('video reader', ['mmdfer.datasets.clips'])
