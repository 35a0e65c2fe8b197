"""Classification heads."""
from .linear_video_head import LinearVideoHead

__all__ = ['LinearVideoHead']
