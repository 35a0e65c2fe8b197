"""MobileFaceNet, S2D's finder of landmarks: faces of 112² to 68 points, and the features on the way there."""
from __future__ import annotations

import torch
from torch import Tensor, nn

POINTS = 68


class ConvUnit(nn.Module):
    """Convolution without bias, batch norm and, unless ``linear``, PReLU; ``groups`` = channels is depthwise."""

    def __init__(self, inside: int, outside: int, kernel: int = 1, stride: int = 1, padding: int = 0, groups: int = 1,
                 linear: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outside)
        if not linear:
            self.prelu = nn.PReLU(outside)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x if self.linear else self.prelu(x)


class Bottleneck(nn.Module):
    """1×1 to ``between`` channels, 3×3 on each of them, 1×1 down again (MobileNetV2); with its input, if residual."""

    def __init__(self, inside: int, outside: int, between: int, stride: int = 1, residual: bool = False) -> None:
        super().__init__()
        self.conv = ConvUnit(inside, between)
        self.conv_dw = ConvUnit(between, between, 3, stride, 1, groups=between)
        self.project = ConvUnit(between, outside, linear=True)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.conv_dw(self.conv(x)))
        return x + y if self.residual else y


class Residuals(nn.Module):
    """Residual bottlenecks of one size, one after the other."""

    def __init__(self, channels: int, count: int, between: int) -> None:
        super().__init__()
        self.model = nn.Sequential(*(Bottleneck(channels, channels, between, residual=True) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class PointsOut(nn.Module):
    """(N, 512, 7, 7) -> coordinates (N, 2·68): a weighted mean over each channel's places, and a linear map."""

    def __init__(self, channels: int, size: int, outputs: int) -> None:
        super().__init__()
        self.conv_6_dw = ConvUnit(channels, channels, size, groups=channels, linear=True)
        self.linear = nn.Linear(channels, outputs, bias=False)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.linear(self.conv_6_dw(x).flatten(1)))


class MobileFaceNet(nn.Module):
    """Frames (N, 3, 112, 112) -> coordinates of 68 landmarks (N, 136). 1,007,248 parameters.

    Modules and parameters have the names of the public file that S2D takes it from.
    """

    #: Pixels of a side for one place of a side of :meth:`features`.
    STRIDE = 8
    #: Channels of :meth:`features`.
    CHANNELS = 128

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvUnit(3, 64, 3, 2, 1)
        self.conv2_dw = ConvUnit(64, 64, 3, 1, 1, groups=64)
        self.conv_23 = Bottleneck(64, 64, 128, stride=2)
        self.conv_3 = Residuals(64, 4, 128)
        self.conv_34 = Bottleneck(64, self.CHANNELS, 256, stride=2)
        self.conv_4 = Residuals(self.CHANNELS, 6, 256)
        self.conv_45 = Bottleneck(128, 128, 512, stride=2)
        self.conv_5 = Residuals(128, 2, 256)
        self.conv_6_sep = ConvUnit(128, 512)
        self.output_layer = PointsOut(512, 7, 2 * POINTS)

    def features(self, x: Tensor) -> Tensor:
        """What leaves ``conv_4``: (N, 3, 8·H, 8·W) -> (N, 128, H, W)."""
        for stage in (self.conv1, self.conv2_dw, self.conv_23, self.conv_3, self.conv_34, self.conv_4):
            x = stage(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.output_layer(self.conv_6_sep(self.conv_5(self.conv_45(self.features(x)))))

    @classmethod
    def random(cls, seed: int = 0) -> MobileFaceNet:
        """A net with the same random weights every time, which leaves torch's own random numbers as they are."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls()
