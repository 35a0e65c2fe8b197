"""Operators that the backbones and adapters are built from."""
from .d2conv3d import D2Conv3d, d2conv3d
from .temporal import DepthwiseConv3d

__all__ = ['D2Conv3d', 'DepthwiseConv3d', 'd2conv3d']
