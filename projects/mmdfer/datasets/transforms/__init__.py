"""Transforms that MMAction2 does not have."""
from .clip import ClipDecode, ClipInit, SampleSegments

__all__ = ['ClipDecode', 'ClipInit', 'SampleSegments']
