"""Former-DFER: a transformer inside a ResNet for each frame, and one over the frames (ACM MM 2021)."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmpretrain.models.backbones import ResNet
from torch import Tensor, nn

from ..registry import MODELS
from .image_sizes import halved
from .pre_norm import PreNormLayers
from .temporal_transformer import TemporalTransformer


@MODELS.register_module()
class FormerDFER(BaseModule):
    """Clips (B, 3, T, H, W) in [0, 1] -> one feature of each, (B, 1, D) (Zhao and Liu, ACM MM 2021).

    CS-Former, on each frame: ResNet-18 up to its third stage, a map of 256 channels and 7×7 for 112×112; its positions
    are tokens, with learned positions, of pre-norm layers; these, as a map again, go through the fourth stage and its
    mean, D = 512. T-Former, on the T features: a class token, learned positions and pre-norm layers; the class token
    is the feature. All is trained from scratch, and :class:`mmdfer.heads.LinearVideoHead` classifies it.

    Args:
        image_size: H = W in pixels, which the positions are of.
        num_frames: longest clip T.
        base_channels: channels of the first stage; the others have 2, 4 and 8 times as many.
        depth: of mmpretrain's ``ResNet`` with basic blocks, 18 or 34.
        spatial: arguments of the layers on a frame's tokens (:class:`mmdfer.backbones.pre_norm.PreNormLayers`).
        temporal: arguments of :class:`mmdfer.backbones.TemporalTransformer`.

    Raises:
        ValueError: for clips of another rank or size, or of more frames.
    """

    def __init__(self, image_size: int = 112, num_frames: int = 16, base_channels: int = 64, depth: int = 18,
                 spatial: dict | None = None, temporal: dict | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.image_size = image_size
        self.resnet = ResNet(depth, stem_channels=base_channels, base_channels=base_channels,
                             zero_init_residual=False)
        width = 4 * base_channels
        self.pos_embed = nn.Parameter(torch.randn(1, halved(image_size, 4)**2, width))
        self.spatial = PreNormLayers(**dict(dict(num_layers=1, channels=width, num_heads=8,
                                                 feedforward_channels=2 * width), **spatial or {}))
        self.out_channels = 2 * width
        self.temporal = TemporalTransformer(**dict(
            dict(in_channels=self.out_channels, num_frames=num_frames, num_layers=3, num_heads=8,
                 feedforward_channels=2 * self.out_channels), **temporal or {}))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 5 or x.shape[-2:] != (self.image_size, self.image_size):
            raise ValueError(f'FormerDFER expects clips (B, 3, T, {self.image_size}, {self.image_size}), got '
                             f'{tuple(x.shape)}: resize the frames to it, or set image_size')
        batch, _, frames = x.shape[:3]
        features = self.frame_features(x.transpose(1, 2).flatten(0, 1))                # (B·T, D)
        return self.temporal(features.unflatten(0, (batch, frames)))[:, None]

    def frame_features(self, frames: Tensor) -> Tensor:
        """Frames (B·T, 3, H, W) as features (B·T, D)."""
        net = self.resnet
        x = net.maxpool(net.relu(net.norm1(net.conv1(frames))))
        x = net.layer3(net.layer2(net.layer1(x)))                                      # (B·T, 256, 7, 7)
        tokens = self.spatial(x.flatten(2).transpose(1, 2) + self.pos_embed)           # (B·T, 49, 256)
        x = tokens.transpose(1, 2).unflatten(2, x.shape[2:])
        return net.layer4(x).mean(dim=(2, 3))
