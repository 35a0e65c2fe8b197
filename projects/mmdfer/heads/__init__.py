"""Heads: features to class scores."""
from ..backbones import TemporalTransformer
from .caption_head import CaptionContrastiveHead
from .clip_text_head import CLIPTextHead
from .finecliper_head import FineCLIPERHead
from .linear_video_head import ImageHead, LinearVideoHead
from .projected_video_head import ProjectedVideoHead

__all__ = [
    'CLIPTextHead', 'CaptionContrastiveHead', 'FineCLIPERHead', 'ImageHead', 'LinearVideoHead', 'ProjectedVideoHead',
    'TemporalTransformer'
]
