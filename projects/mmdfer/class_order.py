"""Two orders of class names held against each other: the same, permuted, or of other classes."""
from __future__ import annotations

from collections.abc import Sequence

from .labels import find_emotion

#: Where a tensor's classes lie, or several such places of one whose values go by pairs of classes.
Axis = int | tuple[int, ...]


def places_of(ours: Sequence[str], theirs: Sequence[str]) -> list[int] | None:
    """Where each of our classes stands among theirs; ``None`` if they are not the same classes.

    Names are compared as they are, and if that fails by the emotions that they stand for, so that ``happy`` is
    ``Happiness``.
    """
    for keys in ((list(ours), list(theirs)), (_emotions(ours), _emotions(theirs))):
        if len(set(keys[0])) == len(keys[0]) == len(keys[1]) and set(keys[0]) == set(keys[1]):
            return [keys[1].index(key) for key in keys[0]]
    return None


def _emotions(names: Sequence[str]) -> list:
    """The emotions of names; a name that is none stands for itself."""
    return [find_emotion(name) or name for name in names]


def difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """How our classes differ from theirs, in words; empty if they do not."""
    lacking, besides = [name for name in theirs if name not in ours], [name for name in ours if name not in theirs]
    told = [f'{what} {", ".join(which)}' for what, which in (('missing', lacking), ('extra', besides)) if which]
    return '; '.join(told) or ('' if list(ours) == list(theirs) else 'the same in another order')


def listed(names: Sequence[str], most: int = 12) -> str:
    """Class names for a message."""
    return ', '.join(names[:most]) + (f' and {len(names) - most} more' if len(names) > most else '')
