"""Adapters: modules ``forward(x, grid) -> x`` on tokens (B·T, L, C) that know nothing of blocks or configs."""
from .bottleneck import BottleneckAdapter
from .fe_adapter import FEAdapter
from .grid import TokenGrid
from .shared_adapter import SharedAdapter, share_adapters
from .st_adapter import STAdapter
from .temporal_dynamic_adapter import TemporalDynamicAdapter
from .tma import TemporalModelingAdapter

__all__ = [
    'BottleneckAdapter', 'FEAdapter', 'STAdapter', 'SharedAdapter', 'TemporalDynamicAdapter', 'TemporalModelingAdapter',
    'TokenGrid', 'share_adapters'
]
