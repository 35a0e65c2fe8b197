"""Hooks and the optimizer constructor."""
from .adapter_checkpoint_hook import AdapterCheckpointHook
from .dataset_hooks import BadClipsHook, EpochSeedHook
from .tunable_optim import TunableOptimWrapperConstructor

__all__ = ['AdapterCheckpointHook', 'BadClipsHook', 'EpochSeedHook', 'TunableOptimWrapperConstructor']
