"""Dynamic dilated 3D convolution (D²Conv3D): in plain PyTorch on any device, in Triton's kernels on CUDA.

Schmidt et al., "D2Conv3D: Dynamic Dilated Convolutions for Object Segmentation in Videos", WACV 2022. Every output
voxel has its own dilation on each axis::

    y(p) = sum over taps b of  W(b) · m(p, b) · x(c(p) + b · size(p))

with c(p) the input cell under p, trilinear interpolation, and 0 outside the clip.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from ._autograd import D2Conv3dFunction
from ._column_blocks import by_columns
from ._column_products import ColumnsConv3d
from ._few_channels import MOST_CHANNELS, FewChannelsConv3d
from ._gathering import gathered
from ._layouts import is_channels_last
from ._sampling import SIZE_MAPS, Geometry
from ._triton_operands import bottleneck_fits, fits_kernels
from .choosing import runs_on_triton, shapes_are_as_on_cuda
from .d2conv3d_triton import fused_d2conv3d
from .exporting import is_exporting

Triple = int | Sequence[int]


def d2conv3d(x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None = None, modulation: Tensor | None = None,
             stride: Triple = 1, padding: Triple = 0, dilation: Triple = 1, groups: int = 1) -> Tensor:
    """3D convolution with a dilation of its own for every output voxel and axis.

    Tap b in ``dilation · {-(k//2)..k//2}`` is read at ``centre + b · size``. With ``size = 1`` this is
    ``F.conv3d``. Nothing is differentiable twice.

    On CUDA it runs on Triton's kernels where they work, in float64 and where they do not on PyTorch's operators, on a
    CPU on numba's or PyTorch's. The environment variable ``MMDFER_D2CONV3D`` forces ``torch`` or ``triton``. The
    kernels multiply float32 exactly unless ``torch.set_float32_matmul_precision`` allows less. Under
    ``torch.use_deterministic_algorithms(True)`` they give the same numbers in every run; else their gradients may
    differ from run to run by rounding.

    Args:
        x: (B, C, T, H, W).
        size: (B, S, T', H', W') at the resolution of the output. S = 1: one map for h and w; 2: h and w; 3: t, h
            and w. An axis without a map has size 1. Values are not checked.
        weight: (O, C / groups, kt, kh, kw), odd kernels only.
        bias: (O,).
        modulation: (B, kt·kh·kw, T', H', W'), a scale for each tap, meant to lie in [0, 1].
        stride, padding, dilation: int or (t, h, w).
        groups: as in ``F.conv3d``.

    Returns:
        (B, O, T', H', W') in the dtype of x (under autocast, in autocast's). Positions and shares are worked out
        in float32, or in float64 if x is.

    Raises:
        ValueError: if a shape, dtype, device or number does not fit.
    """
    if weight.ndim != 5:
        raise ValueError(f'weight must be (O, C / groups, kt, kh, kw), got {tuple(weight.shape)}')
    geometry = _check_geometry(weight.shape[2:], stride, padding, dilation, groups)
    return _checked(x, size, weight, bias, modulation, geometry)


def _checked(x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
             geometry: Geometry, like: Tensor | None = None) -> Tensor:
    """``d2conv3d`` of checked numbers, in the memory format of ``like``, or of x."""
    like = x if like is None else like
    x, weight, bias = _autocast(x, weight, bias)
    exporting = is_exporting()
    if not exporting:                           # there shapes have no numbers to check
        _check_tensors(x, size, weight, bias, modulation, geometry)
    exact = torch.float64 if x.dtype == torch.float64 else torch.float32
    size = size.to(exact)
    modulation = None if modulation is None else modulation.to(exact)
    if exporting:
        return gathered(x, size, weight, bias, modulation, geometry)
    if runs_on_triton(str(x.device), x.dtype) and fits_kernels(x, size, weight):
        return fused_d2conv3d(x, size, weight, bias, modulation, geometry)
    if by_columns(x, weight, geometry):
        return ColumnsConv3d.apply(x, size, weight, bias, modulation, geometry, is_channels_last(like))
    return D2Conv3dFunction.apply(x, size, weight, bias, modulation, geometry)


class _SizePredictor(nn.Module):
    """The convolution that predicts sizes and modulation; zero at the start.

    It is no ``nn.Conv3d`` on purpose: initialisers that walk a model and draw new weights for every convolution
    (``ResNet3d.init_weights`` of MMAction2 does) would undo the zeros.
    """

    def __init__(self, conv: nn.Conv3d, out_channels: int) -> None:
        super().__init__()
        self.stride, self.padding, self.dilation = conv.stride, conv.padding, conv.dilation
        self.weight = nn.Parameter(torch.empty(out_channels, conv.in_channels, *conv.kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Predict a size of 1 everywhere again."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, compiled: bool = False) -> Tensor:
        """``compiled``: on numba's kernels, for whose path ``x`` has been found fit."""
        elsewhere = x.device.type != 'cpu' or is_exporting() or torch.is_autocast_enabled('cpu')
        if elsewhere or shapes_are_as_on_cuda() or len(self.weight) > MOST_CHANNELS or not len(x):
            return F.conv3d(x, self.weight, self.bias, self.stride, self.padding, self.dilation)
        geometry = Geometry(tuple(self.weight.shape[2:]), self.stride, self.padding, self.dilation, 1)
        return FewChannelsConv3d.apply(x, self.weight, self.bias, geometry, compiled and x.dtype == torch.float32)

    def extra_repr(self) -> str:
        return f'{self.weight.shape[1]}, {self.weight.shape[0]}'


@MODELS.register_module()
class D2Conv3d(nn.Conv3d):
    """``nn.Conv3d`` whose dilation is predicted for every voxel from its own input.

    ``size = ELU(raw) + 1`` and, if asked for, ``modulation = sigmoid(raw)``, where raw comes from a plain
    convolution with the kernel, stride, padding and dilation of the layer, ``groups = 1`` and zero weights, so a
    new layer is the plain convolution. With modulation a new layer is **half** the plain convolution, since
    sigmoid(0) = 0.5; the authors' release ("v2") starts there too.

    Weight and bias have the names and shapes of ``nn.Conv3d``, so its checkpoints, inflation from 2D and
    initialisers work. In MMAction2: ``conv_cfg=dict(type='D2Conv3d')``.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias: as in ``nn.Conv3d``;
            kernels are odd, padding is given in numbers.
        size_map: ``'x'`` (one size for h and w), ``'xy'`` (h and w) or ``'xyz'`` (t, h and w, the paper's).
        modulation: predict a scale for each tap and voxel as well.

    Raises:
        ValueError: if an argument does not fit.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Triple, stride: Triple = 1,
                 padding: Triple = 0, dilation: Triple = 1, groups: int = 1, bias: bool = True, size_map: str = 'xyz',
                 modulation: bool = False) -> None:
        if size_map not in SIZE_MAPS:
            raise ValueError(f'size_map must be one of {list(SIZE_MAPS)}, got {size_map!r}')
        kernel = _triple(kernel_size, 'kernel_size', 1)
        geometry = _check_geometry(kernel, stride, padding, dilation, groups)
        _check_channels(in_channels, out_channels, groups)
        super().__init__(in_channels, out_channels, *geometry, bias=bias)
        self.size_map, self.modulation = size_map, modulation
        taps = kernel[0] * kernel[1] * kernel[2]
        self.size_predictor = _SizePredictor(self, SIZE_MAPS[size_map] + modulation * taps)

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, C, T, H, W) -> size (B, S, T', H', W') and modulation (B, K, T', H', W') or ``None``."""
        raw = self.size_predictor(x, not is_exporting() and by_columns(x, self.weight, self.geometry))
        if raw.dtype != torch.float64:
            raw = raw.float()
        channels = SIZE_MAPS[self.size_map]
        size = F.elu(raw[:, :channels]) + 1
        return size, raw[:, channels:].sigmoid() if self.modulation else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, O, T', H', W')."""
        exporting = is_exporting()
        if not exporting:
            _check_clip(x, self.in_channels, self.geometry)
        if not exporting and by_columns(x, self.weight, self.geometry):
            # Predictor and reads share one copy, or none.
            rows = x.contiguous(memory_format=torch.channels_last_3d)
            size, modulation = self.predict(rows)
            return _checked(rows, size, self.weight, self.bias, modulation, self.geometry, x)
        size, modulation = self.predict(x)
        return d2conv3d(x, size, self.weight, self.bias, modulation, *self.geometry[1:])

    @property
    def geometry(self) -> Geometry:
        return Geometry(self.kernel_size, self.stride, self.padding, self.dilation, self.groups)

    def fits_bottleneck(self, cells: int, volume: tuple[int, int, int]) -> bool:
        """Whether :mod:`.bottleneck_triton` takes the layer for so many cells of volumes (T, H, W): dense, with a bias,
        without modulation, of wide channels, and leaving the volume as it is.
        """
        plain = self.groups == 1 and self.bias is not None and not self.modulation
        return plain and self.geometry.output_shape(volume) == volume and bottleneck_fits(
            cells, volume, self.in_channels, self.out_channels, self.weight[0, 0].numel())

    @property
    def compiles_whole(self) -> bool:
        """Whether ``torch.compile`` takes the layer as one operator, as it does Triton's kernels."""
        return runs_on_triton(str(self.weight.device), self.weight.dtype)

    def extra_repr(self) -> str:
        return f'{super().extra_repr()}, size_map={self.size_map!r}, modulation={self.modulation}'


def _triple(value: Triple, name: str, least: int) -> tuple[int, int, int]:
    values = (value, ) * 3 if isinstance(value, int) else value
    valid = (isinstance(values, Sequence) and not isinstance(values, str) and len(values) == 3
             and all(isinstance(v, int) and v >= least for v in values))
    if not valid:
        raise ValueError(f'{name} must be an int of at least {least}, or three of them for (t, h, w), got {value!r}')
    t, h, w = values
    return t, h, w


def _check_geometry(kernel: Sequence[int], stride: Triple, padding: Triple, dilation: Triple, groups: int) -> Geometry:
    if any(k % 2 == 0 for k in kernel):
        raise ValueError(f'D2Conv3D needs odd kernels, since sizes scale around a middle tap; got {tuple(kernel)}: use '
                         'e.g. 3 instead of 2 or 4')
    t, h, w = kernel
    return Geometry((t, h, w), _triple(stride, 'stride', 1), _triple(padding, 'padding', 0),
                    _triple(dilation, 'dilation', 1), groups)


def _check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(f'groups must divide in_channels and out_channels; got groups={groups}, '
                         f'in_channels={in_channels}, out_channels={out_channels}')


def _check_clip(x: Tensor, channels: int, geometry: Geometry) -> None:
    if x.ndim != 5 or x.shape[1] != channels:
        raise ValueError(f'x must be (B, {channels}, T, H, W), got {tuple(x.shape)}: add a batch dimension to a single '
                         'clip, and put channels before time')
    if min(geometry.output_shape(x.shape[2:])) < 1:
        raise ValueError(f'a clip of (T, H, W) = {tuple(x.shape[2:])} is too small for kernel {geometry.kernel}, '
                         f'dilation {geometry.dilation} and padding {geometry.padding}: raise the padding or feed a '
                         'larger clip')


def _check_tensors(x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
                   geometry: Geometry) -> None:
    _check_clip(x, weight.shape[1] * geometry.groups, geometry)
    _check_channels(x.shape[1], weight.shape[0], geometry.groups)
    output = geometry.output_shape(x.shape[2:])
    if size.ndim != 5 or size.shape[1] not in SIZE_MAPS.values():
        raise ValueError("size must be (B, S, T', H', W') with S = 1 (h and w together), 2 (h, w) or 3 (t, h, w), got "
                         f'{tuple(size.shape)}')
    _check_map('size', size, (len(x), size.shape[1], *output))
    if modulation is not None:
        _check_map('modulation', modulation, (len(x), weight[0, 0].numel(), *output))
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f'bias must be ({len(weight)},), one number for each output channel, got {tuple(bias.shape)}')
    given = {'x': x, 'size': size, 'weight': weight, 'bias': bias, 'modulation': modulation}
    given = {name: tensor for name, tensor in given.items() if tensor is not None}
    if len({tensor.device for tensor in given.values()}) > 1:
        places = ', '.join(f'{name} on {tensor.device}' for name, tensor in given.items())
        raise ValueError(f'all tensors must be on one device, got {places}: move them with .to()')
    if not all(tensor.is_floating_point() for tensor in given.values()):
        kinds = ', '.join(f'{name} {tensor.dtype}' for name, tensor in given.items())
        raise ValueError(f'all tensors must be floating point, got {kinds}')
    if any(given[name].dtype != x.dtype for name in ('weight', 'bias') if name in given):
        raise ValueError(f'weight and bias must have the dtype of x, {x.dtype}; weight has {weight.dtype}: cast one of '
                         'them, or run under torch.autocast')


def _check_map(name: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    if tensor.shape != expected:
        raise ValueError(f'{name} must be {expected}, the resolution of the output, got {tuple(tensor.shape)}: predict '
                         'it with the kernel, stride, padding and dilation of the layer')


def _autocast(*tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    """Cast as autocast casts the arguments of a convolution; without autocast, change nothing."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)
    return tuple(tensor.to(dtype) if tensor is not None and tensor.dtype != torch.float64 else tensor
                 for tensor in tensors)
