"""Transforms that MMAction2 and mmpretrain do not have."""
from .clip import ClipDecode, ClipInit, SampleSegments
from .image import CropFaceBox, ImageToClip
from .jitter import ClipColorJitter
from .neighbours import SampleCircular, SampleJittered, SampleSnippets
from .rand_augment import ClipRandAugment
from .resize import PillowResize
from .window import SampleStridedWindow, SampleWindow

__all__ = [
    'ClipColorJitter', 'ClipDecode', 'ClipInit', 'ClipRandAugment', 'CropFaceBox', 'ImageToClip', 'PillowResize',
    'SampleCircular', 'SampleJittered', 'SampleSegments', 'SampleSnippets', 'SampleStridedWindow', 'SampleWindow'
]
