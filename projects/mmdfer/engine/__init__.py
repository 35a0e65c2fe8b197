"""Hooks and the optimizer constructor."""
from .accumulation import AccumulationHook, accumulate, clips_a_step
from .adapter_checkpoint_hook import AdapterCheckpointHook
from .anchor_hook import AnchorHook
from .class_counts_hook import ClassCountsHook
from .classes_hook import ClassesHook
from .compile_hook import CompileBackboneHook
from .dataset_hooks import BadClipsHook, EpochSeedHook
from .distinct_views_hook import DistinctViewsHook
from .loaders import EndWorkersHook, fit_loaders, set_workers, shield_workers
from .seen_clips_hook import SeenClipsHook, seen_clips_of
from .sharding import BlockFSDPStrategy
from .starting import StartHook, allow_random_towers, check_start
from .stopping import StopHook
from .tracking import TrackerBackend, track, without_trackers
from .tunable_ema import TunableEMAHook
from .tunable_optim import TunableOptimWrapperConstructor
from .tunable_swa import TunableSWAHook
from .video_image_loop import VideoImageTrainLoop
from .warm_up import WarmUpCosineLR

__all__ = [
    'AccumulationHook', 'AdapterCheckpointHook', 'AnchorHook', 'BadClipsHook', 'BlockFSDPStrategy',
    'ClassCountsHook', 'ClassesHook', 'CompileBackboneHook', 'DistinctViewsHook', 'EndWorkersHook', 'EpochSeedHook',
    'SeenClipsHook', 'StartHook', 'StopHook', 'TrackerBackend', 'TunableEMAHook', 'TunableOptimWrapperConstructor',
    'TunableSWAHook', 'VideoImageTrainLoop', 'WarmUpCosineLR', 'accumulate', 'allow_random_towers', 'check_start',
    'clips_a_step', 'fit_loaders', 'seen_clips_of', 'set_workers', 'shield_workers', 'track', 'without_trackers'
]
