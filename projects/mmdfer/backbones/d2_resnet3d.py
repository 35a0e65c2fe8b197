"""MMAction2's 3D ResNet with dynamic dilated convolutions in chosen stages."""
from __future__ import annotations

from collections.abc import Sequence

from mmaction.models.backbones import ResNet3d
from mmcv.cnn import ConvModule
from torch import nn

from ..ops import D2Conv3d
from ..registry import MODELS


@MODELS.register_module()
class D2ResNet3d(ResNet3d):
    """``ResNet3d`` whose 3×3×3 convolutions are D²Conv3D in chosen stages.

    (``conv_cfg=dict(type='D2Conv3d')`` of the stock class does it in every stage.) Weights keep their names
    and shapes, with ``size_predictor`` beside them, so 3D checkpoints load and 2D ones are inflated as ever.
    Without modulation a new model computes what the stock one does.

    Args:
        d2_stages: stages of 1 to 4.
        size_map, modulation: of :class:`mmdfer.ops.D2Conv3d`.
        kwargs: of ``ResNet3d``.

    Raises:
        ValueError: for a stage that does not exist or has no 3×3×3 convolution.
    """

    def __init__(self, *args, d2_stages: Sequence[int] = (3, 4), size_map: str = 'xyz', modulation: bool = False,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        for stage in d2_stages:
            if not 1 <= stage <= self.num_stages:
                raise ValueError(f'D2ResNet3d: d2_stages={tuple(d2_stages)}: there are stages 1 to {self.num_stages}')
            if not dilate_dynamically(getattr(self, f'layer{stage}'), size_map, modulation):
                raise ValueError(f'D2ResNet3d: stage {stage} has no 3×3×3 convolution: set inflate=1 and '
                                 "inflate_style='3x3x3', or leave it out of d2_stages")


def dilate_dynamically(module: nn.Module, size_map: str = 'xyz', modulation: bool = False) -> int:
    """Put D²Conv3D in the place of each 3×3×3 convolution below a module, with its weights; how many there were."""
    plain = [inner for inner in module.modules()
             if isinstance(inner, ConvModule) and inner.conv.kernel_size == (3, 3, 3)]
    for inner in plain:
        conv = inner.conv
        inner.conv = D2Conv3d(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, conv.dilation,
            conv.groups, bias=conv.bias is not None, size_map=size_map, modulation=modulation).to(conv.weight)
        inner.conv.load_state_dict(conv.state_dict(), strict=False)
    return len(plain)
