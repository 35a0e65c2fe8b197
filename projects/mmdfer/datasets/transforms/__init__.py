"""Transforms that MMAction2 and mmpretrain do not have."""
from .clip import ClipDecode, ClipInit, SampleSegments
from .image import CropFaceBox
from .jitter import ClipColorJitter
from .resize import PillowResize
from .window import SampleWindow

__all__ = ['ClipColorJitter', 'ClipDecode', 'ClipInit', 'CropFaceBox', 'PillowResize', 'SampleSegments', 'SampleWindow']
