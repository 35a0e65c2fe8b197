"""Classification heads, and what goes before them."""
from .linear_video_head import LinearVideoHead
from .temporal_transformer import TemporalTransformer

__all__ = ['LinearVideoHead', 'TemporalTransformer']
