"""Files that are whole or not there: written beside their name, and renamed when they are complete."""
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A path to write to, which takes the name ``path`` when the block ends well and is removed when it does not.

    The folder is made if it is missing. The name is hidden and this process's own, so that what a kill leaves is no
    frame, clip or checkpoint to anybody, and two processes never write into one file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.name}.{os.getpid()}.partial')
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(text: str, path: str | os.PathLike) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding='utf-8')


def write_json(content: Any, path: str | os.PathLike) -> None:
    """Write a JSON file whole or not at all."""
    write_text(json.dumps(content, indent=2) + '\n', path)


def read_json(path: str | os.PathLike) -> dict:
    """A JSON object from a file.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: where it holds no JSON object.
    """
    try:
        found = json.loads(Path(path).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path}: not JSON ({error}); remove it or write it again') from None
    if not isinstance(found, dict):
        raise ValueError(f'{path}: holds no JSON object')
    return found
