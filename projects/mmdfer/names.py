"""A misspelt name: what it may have meant."""
from __future__ import annotations

import difflib
from collections.abc import Iterable

SHORT_LIST = 15


def nearest(name: str, names: Iterable[str]) -> str:
    """What to choose in place of a name that does not exist: the nearest names, then all unless these are many."""
    known = sorted(names)
    lower = {one.lower(): one for one in known}
    near = [lower[one] for one in difflib.get_close_matches(str(name).lower(), lower, 3, 0.6)]
    hint = f'did you mean {" or ".join(map(repr, near))}? ' if near else ''
    if hint and len(known) > SHORT_LIST:
        return hint.strip()
    return f'{hint}choose one of {", ".join(known) or "(none)"}'


def check_name(what: str, name: str, names: Iterable[str]) -> None:
    """Refuse a name that is not among ``names``.

    Args:
        what: the option or field that it was given for.

    Raises:
        ValueError: with the nearest names.
    """
    names = list(names)
    if name not in names:
        raise ValueError(f'{what}: there is no {name!r}; {nearest(name, names)}')
