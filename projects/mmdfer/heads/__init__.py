"""Heads: features to class scores."""
from ..backbones import TemporalTransformer
from .caption_head import CaptionContrastiveHead
from .clip_text_head import CLIPTextHead
from .finecliper_head import FineCLIPERHead
from .linear_video_head import LinearVideoHead

__all__ = ['CLIPTextHead', 'CaptionContrastiveHead', 'FineCLIPERHead', 'LinearVideoHead', 'TemporalTransformer']
