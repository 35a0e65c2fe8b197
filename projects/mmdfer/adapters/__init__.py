"""Adapters: modules ``forward(x, grid) -> delta`` on tokens (B·T, L, C) that know nothing of blocks or configs."""
from .base import Adapter, adapters_of, adapters_off, add_delta, auxiliary_losses
from .bottleneck import BottleneckAdapter
from .expert_mixture import ExpertMixture
from .fe_adapter import FEAdapter
from .fru_adapter import FRUAdapter
from .grid import TokenGrid
from .shared_adapter import SharedAdapter, share_adapters
from .st_adapter import STAdapter
from .temporal_dynamic_adapter import TemporalDynamicAdapter
from .tma import TemporalModelingAdapter

__all__ = [
    'Adapter', 'BottleneckAdapter', 'ExpertMixture', 'FEAdapter', 'FRUAdapter', 'STAdapter', 'SharedAdapter',
    'TemporalDynamicAdapter', 'TemporalModelingAdapter', 'TokenGrid', 'adapters_of', 'adapters_off', 'add_delta',
    'auxiliary_losses', 'share_adapters'
]
