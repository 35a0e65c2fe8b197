"""Mixing of the clips of a batch, beside MMAction2's Mixup and CutMix."""
from .fmix import FMixBlending, fmix_mask
from .mixup import ClippedMixupBlending

__all__ = ['ClippedMixupBlending', 'FMixBlending', 'fmix_mask']
