"""S2D: landmark-guided stages before the blocks of an image transformer."""
from .landmarks import LandmarkFeatures
from .mobilefacenet import MobileFaceNet
from .s2d_vit import S2DViT
from .stages import Stage, Stages

__all__ = ['LandmarkFeatures', 'MobileFaceNet', 'S2DViT', 'Stage', 'Stages']
