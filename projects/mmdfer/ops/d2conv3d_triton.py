"""D2Conv3D on a GPU: operators of PyTorch over Triton kernels.

``torch.ops.mmdfer.d2conv3d`` and its backward are known to PyTorch by their shapes and gradients, so ``torch.compile``
puts them into its graph whole, and autocast, activation checkpointing, DDP and FSDP see operators like any other. The
PyTorch path of :mod:`._autograd` is what they are held against.
"""
from __future__ import annotations

import torch
from torch import Tensor

from ._autograd import from_channels_last
from ._sampling import Geometry

_NUMBERS = 'int[] stride, int[] padding, int[] dilation, int groups'
_TENSORS = 'Tensor x, Tensor size, Tensor weight'


@torch.library.custom_op(
    'mmdfer::d2conv3d', mutates_args=(),
    schema=f'({_TENSORS}, Tensor? bias, Tensor? modulation, {_NUMBERS}) -> Tensor')
def fused_d2conv3d(x, size, weight, bias, modulation, stride, padding, dilation, groups):
    """The checked arguments of ``d2conv3d``, size map and modulation in float32."""
    from ._triton_launch import launch_output
    return launch_output(x, size, weight, bias, modulation, _geometry(weight, stride, padding, dilation, groups))


@torch.library.custom_op(
    'mmdfer::d2conv3d_backward', mutates_args=(),
    schema=f'(Tensor grad, {_TENSORS}, Tensor? modulation, {_NUMBERS}, bool[] wanted) -> '
           '(Tensor, Tensor, Tensor, Tensor)')
def _backward(grad, x, size, weight, modulation, stride, padding, dilation, groups, wanted):
    """Gradients of x, size, weight and modulation, empty where not wanted."""
    from ._triton_launch import launch_gradients
    geometry = _geometry(weight, stride, padding, dilation, groups)
    return launch_gradients(grad, x, size, weight, modulation, geometry, wanted)


@fused_d2conv3d.register_fake
def _(x, size, weight, bias, modulation, stride, padding, dilation, groups):
    return from_channels_last(x.new_empty(x.shape[0], *size.shape[2:], weight.shape[0]), x)


@_backward.register_fake
def _(grad, x, size, weight, modulation, stride, padding, dilation, groups, wanted):
    found = [tensor.new_empty(tensor.shape) if wish else x.new_empty(0)
             for wish, tensor in zip(wanted, (x, size, weight, modulation))]
    if wanted[0]:
        found[0] = from_channels_last(x.new_empty(x.shape[0], *x.shape[2:], x.shape[1]), x)
    return tuple(found)


def _keep(ctx, inputs, output) -> None:
    x, size, weight, _, modulation, *numbers = inputs
    ctx.save_for_backward(x, size, weight, modulation)
    ctx.numbers = numbers


def _differentiate(ctx, grad: Tensor) -> tuple:
    x, size, weight, modulation = ctx.saved_tensors
    of_x, of_size, of_weight, of_bias, of_modulation = ctx.needs_input_grad[:5]
    wanted = [of_x, of_size, of_weight, of_modulation]
    found: list[Tensor | None] = [None] * 4
    if any(wanted):
        all_found = _backward(grad, x, size, weight, modulation, *ctx.numbers, wanted)
        found = [one if wish else None for one, wish in zip(all_found, wanted)]
    bias = grad.sum((0, 2, 3, 4)) if of_bias else None
    return (*found[:3], bias, found[3], None, None, None, None)


def _refuse_second(ctx, *grads: Tensor):
    raise RuntimeError('D2Conv3D cannot be differentiated twice: call backward() or torch.autograd.grad() on it '
                       'without create_graph=True')


fused_d2conv3d.register_autograd(_differentiate, setup_context=_keep)
_backward.register_autograd(_refuse_second)


def _geometry(weight: Tensor, stride, padding, dilation, groups: int) -> Geometry:
    (kt, kh, kw), (st, sh, sw), (pt, ph, pw), (dt, dh, dw) = weight.shape[2:], stride, padding, dilation
    return Geometry((kt, kh, kw), (st, sh, sw), (pt, ph, pw), (dt, dh, dw), groups)
