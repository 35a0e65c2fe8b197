"""Transforms that MMAction2 and mmpretrain do not have."""
from .captions import LoadCaption
from .clip import ClipDecode, ClipInit, SampleSegments
from .face_maps import LoadFaceMaps
from .image import CropFaceBox
from .jitter import ClipColorJitter
from .window import SampleWindow

__all__ = [
    'ClipColorJitter', 'ClipDecode', 'ClipInit', 'CropFaceBox', 'LoadCaption', 'LoadFaceMaps', 'SampleSegments',
    'SampleWindow'
]
