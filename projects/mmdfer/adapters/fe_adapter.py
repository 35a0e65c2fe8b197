"""FE-Adapter: a D²Conv3D bottleneck that turns a frozen image ViT into a video model (FG 2024)."""
from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from ..ops import D2Conv3d
from ..registry import MODELS
from .volume_adapter import VolumeAdapter, check_width


def _dynamic_dilated(width: int, kernel: tuple[int, int, int], groups: int, size_map: str,
                     modulation: bool) -> nn.Module:
    padding = tuple(k // 2 for k in kernel)
    return D2Conv3d(width, width, kernel, padding=padding, groups=groups, size_map=size_map, modulation=modulation)


def _plain(width: int, kernel: tuple[int, int, int], groups: int, size_map: str, modulation: bool) -> nn.Module:
    return nn.Conv3d(width, width, kernel, padding=tuple(k // 2 for k in kernel), groups=groups)


CONVOLUTIONS = {'D2Conv3d': _dynamic_dilated, 'Conv3d': _plain}


@MODELS.register_module()
class FEAdapter(VolumeAdapter):
    """FE-Adapter(X) = X + f(D²Conv3D(X W_down)) W_up with f = GELU: what it adds to patch tokens X.

    W_up starts at zero, weight and bias. The class token stays as it is. The paper gives 6.6 M tunable
    parameters for 12 adapters but no width; 116 with a dense convolution gives 6.62 M, and the depthwise
    ``width=336, groups=336`` gives 6.65 M. Dense is the default because the paper's objection to ST-Adapter
    is that depthwise convolution treats channels alone.

    Args:
        dim: token width C.
        width: bottleneck width r.
        kernel_size: taps in (T, H, W), odd; an int for a cube.
        groups: groups of the convolution; ``width`` for the depthwise variant.
        conv: ``'D2Conv3d'``, or ``'Conv3d'`` for the paper's ablation without dynamic dilation.
        size_map: which axes dilate dynamically: ``'x'``, ``'xy'`` or ``'xyz'``; D2Conv3d only.
        modulation: scale each tap by a sigmoid as well; D2Conv3d only.
        zero_init: start W_up at zero.

    Raises:
        ValueError: for an unknown ``conv``, or a width that ``groups`` does not divide.
    """

    def __init__(self, dim: int, width: int = 116, kernel_size: int | tuple[int, int, int] = 3, groups: int = 1,
                 conv: str = 'D2Conv3d', size_map: str = 'xyz', modulation: bool = False,
                 zero_init: bool = True) -> None:
        if conv not in CONVOLUTIONS:
            raise ValueError(f'FEAdapter: conv={conv!r} is not known: choose one of {sorted(CONVOLUTIONS)}')
        check_width('FEAdapter', width, groups)
        t, h, w = (kernel_size, ) * 3 if isinstance(kernel_size, int) else kernel_size
        mix = CONVOLUTIONS[conv](width, (t, h, w), groups, size_map, modulation)
        super().__init__(dim, width, mix, nn.GELU(), zero_init)
        self.init_weights()

    def zeroed(self) -> Iterable[nn.Parameter]:
        return self.up.parameters()
