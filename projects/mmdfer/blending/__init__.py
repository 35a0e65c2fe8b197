"""Mixing of the clips of a batch, beside MMAction2's Mixup and CutMix."""
from .fmix import FMixBlending, fmix_mask

__all__ = ['FMixBlending', 'fmix_mask']
