"""Where fetched weights are kept."""
from __future__ import annotations

from ..files import cache_folder

__all__ = ['cache_folder']
