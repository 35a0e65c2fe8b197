"""D2Conv3D on a GPU: operators of PyTorch over Triton kernels.

``torch.ops.mmdfer.d2conv3d`` and its backward are known to PyTorch by their shapes and gradients, so ``torch.compile``
puts them into its graph whole, and whatever watches operators (FLOP counters, tensors without values) sees them. Where
nobody watches, an autograd function calls the same kernels, since the way through an operator costs a training step
more than some of the kernels do. The PyTorch path of :mod:`._autograd` is what both are held against.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from ._layouts import from_channels_last
from ._sampling import Geometry

_NUMBERS = 'int[] stride, int[] padding, int[] dilation, int groups'
_TENSORS = 'Tensor x, Tensor size, Tensor weight'


def fused_d2conv3d(x: Tensor, size: Tensor, weight: Tensor, bias: Tensor | None, modulation: Tensor | None,
                   geometry: Geometry) -> Tensor:
    """The checked arguments of ``d2conv3d``, size map and modulation in float32."""
    if torch.compiler.is_compiling() or is_in_torch_dispatch_mode():
        return _operator(x, size, weight, bias, modulation, *geometry[1:])
    return _Function.apply(x, size, weight, bias, modulation, geometry)


class _Function(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x, size, weight, bias, modulation, geometry):
        from ._triton_launch import launch_output
        from ._triton_operands import matrices_of
        matrices = matrices_of(weight, geometry)
        ctx.save_for_backward(x, size, weight, modulation, matrices)
        ctx.geometry = geometry
        return launch_output(x, size, weight, bias, modulation, geometry, matrices)

    @staticmethod
    def backward(ctx, grad):
        given = (ctx.geometry, ctx.needs_input_grad, grad, *ctx.saved_tensors)
        found = _BackwardFunction.apply(*given) if torch.is_grad_enabled() else _gradients(*given)
        return *found, None


class _BackwardFunction(torch.autograd.Function):
    """The gradients, where somebody might differentiate them again."""

    @staticmethod
    def forward(ctx, *given):
        return _gradients(*given)

    @staticmethod
    def backward(ctx, *grads):
        return _refuse_second(ctx, *grads)


def _gradients(geometry: Geometry, needs: tuple[bool, ...], grad: Tensor, x: Tensor, size: Tensor, weight: Tensor,
               modulation: Tensor | None, matrices: Tensor) -> tuple[Tensor | None, ...]:
    """Of x, size, weight, bias and modulation, ``None`` where not needed."""
    from ._triton_launch import launch_gradients
    return _with_bias(grad, needs, lambda wanted: launch_gradients(
        grad, x, size, weight, modulation, geometry, wanted, matrices))


def _with_bias(grad: Tensor, needs: Sequence[bool], launch: Callable[[list[bool]], Sequence[Tensor]]
               ) -> tuple[Tensor | None, ...]:
    """Gradients of x, size, weight and modulation by ``launch`` where needed, and the bias's in its place."""
    of_x, of_size, of_weight, of_bias, of_modulation = needs[:5]
    wanted = [of_x, of_size, of_weight, of_modulation]
    found: list[Tensor | None] = [None] * 4
    if any(wanted):
        found = [one if wish else None for one, wish in zip(launch(wanted), wanted)]
    return *found[:3], grad.sum((0, 2, 3, 4)) if of_bias else None, found[3]


@torch.library.custom_op(
    'mmdfer::d2conv3d', mutates_args=(),
    schema=f'({_TENSORS}, Tensor? bias, Tensor? modulation, {_NUMBERS}) -> Tensor')
def _operator(x, size, weight, bias, modulation, stride, padding, dilation, groups):
    from ._triton_launch import launch_output
    return launch_output(x, size, weight, bias, modulation, geometry_of(weight, stride, padding, dilation, groups))


@torch.library.custom_op(
    'mmdfer::d2conv3d_backward', mutates_args=(),
    schema=f'(Tensor grad, {_TENSORS}, Tensor? modulation, {_NUMBERS}, bool[] wanted) -> '
           '(Tensor, Tensor, Tensor, Tensor)')
def _backward(grad, x, size, weight, modulation, stride, padding, dilation, groups, wanted):
    """Gradients of x, size, weight and modulation, empty where not wanted."""
    from ._triton_launch import launch_gradients
    geometry = geometry_of(weight, stride, padding, dilation, groups)
    return launch_gradients(grad, x, size, weight, modulation, geometry, wanted)


@_operator.register_fake
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
    found = _with_bias(grad, ctx.needs_input_grad, lambda wanted: _backward(
        grad, x, size, weight, modulation, *ctx.numbers, wanted))
    return *found, None, None, None, None


def _refuse_second(ctx, *grads: Tensor):
    raise RuntimeError('D2Conv3D cannot be differentiated twice: call backward() or torch.autograd.grad() on it '
                       'without create_graph=True')


_operator.register_autograd(_differentiate, setup_context=_keep)
_backward.register_autograd(_refuse_second)


def geometry_of(weight: Tensor, stride, padding, dilation, groups: int) -> Geometry:
    """The lists of numbers that an operator is given, as the rest of the package takes them."""
    (kt, kh, kw), (st, sh, sw), (pt, ph, pw), (dt, dh, dw) = weight.shape[2:], stride, padding, dilation
    return Geometry((kt, kh, kw), (st, sh, sw), (pt, ph, pw), (dt, dh, dw), groups)
