"""ST-Adapter: a depthwise Conv3d bottleneck (NeurIPS 2022)."""
from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from ..ops import DepthwiseConv3d
from ..registry import MODELS
from .volume_adapter import VolumeAdapter, check_width


@MODELS.register_module()
class STAdapter(VolumeAdapter):
    """DWConv3d(X W_down) W_up, what is added to patch tokens X: no activation, norm or scale.

    The convolution starts at zero, and so do the linears' biases, as in the release.

    Args:
        dim: token width C.
        width: bottleneck width.
        kernel_size: taps in (T, H, W), odd; the release mixes in time alone, (3, 1, 1).
        zero_init: start the convolution and the biases at zero.
    """

    def __init__(self, dim: int, width: int = 384, kernel_size: int | tuple[int, int, int] = (3, 1, 1),
                 zero_init: bool = True) -> None:
        check_width('STAdapter', width)
        t, h, w = (kernel_size, ) * 3 if isinstance(kernel_size, int) else kernel_size
        super().__init__(dim, width, DepthwiseConv3d(width, (t, h, w)), nn.Identity(), zero_init)
        self.init_weights()

    def zeroed(self) -> Iterable[nn.Parameter]:
        return self.conv.weight, self.conv.bias, self.down.bias, self.up.bias
