"""Heads: features to class scores."""
from ..backbones import TemporalTransformer
from .anchor_distillation_head import AnchorDistillationHead
from .caption_head import CaptionContrastiveHead
from .clip_text_head import CLIPTextHead
from .finecliper_head import FineCLIPERHead
from .linear_video_head import LinearVideoHead
from .snippet_text_head import SnippetTextHead

__all__ = [
    'AnchorDistillationHead', 'CLIPTextHead', 'CaptionContrastiveHead', 'FineCLIPERHead', 'LinearVideoHead',
    'SnippetTextHead', 'TemporalTransformer'
]
