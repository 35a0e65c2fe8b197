"""Hooks and the optimizer constructor."""
from .adapter_checkpoint_hook import AdapterCheckpointHook
from .compile_hook import CompileBackboneHook
from .dataset_hooks import BadClipsHook, EpochSeedHook
from .predictions_hook import PredictionsHook
from .tunable_ema import TunableEMAHook
from .tunable_optim import TunableOptimWrapperConstructor

__all__ = [
    'AdapterCheckpointHook', 'BadClipsHook', 'CompileBackboneHook', 'EpochSeedHook', 'PredictionsHook',
    'TunableEMAHook', 'TunableOptimWrapperConstructor'
]
