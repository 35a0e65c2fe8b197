"""What is wrong with a weight file, told to its user."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


class CheckpointError(ValueError):
    """A weight file that cannot be used; the message names the file, what is wrong and what to do."""


class Unreadable(ValueError):
    """What is wrong in a file, in words; who knows the file's name makes a :class:`CheckpointError` of it."""


class AsksToRun(ValueError):
    """What a file would have run, had it been read by ``pickle``."""


def plain(text: object, most: int = 80) -> str:
    """A foreign name as it can stand in a message: on one line, without control characters, and not long."""
    line = ''.join(letter if letter.isprintable() else '?' for letter in str(text)[:most + 1])
    return line if len(line) <= most else f'{line[:most]}...'


@contextmanager
def tensors_as_named(path: str | os.PathLike) -> Iterator[None]:
    """Within it, tensors whose shapes are not what their names say make the file one that cannot be used.

    Raises:
        CheckpointError: naming the file, for any failure but a :class:`CheckpointError`, which tells more.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (LookupError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f'{path}: its tensors are not what their names say ({plain(error, 120)}); it is damaged or of '
            'another model') from error
