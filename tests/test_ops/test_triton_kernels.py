"""D2Conv3D on Triton's kernels against PyTorch's operators in float64: on a GPU, or in Triton's interpreter.

Triton is interpreted from its import on, which would be too late, or too much, for the other tests of a process: so off
a GPU one test runs this file in a process of its own.
"""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmdfer.ops import D2Conv3d, d2conv3d

ON_GPU = torch.cuda.is_available()
INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'
DEVICE = 'cuda' if ON_GPU else 'cpu'
pytestmark = pytest.mark.usefixtures('quick_interpreter', 'first_blocks')
on_kernels = pytest.mark.skipif(not (ON_GPU or INTERPRETED), reason='runs in the process that interprets Triton')
LIMITS = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-2}
HALF = torch.bfloat16 if ON_GPU else torch.float16      # the interpreter multiplies the bits of bfloat16 matrices
USUAL = ((3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1))

# C, O, groups, kernel, stride, padding, dilation, channels of the size map, modulated, (T, H, W)
CASES = {
    'dense': (20, 18, 1, (3, 1, 1), (1, 1, 1), (1, 0, 0), (1, 1, 1), 3, False, (3, 3, 3)),
    'grouped': (24, 20, 2, (1, 3, 1), (1, 2, 2), (0, 2, 0), (1, 2, 1), 2, True, (1, 4, 3)),
    'wide': (70, 130, 1, (1, 1, 3), (1, 1, 1), (0, 0, 1), (1, 1, 1), 3, True, (1, 1, 3)),
    'depthwise': (16, 16, 16, (1, 3, 1), (1, 1, 2), (0, 1, 0), (1, 1, 1), 1, True, (2, 2, 4)),
    'few a group': (4, 4, 2, (1, 1, 3), (1, 1, 1), (0, 0, 1), (1, 1, 1), 3, False, (2, 2, 3)),
    'one tap': (3, 20, 1, (1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1), 3, True, (1, 2, 2)),
    'one cell': (16, 16, 1, (3, 1, 1), (1, 1, 1), (1, 0, 0), (1, 1, 1), 3, False, (1, 1, 1)),
}
if ON_GPU:                                              # too many taps for the interpreter
    CASES |= {
        "FE-Adapter's": (116, 116, 1, *USUAL, 3, False, (5, 14, 14)),
        'modulated': (128, 64, 1, *USUAL, 3, True, (4, 9, 7)),
        'odd': (200, 150, 1, *USUAL, 2, False, (4, 9, 10)), 'few in': (3, 64, 1, *USUAL, 3, False, (1, 14, 1)),
        'large kernel': (32, 32, 2, (3, 5, 7), (1, 2, 2), (1, 2, 3), (1, 1, 1), 3, True, (3, 11, 12)),
        'depthwise adapter': (336, 336, 336, *USUAL, 3, False, (4, 14, 14))}


@pytest.mark.skipif(ON_GPU or INTERPRETED, reason='the tests below run here')
@pytest.mark.slow
def test_kernels_in_the_interpreter():
    pytest.importorskip('triton', reason='Triton is not installed')
    environment = dict(os.environ, TRITON_INTERPRET='1', OMP_NUM_THREADS='1')
    environment.pop('PYTEST_XDIST_WORKER', None)
    files = [__file__, str(Path(__file__).with_name('test_bottleneck_triton.py'))]
    run = subprocess.run([sys.executable, '-m', 'pytest', '-n', '0', *files],
                         env=environment, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0 and ' passed' in run.stdout, run.stdout[-4000:]


def make(case, dtype=torch.float32, scale=2.5, clips=1):
    """Arguments of ``d2conv3d`` for one of ``CASES``, on the device, and its options."""
    channels, out, groups, kernel, stride, padding, dilation, maps, modulated, shape = CASES[case]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(clips, channels, *shape, generator=generator)
    weight = torch.randn(out, channels // groups, *kernel, generator=generator)
    grid = F.conv3d(x, weight, None, stride, padding, dilation, groups).shape[2:]
    size = scale * torch.rand(clips, maps, *grid, generator=generator)
    taps = kernel[0] * kernel[1] * kernel[2]
    given = dict(x=x.to(dtype), size=size, weight=weight.to(dtype),
                 bias=torch.randn(out, generator=generator).to(dtype),
                 modulation=torch.rand(clips, taps, *grid, generator=generator) if modulated else None)
    given = {name: tensor if tensor is None else tensor.to(DEVICE) for name, tensor in given.items()}
    return given, dict(stride=stride, padding=padding, dilation=dilation, groups=groups)


def run(way, monkeypatch, given, options, wanted=('x', 'size', 'weight', 'bias', 'modulation'), dtype=None):
    """Output and gradients by one of the ways; ``dtype`` for other than the arguments' own."""
    monkeypatch.setenv('MMDFER_D2CONV3D', way)
    given = {name: None if tensor is None else tensor.detach().to(dtype or tensor.dtype)
             for name, tensor in given.items()}
    leaves = [given[name].requires_grad_() for name in wanted if given[name] is not None]
    out = d2conv3d(**given, **options)
    slope = torch.linspace(-1, 1, out.numel(), device=out.device).view(out.shape)
    return out.detach(), *torch.autograd.grad(out, leaves, slope.to(out.dtype))


def relative_error(ours, expected):
    assert ours.shape == expected.shape
    return ((ours.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-9)).item()


RUNS = [*((case, torch.float32) for case in CASES if ON_GPU or case not in ('wide', 'few a group', 'one tap')),
        ('wide', HALF), ('few a group', torch.bfloat16)]
if ON_GPU:                                              # of one cell the gradient is a number in which errors stand out
    RUNS += [(case, HALF) for case in CASES if case not in ('wide', 'few a group', 'one cell')]
    RUNS += [("FE-Adapter's", torch.float16), ('depthwise adapter', torch.float16)]


@on_kernels
@pytest.mark.parametrize('case, dtype', RUNS)
def test_output_and_gradients_are_the_reference(case, dtype, monkeypatch):
    given, options = make(case, dtype)
    expected = run('torch', monkeypatch, given, options, dtype=torch.float64)
    ours = run('triton', monkeypatch, given, options)
    assert ours[0].dtype == dtype and ours[0].is_contiguous()
    for one, other in zip(ours, expected, strict=True):
        assert relative_error(one, other) <= LIMITS[dtype]


@on_kernels
@pytest.mark.parametrize('case', ['one cell'] if INTERPRETED else list(CASES))
def test_fixed_order_is_the_reference_and_the_same_in_every_run(case, monkeypatch):
    given, options = make(case)
    expected = run('torch', monkeypatch, given, options, dtype=torch.float64)
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (run('triton', monkeypatch, given, options) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    for one, other, right in zip(first, second, expected, strict=True):
        assert torch.equal(one, other) and relative_error(one, right) <= 1e-5


@on_kernels
@pytest.mark.parametrize('case', ['one cell', 'few a group'])
def test_strange_sizes_are_those_of_the_reference(case, monkeypatch):
    """Sizes of 0, whole, far outside, negative, infinite and not a number; an input with an infinite cell."""
    given, options = make(case)
    strange = torch.tensor([0., 1., 2., 1e4, -1e30, 1e38, float('inf'), float('-inf'), float('nan'), .5])
    size = given['size']
    given['size'] = strange.repeat(size.numel() // len(strange) + 1)[:size.numel()].view(size.shape).to(DEVICE)
    for infinite in (False, True):
        if infinite:
            given['x'][0, 0, -1, -1, -1] = float('inf')
        expected, ours = (run(way, monkeypatch, given, options, wanted=('bias', ))[0] for way in ('torch', 'triton'))
        assert torch.equal(ours.isnan(), expected.isnan())
        known = ~expected.isnan()
        assert torch.allclose(ours[known], expected[known], rtol=1e-5, atol=1e-5)


@on_kernels
def test_a_size_that_is_not_a_number_reaches_only_the_gradients_it_has_part_in(monkeypatch):
    given, options = make('few a group')
    given['size'][0, 1, 0, 0, 0] = float('nan')
    for ours, expected in zip(run('triton', monkeypatch, given, options, wanted=('size', 'weight')),
                              run('torch', monkeypatch, given, options, wanted=('size', 'weight')), strict=True):
        assert torch.equal(ours.isnan(), expected.isnan())
        assert torch.allclose(ours[~expected.isnan()], expected[~expected.isnan()], rtol=1e-4, atol=1e-5)


@on_kernels
def test_no_clips_and_channels_last(monkeypatch):
    given, options = make('one tap', clips=2)
    empty = {name: tensor[:0] if name in ('x', 'size', 'modulation') else tensor for name, tensor in given.items()}
    out, *grads = run('triton', monkeypatch, empty, options)
    assert out.shape == (0, 20, 1, 2, 2) and not any(grad.any() for grad in grads)
    expected = d2conv3d(**given, **options)
    given['x'] = given['x'].contiguous(memory_format=torch.channels_last_3d)
    last, grad = run('triton', monkeypatch, given, options, wanted=('x', ))
    for tensor in (last, grad):
        assert tensor.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(last, expected)


@on_kernels
def test_only_wanted_gradients_are_worked_out(monkeypatch):
    from mmdfer.ops import _triton_launch as launch, _triton_wide_launch as wide
    given, options = make('one tap')
    everything = run('triton', monkeypatch, given, options)
    monkeypatch.setattr(wide, 'readers', None)                # no lists without a gradient of the input
    some = run('triton', monkeypatch, given, options, wanted=('size', 'weight', 'bias', 'modulation'))
    monkeypatch.setattr(launch, 'launch_gradients', None)       # no kernel at all for the bias
    bias = run('triton', monkeypatch, given, options, wanted=('bias', ))
    for ours, expected in zip((*some, bias[1]), (everything[0], *everything[2:], everything[4]), strict=True):
        assert relative_error(ours, expected) <= 1e-6


@on_kernels
def test_pytorch_knows_the_operator(monkeypatch):
    """Schema, shapes, strides and gradients, as ``torch.compile`` and others rely on them."""
    monkeypatch.setenv('MMDFER_D2CONV3D', 'triton')
    given, options = make('one tap')
    given['x'] = given['x'].contiguous(memory_format=torch.channels_last_3d)
    leaves = [tensor if tensor is None else tensor.requires_grad_() for tensor in given.values()]
    torch.library.opcheck(torch.ops.mmdfer.d2conv3d.default, (*leaves, [1] * 3, [0] * 3, [1] * 3, 1),
                          test_utils=('test_schema', 'test_autograd_registration', 'test_faketensor'))
    out = d2conv3d(**given, **options)
    grad, = torch.autograd.grad(out.sum(), given['x'], create_graph=True)
    with pytest.raises(RuntimeError, match='cannot be differentiated twice'):
        grad.sum().backward()


@on_kernels
def test_layer_under_compile_checkpoint_and_autocast(monkeypatch):
    monkeypatch.setenv('MMDFER_D2CONV3D', 'triton')
    torch.manual_seed(0)
    layer = D2Conv3d(12, 12, (1, 1, 3), padding=(0, 0, 1)).to(DEVICE)
    nn.init.normal_(layer.size_predictor.weight, std=0.1)
    x = torch.randn(1, 12, 1, 1, 3, device=DEVICE)

    def of(call):
        leaf = x.clone().requires_grad_()
        out = call(leaf)
        return out, *torch.autograd.grad(out.float().square().sum(), [leaf, *layer.parameters()])

    expected = of(layer)
    calls = [lambda leaf: checkpoint(layer, leaf, use_reentrant=False)]
    if ON_GPU:                                          # off it the compiler's import takes longer than all the rest
        calls.append(torch.compile(layer, backend='aot_eager', fullgraph=True))
    for call in calls:
        for ours, other in zip(of(call), expected, strict=True):
            assert relative_error(ours, other) <= 1e-4
    with torch.autocast(DEVICE, dtype=HALF):
        out, *grads = of(layer)
    assert out.dtype == HALF and relative_error(out, expected[0]) < 0.02
    assert all(grad.dtype == torch.float32 for grad in grads)
