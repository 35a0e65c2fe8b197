"""A released model under our names, and how its tensors are brought to them."""
from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .errors import CheckpointError

NUM_CLASSES = 'cls_head.num_classes'
#: The same of an image classifier.
IMAGE_CLASSES = 'head.num_classes'


@dataclass
class Release:
    """A released model under our names, and what its computation takes beside its weights.

    Args:
        state: the tensors.
        settings: entries of its config's ``model`` by dotted key.
        config: of its model on the first of ``sets``.
        tokens: the texts of its classes in tokens, for a model that has any.
        sets: short names of those that there is such a config for.
        frames: clips have so many frames, where it is not the configs' 16.
        orders: by a set's short name, in which of the set's ``ORDERS`` the release lists its classes.
        unused: names of tensors of the file that its computation leaves out.
        headless: whether it has no classifier, which is trained on top of it.
        whole: whether ``state`` must hold each tensor of the config's model, so that :mod:`mmdfer.apis` compares them.
        note: what the file does not tell and whoever tests it must know, a sentence for the report.
    """
    state: dict[str, Tensor]
    settings: dict[str, Any]
    config: str
    tokens: list[list[int]] = field(default_factory=list)
    sets: tuple[str, ...] = ('dfew', )
    frames: int | None = None
    orders: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    whole: bool = False
    note: str = ''
    headless: bool = False

    @property
    def classes(self) -> int | None:
        """Number of classes; ``None`` where no tensor goes by class, as with texts that are in no file."""
        classes = self.settings.get(NUM_CLASSES, self.settings.get(IMAGE_CLASSES))
        return None if classes is None else int(classes)

    def config_on(self, dataset: str | None) -> str:
        """Its config on a set, on the first of ``sets`` where there is none."""
        return self.config.replace(self.sets[0], dataset) if dataset in self.sets else self.config


def under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without the beginning."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with a beginning before their names."""
    return {prefix + key: value for key, value in state.items()}


def bring(state: Mapping[str, Tensor], rules: Sequence[tuple[str, str]], path: str | os.PathLike, system: str,
          unused: Iterable[str] = ()) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """A release's tensors under our names, each by the first rule whose pattern its whole name matches.

    Args:
        state: tensors by the release's names.
        rules: patterns and what stands in their place, as ``re.sub`` reads them.
        path: the file, for messages.
        system: whose release it is, for messages.
        unused: patterns of whole names that the release's computation leaves out.

    Returns:
        The tensors in float, and the names that were left out.

    Raises:
        CheckpointError: for a name that neither a rule nor ``unused`` knows, or two of one name here.
    """
    ours: dict[str, Tensor] = {}
    left_out: list[str] = []
    for key, value in state.items():
        if any(re.fullmatch(pattern, key) for pattern in unused):
            left_out.append(key)
            continue
        for pattern, place in rules:
            if found := re.fullmatch(pattern, key):
                name = found.expand(place)
                break
        else:
            raise CheckpointError(f'{path}: {key} {tuple(value.shape)} is no tensor of {system}; choose the file as it '
                                  'was released, of this system')
        if name in ours:
            raise CheckpointError(f'{path}: {key} has the place of another tensor, {name}; choose the file as released')
        ours[name] = value.float() if value.is_floating_point() else value
    return ours, tuple(left_out)
