"""Where fetched weights are kept."""
from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = 'MMDFER_CACHE'


def cache_folder() -> Path:
    """Where fetched weights are kept: ``$MMDFER_CACHE``, or ``mmdfer`` in the user's cache folder."""
    own = os.environ.get(CACHE_VARIABLE)
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(own) if own else Path(base) / 'mmdfer'
