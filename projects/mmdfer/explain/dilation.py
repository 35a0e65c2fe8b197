"""The dilations that D²Conv3D chose for each place and time of a clip."""
from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from ..ops import D2Conv3d

AXES = ('time', 'height', 'width')


def has_dilation(model: nn.Module) -> bool:
    """Whether any convolution of a model dilates dynamically."""
    return any(isinstance(module, D2Conv3d) for module in model.modules())


@torch.no_grad()
def dilation_maps(model: nn.Module, clip: Tensor, samples: list | None = None) -> dict[str, Tensor]:
    """Dilations over a clip, of each D²Conv3D of the backbone.

    Args:
        model: a recognizer in evaluation mode.
        clip: one clip as the model's preprocessor gives it, (1, 1, 3, T, H, W).
        samples: the clip's sample in a list, for models that read maps or captions.

    Returns:
        By the layer's name in the backbone (3, T', H', W') at the resolution of its output, in the layer's own cells:
        along time, height and width. An axis that does not dilate has the layer's dilation everywhere.

    Raises:
        ValueError: for a backbone without D²Conv3D.
    """
    layers = {name: module for name, module in model.backbone.named_modules() if isinstance(module, D2Conv3d)}
    if not layers:
        raise ValueError(f'{type(model.backbone).__name__} has no D2Conv3d, so there are no dilations to draw: they '
                         'are of FE-Adapter with conv="D2Conv3d" and of D2ResNet3d')
    found: dict[str, Tensor] = {}
    hooks = [module.register_forward_hook(partial(_keep, found, name)) for name, module in layers.items()]
    try:
        model.extract_feat(clip, stage='head', data_samples=samples)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: found[name] for name in layers if name in found}


def _keep(found: dict[str, Tensor], name: str, module: D2Conv3d, args: tuple[Tensor], output: Tensor) -> None:
    size = module.predict(args[0])[0][0].cpu()                                  # (S, T', H', W')
    still = torch.ones_like(size[:1])
    height, width = (size[-1:], size[-1:]) if len(size) == 1 else (size[-2:-1], size[-1:])
    three = torch.cat([size[:1] if len(size) == 3 else still, height, width])
    found[name] = three * three.new_tensor(module.dilation).view(3, 1, 1, 1)
