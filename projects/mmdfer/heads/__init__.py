"""Heads: features to class scores."""
from .anchor_distillation_head import AnchorDistillationHead
from .caption_head import CaptionContrastiveHead
from .class_contrast_head import ClassContrastiveHead
from .clip_text_head import CLIPTextHead
from .finecliper_head import FineCLIPERHead
from .ial_head import IALHead
from .linear_video_head import ImageHead, LinearVideoHead
from .projected_video_head import ProjectedVideoHead
from .snippet_text_head import SnippetTextHead

__all__ = [
    'AnchorDistillationHead', 'CLIPTextHead', 'CaptionContrastiveHead', 'ClassContrastiveHead', 'FineCLIPERHead',
    'IALHead', 'ImageHead', 'LinearVideoHead', 'ProjectedVideoHead', 'SnippetTextHead'
]
