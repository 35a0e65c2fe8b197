"""Adapters: modules ``forward(x, grid) -> x`` on tokens (B·T, L, C) that know nothing of blocks or configs."""
from .bottleneck import BottleneckAdapter
from .fe_adapter import FEAdapter
from .grid import TokenGrid
from .st_adapter import STAdapter

__all__ = ['BottleneckAdapter', 'FEAdapter', 'STAdapter', 'TokenGrid']
