"""A bottleneck around D²Conv3D on a GPU as one step of autograd: tokens + up(GELU(D²Conv3D(down(patches)))).

Made of some thirty operators it keeps Python as busy as a whole block of the frozen model keeps the device. In one
function a wide stream is read and written once each way, the narrow one has lanes to spare from the first product to
the last (a width of 116 lies in 128), and sizes are predicted without cuDNN.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._sampling import Geometry
from .d2conv3d_triton import geometry_of

if TYPE_CHECKING:
    from ._triton_pack import Packed


class Bottleneck(NamedTuple):
    """Weights of the layers: C tokens wide, r narrow, S sizes; the convolution dense, (r, r, kt, kh, kw)."""
    down: Tensor
    down_bias: Tensor
    conv: Tensor
    conv_bias: Tensor
    predictor: Tensor
    predictor_bias: Tensor
    up: Tensor
    up_bias: Tensor


class Patches(NamedTuple):
    """Where the patches of a clip stand: T frames of H × W behind the ``leading`` tokens of each."""
    frames: int
    height: int
    width: int
    leading: int

    @property
    def volume(self) -> tuple[int, int, int]:
        return self.frames, self.height, self.width


def add_bottleneck(x: Tensor, source: Tensor, weights: Bottleneck, geometry: Geometry, patches: Patches,
                   dtype: torch.dtype) -> Tensor:
    """``x`` (B·T, L, C) plus what the bottleneck makes of ``source``, of the same shape; products in ``dtype``.

    The convolution must leave the volume's shape as it is.
    """
    source = None if source is x else source
    if torch.compiler.is_compiling():
        return _operator(x, source, weights, *geometry[1:4], patches, dtype)[0]
    return _Function.apply(x, source, geometry, patches, dtype, *weights)


def run_forward(x: Tensor, source: Tensor | None, given: Bottleneck, geometry: Geometry, patches: Patches,
                dtype: torch.dtype, ready: Packed | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The sum, and what backward reads: patches (R, C), narrow rows (R, r) before and after the convolution, sizes."""
    from . import _triton_wide_launch as wide
    from ._triton_operands import on_device_of, without_autocast
    from ._triton_predictor import predict_sizes
    from ._triton_tokens import add_patches, cut_patches
    with on_device_of(x), without_autocast(x):
        ready = ready or _packed(given, dtype)
        tokens = cut_patches(x if source is None else source, patches.leading, patches.height * patches.width, dtype)
        rows = torch.addmm(ready.down_bias, tokens, ready.down.T)
        clips = len(x) // patches.frames
        size = predict_sizes(rows, ready.predictor, given.predictor_bias, clips, patches.volume, geometry)
        mixed = torch.empty_like(rows)
        wide.write_output(_operands(rows, size, ready.matrices, patches, geometry), ready.conv_bias, mixed)
        delta = torch.addmm(ready.up_bias, F.gelu(mixed), ready.up.T)
        out = add_patches(x, delta, patches.leading, x.shape, torch.promote_types(x.dtype, dtype))
    return out, tokens, rows, mixed, size


def run_backward(grad: Tensor, tokens: Tensor, rows: Tensor, mixed: Tensor, size: Tensor, given: Bottleneck,
                 geometry: Geometry, patches: Patches, x_type: torch.dtype, source_type: torch.dtype | None,
                 ready: Packed | None = None) -> tuple[Tensor, ...]:
    """Gradients of x, of the source (empty where it is x), and of the weights."""
    from . import _triton_wide_launch as wide
    from ._triton_operands import on_device_of, without_autocast
    from ._triton_predictor import gradients_of_prediction, product_in_float32
    from ._triton_tokens import add_patches, cut_patches
    dtype, leading = rows.dtype, patches.leading
    width, maps, taps = len(given.down), len(given.predictor), given.conv[0, 0].numel()
    with on_device_of(grad), without_autocast(grad):
        ready = ready or _packed(given, dtype)
        of_delta = cut_patches(grad, leading, patches.height * patches.width, dtype)
        of_up = product_in_float32(of_delta.T, F.gelu(mixed))[:, :width]
        of_mixed = torch.ops.aten.gelu_backward(of_delta @ ready.up, mixed)
        volume = rows.view(len(size), *patches.volume, -1).permute(0, 4, 1, 2, 3)
        of_volume, of_size, of_conv, _ = wide.gradients(
            _operands(rows, size, ready.matrices, patches, geometry), of_mixed, volume, given.conv,
            [True, True, True, False])
        of_products, of_predictor_bias = gradients_of_prediction(
            of_size, size, len(ready.predictor), patches.volume, geometry, dtype)
        of_rows = of_volume.permute(0, 2, 3, 4, 1).flatten(0, 3).addmm_(of_products.T, ready.predictor)
        lines = product_in_float32(of_products, rows)[:taps * maps].view(taps, maps, -1)[..., :width]
        of_tokens = of_rows @ ready.down
        if source_type is None:
            of_x, of_source = add_patches(grad, of_tokens, leading, grad.shape, x_type), grad.new_empty(0)
        else:
            of_x = grad.to(x_type, copy=True)
            of_source = add_patches(None, of_tokens, leading, grad.shape, source_type)
        found = Bottleneck(
            product_in_float32(of_rows.T, tokens)[:width], _sum(of_rows)[:width], of_conv, _sum(of_mixed)[:width],
            lines.permute(1, 2, 0).reshape(given.predictor.shape), of_predictor_bias, of_up, _sum(of_delta))
    return of_x, of_source, *(one.to(weight.dtype).contiguous() for one, weight in zip(found, given))


class _Function(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x, source, geometry, patches, dtype, *weights):
        given = Bottleneck(*weights)
        ready = _packed(given, dtype)
        out, *kept = run_forward(x, source, given, geometry, patches, dtype, ready)
        ctx.save_for_backward(*kept, *weights)
        ctx.numbers = geometry, patches, x.dtype, None if source is None else source.dtype, ready
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        kept, weights = ctx.saved_tensors[:4], ctx.saved_tensors[4:]
        of_x, of_source, *found = run_backward(grad, *kept, Bottleneck(*weights), *ctx.numbers)
        return of_x, of_source if of_source.numel() else None, None, None, None, *found


_NUMBERS = 'int[] stride, int[] padding, int[] dilation, int[] patches'


@torch.library.custom_op(
    'mmdfer::add_bottleneck', mutates_args=(),
    schema=f'(Tensor x, Tensor? source, Tensor[] weights, {_NUMBERS}, ScalarType dtype) -> '
           '(Tensor, Tensor, Tensor, Tensor, Tensor)')
def _operator(x, source, weights, stride, padding, dilation, patches, dtype):
    given = Bottleneck(*weights)
    geometry = geometry_of(given.conv, stride, padding, dilation, 1)
    return run_forward(x, source, given, geometry, Patches(*patches), dtype)


@torch.library.custom_op(
    'mmdfer::add_bottleneck_backward', mutates_args=(),
    schema=f'(Tensor grad, Tensor[] kept, Tensor[] weights, {_NUMBERS}, ScalarType x_type, ScalarType? source_type) '
           '-> Tensor[]')
def _backward(grad, kept, weights, stride, padding, dilation, patches, x_type, source_type):
    given = Bottleneck(*weights)
    geometry = geometry_of(given.conv, stride, padding, dilation, 1)
    return list(run_backward(grad, *kept, given, geometry, Patches(*patches), x_type, source_type))


@_operator.register_fake
def _(x, source, weights, stride, padding, dilation, patches, dtype):
    from ._triton_operands import lanes_of
    given, (frames, height, width, _) = Bottleneck(*weights), patches
    cells = x.shape[0] * height * width
    rows = x.new_empty(cells, lanes_of(len(given.down)), dtype=dtype)
    size = x.new_empty(x.shape[0] // frames, len(given.predictor), frames, height, width, dtype=torch.float32)
    return (x.new_empty(x.shape, dtype=torch.promote_types(x.dtype, dtype)),
            x.new_empty(cells, x.shape[2], dtype=dtype), rows, torch.empty_like(rows), size)


@_backward.register_fake
def _(grad, kept, weights, stride, padding, dilation, patches, x_type, source_type):
    of_source = grad.new_empty(0) if source_type is None else grad.new_empty(grad.shape, dtype=source_type)
    of_weights = [weight.new_empty(weight.shape) for weight in weights]
    return [grad.new_empty(grad.shape, dtype=x_type), of_source, *of_weights]


def _keep(ctx, inputs, output) -> None:
    x, source, weights, *numbers, _ = inputs
    ctx.save_for_backward(*output[1:], *weights)
    ctx.mark_non_differentiable(*output[1:])
    ctx.numbers = *numbers, x.dtype, None if source is None else source.dtype


def _differentiate(ctx, grad: Tensor, *_) -> tuple:
    kept, weights = ctx.saved_tensors[:4], ctx.saved_tensors[4:]
    of_x, of_source, *found = _backward(grad, kept, weights, *ctx.numbers)
    return of_x, None if ctx.numbers[-1] is None else of_source, found, *([None] * 5)


_operator.register_autograd(_differentiate, setup_context=_keep)


def _packed(given: Bottleneck, dtype: torch.dtype) -> Packed:
    from ._triton_pack import pack
    down, down_bias, conv, conv_bias, predictor, _, up, up_bias = given
    return pack(down, down_bias, conv, conv_bias, predictor, up, up_bias, dtype)


def _operands(rows: Tensor, size: Tensor, matrices: Tensor, patches: Patches, geometry: Geometry):
    from ._triton_operands import Operands, axes_of
    lanes = rows.shape[1]
    return Operands(
        rows=rows, size=size, modulation=None, matrices=matrices, narrow=False, groups=1, inner=lanes, outer=lanes,
        voxels=len(rows), cells=len(rows), shape=(math.prod(patches.volume), *patches.volume, *patches.volume),
        axes=axes_of(geometry, size.shape[1]))


def _sum(rows: Tensor) -> Tensor:
    """Over the rows, in float32."""
    return rows.sum(0, dtype=torch.float32)
