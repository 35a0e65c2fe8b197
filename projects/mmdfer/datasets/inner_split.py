"""A validation part split off the training clips, for sets that publish none."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from .errors import DatasetError

PARTS = ('train', 'val')


def check_inner(inner: str | None, share: float) -> None:
    """Refuse a part that does not exist and a share that leaves one of the parts empty.

    Raises:
        DatasetError: naming the argument.
    """
    if inner is not None and inner not in PARTS:
        raise DatasetError(f"inner={inner!r} does not exist: choose 'train' or 'val', or None for all clips")
    if not 0 < share < 1:
        raise DatasetError(
            f'inner_share={share}: the validation part is a share of the training clips between 0 and 1, '
            'such as 0.1')


def validation_part(names: Sequence[str], labels: Sequence[int], share: float = 0.1, seed: int = 0) -> list[bool]:
    """Which clips belong to the validation part.

    The draw is per clip and stratified: of each class ``round(share · n)`` clips of n, at least one and never
    all; a class of one clip stays in training. It depends on names, labels and seed, not on the list's
    order. Sets such as DFEW do not say who is in a clip, so people may be in both parts.

    Args:
        names: clip names, (N,).
        labels: their classes, (N,).
        share: the validation part of each class, in (0, 1).
        seed: of the draw, no other than the same for every run that is to be compared.
    """
    by_class = defaultdict(list)
    for index, label in enumerate(labels):
        by_class[label].append(index)
    chosen = [False] * len(names)
    for label, members in by_class.items():
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        members.sort(key=lambda index: (len(names[index]), names[index]))
        for place in np.random.default_rng([seed, label]).permutation(len(members))[:count]:
            chosen[members[place]] = True
    return chosen
