"""Tiny recognizers, built without a word in the log."""
from __future__ import annotations

import logging

import torch
from mmengine.logging import MMLogger

from mmdfer.registry import MODELS

ARCH = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)
FE = dict(type='FEAdapter', slot='before_attn', width=4)
OVER_TIME = dict(type='BottleneckAdapter', slot='temporal_attn', width=4)
FRAMES = dict(type='AdapterViT', arch=ARCH, img_size=16, patch_size=8, adapters=dict(fe=FE))
VIDEOMAE = dict(type='VisionTransformer', img_size=16, patch_size=8, embed_dims=24, depth=2, num_heads=2, mlp_ratio=2,
                num_frames=4, tubelet_size=2, norm_cfg=dict(type='LN', eps=1e-6))
TIMESFORMER = dict(type='TimeSformer', num_frames=4, img_size=16, patch_size=8, embed_dims=24, num_heads=2,
                   num_transformer_layers=2)
LINEAR = dict(type='LinearVideoHead', num_classes=3, in_channels=24, init_std=0.5)
POOLED = dict(type='TimeSformerHead', num_classes=3, in_channels=24)


def recognizer(backbone, head=LINEAR, seed=0):
    """A ``Recognizer3D`` in evaluation mode with random weights."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    torch.manual_seed(seed)
    model = MODELS.build(dict(type='Recognizer3D', backbone=backbone, cls_head=head))
    model.init_weights()
    with torch.no_grad():                       # new adapters are zero, and new blocks' attention nearly even
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.3)
    logger.setLevel(level)
    return model.eval()


def clip(frames=4, height=16, width=16, seed=1):
    """One clip, (1, 1, 3, T, H, W)."""
    return torch.randn(1, 1, 3, frames, height, width, generator=torch.Generator().manual_seed(seed))
