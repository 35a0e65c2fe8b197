"""The mark of a drawn set, by which it is told from a real one whatever config it is read with."""
from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

MARK, FORMAT = 'meta.json', 'mmdfer-synthetic-dfer'


def is_drawn(root: str | os.PathLike) -> bool:
    """Whether a data set's folder, or one that it lies in, is what ``mmdfer demo-clips`` has drawn."""
    return _is_drawn(os.path.abspath(root))


@lru_cache(maxsize=64)
def _is_drawn(root: str) -> bool:
    for folder in [Path(root), *Path(root).parents][:3]:
        try:
            found = json.loads((folder / MARK).read_text(encoding='utf-8'))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(found, dict) and found.get('format') == FORMAT:
            return True
    return False
