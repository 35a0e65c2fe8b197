"""Bottlenecks that see a clip's patch tokens as a video volume: down, mix in time and space, up."""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from ..ops import D2Conv3d
from ..ops.bottleneck_triton import Bottleneck, Patches, add_bottleneck
from ..ops.choosing import runs_on_triton
from ..ops.exporting import is_exporting
from .base import Adapter
from .grid import TokenGrid


class VolumeAdapter(Adapter):
    """act(conv(X W_down)) W_up, what is added to patch tokens X (B·T, H·W, C).

    The parent of FE-Adapter and ST-Adapter, which differ in the convolution, the activation and in which
    weights start at zero.
    """

    tokens = 'patches'

    def __init__(self, dim: int, width: int, conv: nn.Module, act: nn.Module, zero_init: bool = True) -> None:
        super().__init__(zero_init)
        self.down = nn.Linear(dim, width)
        self.conv = conv
        self.act = act
        self.up = nn.Linear(width, dim)

    def forward(self, x: Tensor, grid: TokenGrid) -> Tensor:
        return self.up(self._mixed(self.down(x), grid))

    def add_to(self, x: Tensor, source: Tensor, grid: TokenGrid) -> Tensor:
        """The first product reads all tokens where they lie, the last is added to the patches where they lie.

        On a CPU a slice of wide tokens is copied for a product; the few rows of the other tokens cost less. On a GPU
        the whole adapter is one step of autograd, if its convolution is D²Conv3D's usual one.
        """
        if (dtype := self._fused_type(x, source, grid)) is not None:
            conv, predictor = self.conv, self.conv.size_predictor
            weights = Bottleneck(self.down.weight, self.down.bias, conv.weight, conv.bias, predictor.weight,
                                 predictor.bias, self.up.weight, self.up.bias)
            return add_bottleneck(x, source, weights, conv.geometry,
                                  Patches(grid.frames, grid.height, grid.width, grid.leading), dtype)
        if not self._adds_in_place(x, source):
            return super().add_to(x, source, grid)
        mixed = self._mixed(self.down(source)[:, grid.span], grid)
        return _AddProduct.apply(x, mixed, self.up.weight, self.up.bias, grid.leading)

    def _mixed(self, narrow: Tensor, grid: TokenGrid) -> Tensor:
        """(B·T, H·W, r) -> (B·T, H·W, r), by way of (B, r, T, H, W)."""
        return grid.to_tokens(self.act(self.conv(grid.to_volume(narrow))))

    def _fused_type(self, x: Tensor, source: Tensor, grid: TokenGrid) -> torch.dtype | None:
        """The type of the products where Triton's kernels take the adapter whole, ``None`` where they do not."""
        conv, device = self.conv, x.device.type
        if type(conv) is not D2Conv3d or type(x) is not Tensor or type(source) is not Tensor or is_exporting():
            return None
        cast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if cast else source.dtype
        if not runs_on_triton(str(x.device), dtype) or not x.numel() or not conv.fits_bottleneck(
                len(x) * grid.patches, (grid.frames, grid.height, grid.width)):
            return None
        layers = (self.down, conv, conv.size_predictor, self.act, self.up)
        plain = type(self.down) is type(self.up) is nn.Linear and type(self.act) is nn.GELU
        if not plain or self.act.approximate != 'none' or _is_watched(self, *layers):
            return None
        if not cast and not x.dtype == dtype == self.down.weight.dtype == conv.weight.dtype == self.up.weight.dtype:
            return None
        return dtype if torch.compiler.is_compiling() or not is_in_torch_dispatch_mode() else None

    def _adds_in_place(self, x: Tensor, source: Tensor) -> bool:
        """Whether plain tensors of one type are added on a CPU, by layers that nobody replaced or watches."""
        if type(self.up) is not nn.Linear or is_exporting() or torch.compiler.is_compiling():
            return False
        plain = type(x) is Tensor and x.device.type == 'cpu' and x.dtype == source.dtype == self.up.weight.dtype
        return plain and not torch.is_autocast_enabled('cpu') and not _is_watched(self, self.up)


def _is_watched(*modules: nn.Module) -> bool:
    """Whether a hook waits for a call of one of them."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in modules)


class _AddProduct(torch.autograd.Function):
    """x (N, L, C) plus y W^T + b, (N, M, r) times (C, r), on the M tokens behind the first ``start``."""

    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, start: int) -> Tensor:
        ctx.save_for_backward(y, weight)
        ctx.span = slice(start, start + y.shape[1])
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        for part in (slice(start), slice(ctx.span.stop, None)):
            out[:, part] = x[:, part]
        patches = out[:, ctx.span]
        torch.add(x[:, ctx.span], bias, out=patches)
        torch.baddbmm(patches, y, weight.T.expand(len(y), -1, -1), out=patches)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        y, weight = ctx.saved_tensors
        patches = grad[:, ctx.span]
        of_y = of_weight = of_bias = None
        if ctx.needs_input_grad[1]:
            of_y = torch.bmm(patches, weight.expand(len(y), -1, -1))
        if ctx.needs_input_grad[2]:                             # zeros beside y, not a copy of the wide gradient
            beside = pad(y, (0, 0, ctx.span.start, grad.shape[1] - ctx.span.stop))
            of_weight = grad.flatten(0, 1).T @ beside.flatten(0, 1)
        if ctx.needs_input_grad[3]:
            of_bias = patches.sum((0, 1))
        return grad, of_y, of_weight, of_bias, None


def check_width(name: str, width: int, groups: int = 1) -> None:
    """Refuse a bottleneck width that is not positive or that the convolution's groups do not divide.

    Raises:
        ValueError: naming the width, the groups and the nearest width that fits.
    """
    if width < 1 or groups < 1 or width % groups:
        nearest = max(groups, round(width / max(groups, 1)) * groups)
        raise ValueError(f'{name}: width={width} must be positive and divisible by groups={groups}; width={nearest} '
                         'would fit')
