"""IAL's network: frames under a global view of their map, static and dynamic features, time (AAAI 2023)."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmpretrain.models.backbones.resnet import BasicBlock, ResLayer
from torch import Tensor, nn
from torch.nn import functional as F

from ..registry import MODELS
from .image_sizes import halved
from .pre_norm import PreNormLayers

REDUCTION = 16
EPS = 1e-5


class GCABlock(BasicBlock):
    """A residual block whose map o is weighted by a global convolution of it before the skip (GCA).

    g = depthwise convolution of the size of the map, (B·T, C, 1, 1); w = 2 σ(W₂ ReLU(W₁ g)); with its mean over the
    clip's frames, o · √(w · mean_T w + 1e-5). The mean of g over the frames is what an auxiliary classifier reads.
    ``glb``, ``bias1`` and ``bias2`` compute nothing: the release's file has them, so that its names and its count are
    whole. So is everything but the plain block where ``attends`` is off.

    Args:
        in_channels, out_channels, stride, downsample, kwargs: of mmpretrain's ``BasicBlock``.
        edge: H = W of the block's output, which is the size of the global convolution.
        attends: weigh the map; the release's first block has the tensors and does not.
    """

    def __init__(self, in_channels: int, out_channels: int, edge: int, attends: bool = True, **kwargs) -> None:
        super().__init__(in_channels, out_channels, **kwargs)
        self.attends = attends
        self.gc = nn.Conv2d(out_channels, out_channels, edge, groups=out_channels, bias=False)
        self.fc1 = nn.Conv2d(out_channels, out_channels // REDUCTION, 1, bias=False)
        self.fc2 = nn.Conv2d(out_channels // REDUCTION, out_channels, 1, bias=False)
        self.glb = nn.Conv2d(out_channels, out_channels, 1, bias=False)
        self.bias1 = nn.Parameter(torch.randn(1, out_channels, 1, 1))
        self.bias2 = nn.Parameter(torch.randn(1, out_channels, 1, 1))

    def forward(self, x: Tensor, frames: int) -> tuple[Tensor, Tensor | None]:
        """Maps (B·T, C', H, W) of clips of T frames as maps (B·T, C, E, E), and g's mean (B, C)."""
        out = self.norm1(self.conv1(x)).relu()
        out = self.norm2(self.conv2(out))
        seen = None
        if self.attends:
            weights = self.gc(out)
            seen = weights.flatten(1).unflatten(0, (-1, frames)).mean(dim=1)
            weights = 2 * self.fc2(self.fc1(weights).relu()).sigmoid()                 # (B·T, C, 1, 1)
            over_time = weights.unflatten(0, (-1, frames))
            mixed = over_time * over_time.mean(dim=1, keepdim=True)
            out = out * (mixed + EPS).sqrt().flatten(0, 1)
        return (out + (x if self.downsample is None else self.downsample(x))).relu(), seen


@MODELS.register_module()
class IALNet(BaseModule):
    """Clips (B, 3, T, H, W) in [0, 1] -> features (B, T - 1, D) and what the auxiliary classifiers read.

    The network of the intensity-aware loss (Li et al., AAAI 2023). A stem of two 3×3 convolutions and a pooling; a
    residual block and two under a global view (:class:`GCABlock`), of which a 112×112 frame has 256×7×7. Then

    - static: frames 0 to T - 2, by a convolution to 4×4 tokens with learned positions and pre-norm layers;
    - dynamic: the T - 1 differences of neighbouring frames, by three residual blocks to 4×4.

    Their sum, D = 256 · 16 numbers a frame, with learned positions of time goes through pre-norm layers.
    :class:`mmdfer.heads.IALHead` takes the mean over time. ``bias`` computes nothing, as the tensors told of in
    :class:`GCABlock`; positions are of T frames, of which the last is not used, as in the release.

    Args:
        image_size: H = W in pixels.
        num_frames: longest clip T.
        channels: of the three stages.
        heads: heads of both transformers' layers.
        head_channels: channels of a head.
        spatial_feedforward, temporal_feedforward: widths of the two transformers' MLPs.

    Raises:
        ValueError: for clips of another rank or size, or of one frame or more than ``num_frames``.
    """

    def __init__(self, image_size: int = 112, num_frames: int = 16, channels: Sequence[int] = (64, 128, 256),
                 heads: int = 4, head_channels: int = 32, spatial_feedforward: int = 256,
                 temporal_feedforward: int = 512, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg or [
            dict(type='Kaiming', layer='Conv2d'), dict(type='Constant', val=1, layer='BatchNorm2d')])
        first, _, width = self.channels = tuple(channels)
        self.image_size, self.num_frames = image_size, num_frames
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU(),
            nn.Conv2d(first, first, 3, padding=1, bias=False))
        self.bn1 = nn.BatchNorm2d(first)
        self.bias = nn.Parameter(torch.randn(1, first, 1, 1))
        self.layer1, self.layer2, self.layer3 = (self._stage(index) for index in range(3))
        edge = halved(image_size, 5)
        self.layer4 = ResLayer(BasicBlock, 3, width, width, stride=2)
        self.patch_embedding = nn.Sequential(
            nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.spatial_pos_embed = nn.Parameter(torch.randn(1, edge**2, width))
        self.out_channels = width * edge**2
        self.pos_embed = nn.Parameter(torch.randn(1, num_frames, self.out_channels))
        layers = dict(num_layers=2, num_heads=heads, head_channels=head_channels)
        self.spatial = PreNormLayers(channels=width, feedforward_channels=spatial_feedforward, **layers)
        self.temporal = PreNormLayers(channels=self.out_channels, feedforward_channels=temporal_feedforward, **layers)

    def _stage(self, index: int) -> GCABlock:
        given = self.channels[max(index - 1, 0)]
        width = self.channels[index]
        stride = 1 if index == 0 else 2
        skip = None if stride == 1 else nn.Sequential(nn.Conv2d(given, width, 1, stride=stride, bias=False),
                                                      nn.BatchNorm2d(width))
        return GCABlock(given, width, halved(self.image_size, 2 + index), attends=index > 0, stride=stride,
                        downsample=skip)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        frames = x.shape[2] if x.ndim == 5 else 0
        if x.shape[-2:] != (self.image_size, self.image_size) or not 2 <= frames <= self.num_frames:
            raise ValueError(f'IALNet expects clips (B, 3, T, {self.image_size}, {self.image_size}) of 2 to '
                             f'{self.num_frames} frames, got {tuple(x.shape)}: resize and sample them so, or set '
                             'image_size and num_frames')
        x = self.bn1(self.conv1(x.transpose(1, 2).flatten(0, 1))).relu()
        x, seen = F.max_pool2d(x, 3, stride=2, padding=1), []
        for stage in (self.layer1, self.layer2, self.layer3):
            x, of_frames = stage(x, frames)
            seen += [] if of_frames is None else [of_frames]
        maps = x.unflatten(0, (-1, frames))                                            # (B, T, C, 7, 7)
        static = self.patch_embedding(maps[:, :-1].flatten(0, 1))                      # (B·(T-1), C, 4, 4)
        tokens = self.spatial(static.flatten(2).transpose(1, 2) + self.spatial_pos_embed)
        dynamic = self.layer4((maps[:, 1:] - maps[:, :-1]).flatten(0, 1))
        fused = (tokens.transpose(1, 2) + dynamic.flatten(2)).flatten(1)               # (B·(T-1), D)
        fused = fused.unflatten(0, (-1, frames - 1))
        return self.temporal(fused + self.pos_embed[:, :frames - 1]), seen
