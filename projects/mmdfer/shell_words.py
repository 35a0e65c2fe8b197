"""Commands as they are printed for a user to type: any name comes through a shell and the options as it is."""
from __future__ import annotations

import os
import shlex


def argument(path: str | os.PathLike) -> str:
    """A path as a word of a command; one that begins with ``-`` is no option."""
    text = os.fspath(path)
    return shlex.quote(f'./{text}' if text.startswith('-') else text)


def config_option(key: str, value: object) -> str:
    """``key=value`` as a word behind ``--cfg-options``; a text that would be read as a list or a number is quoted."""
    text = str(value)
    if isinstance(value, str) and not _is_read_as_it_is(text):
        text = f'"{text}"'
    return shlex.quote(f'{key}={text}')


def read_value(text: str):
    """What ``--cfg-options key=TEXT`` sets: a number, ``True``, ``None``, a list ``a,b`` or ``[a,b]``, or the text.

    As mmengine reads it, but that a text keeps its spaces, and one in quotes is a text whatever is in it.

    Raises:
        ValueError: for brackets that do not close.
    """
    from mmengine.config import DictAction
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in '"\'' else None
    if bare is not None and not _is_bracketed(bare):
        return bare
    if ',' not in text and not _is_bracketed(text.strip('\'"')):
        return DictAction._parse_int_float_bool(text)
    try:
        return DictAction._parse_iterable(text)
    except (AssertionError, RecursionError):
        raise ValueError(f'{text}: brackets in it do not close; put a text in quotes of its own') from None


def _is_read_as_it_is(text: str) -> bool:
    try:
        return read_value(text) == text
    except ValueError:
        return False


def _is_bracketed(text: str) -> bool:
    return text[:1] + text[-1:] in ('[]', '()')
