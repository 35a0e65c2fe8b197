"""Adapters: modules ``forward(x, grid) -> delta`` on tokens (B·T, L, C) that know nothing of blocks or configs."""
from .base import Adapter, adapters_of, adapters_off, add_delta, add_to_patches, auxiliary_losses
from .bottleneck import BottleneckAdapter
from .expert_mixture import ExpertMixture
from .fe_adapter import FEAdapter
from .fru_adapter import FRUAdapter
from .grid import TokenGrid
from .s2d_temporal import S2DTemporalAdapter
from .shared_adapter import SharedAdapter, share_adapters
from .st_adapter import STAdapter
from .temporal_dynamic_adapter import TemporalDynamicAdapter
from .tma import TemporalModelingAdapter

__all__ = [
    'Adapter', 'BottleneckAdapter', 'ExpertMixture', 'FEAdapter', 'FRUAdapter', 'S2DTemporalAdapter', 'STAdapter',
    'SharedAdapter', 'TemporalDynamicAdapter', 'TemporalModelingAdapter', 'TokenGrid', 'adapters_of', 'adapters_off',
    'add_delta', 'add_to_patches', 'auxiliary_losses', 'share_adapters'
]
