"""Clips of a set in one file, memory-mapped."""
from .layout import PackError
from .reader import Pack, PackedClip
from .writer import PackWriter

__all__ = ['Pack', 'PackError', 'PackWriter', 'PackedClip']
