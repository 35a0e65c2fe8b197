"""FE-Adapter as one step of autograd on Triton's kernels against its own layers in float64.

On a GPU, or in the interpreter's process that :mod:`.test_triton_kernels` starts.
"""
import copy

import pytest
import torch
from torch import nn

from mmdfer.adapters import TokenGrid, volume_adapter
from mmdfer.adapters.fe_adapter import FEAdapter

from .test_triton_kernels import DEVICE, HALF, INTERPRETED, ON_GPU, relative_error

pytestmark = [pytest.mark.usefixtures('quick_interpreter', 'first_blocks'), pytest.mark.skipif(
    not (ON_GPU or INTERPRETED), reason='runs in the process that interprets Triton')]
GRID = TokenGrid(2, 2, 2, leading=1, trailing=1)
DIM, WIDTH = 20, 12


@pytest.fixture(autouse=True)
def on_kernels(monkeypatch):
    monkeypatch.setenv('MMDFER_D2CONV3D', 'triton')


def make(grid=GRID, **kwargs):
    torch.manual_seed(0)
    kwargs.setdefault('kernel_size', (3, 3, 3) if ON_GPU else (3, 1, 3))          # the interpreter takes its time
    adapter = FEAdapter(DIM, WIDTH, zero_init=False, **kwargs).to(DEVICE)
    nn.init.normal_(adapter.conv.size_predictor.weight, std=0.1)
    nn.init.normal_(adapter.conv.size_predictor.bias, std=0.5)
    return adapter, *(torch.randn(2 * grid.frames, grid.tokens, DIM, device=DEVICE) for _ in range(2))


def run(adapter, x, source=None, grid=GRID):
    """The sum, the gradients of what comes in, and of the weights."""
    x = x.clone().requires_grad_()
    source = x if source is None else source.clone().requires_grad_()
    out = adapter.add_to(x, source, grid)
    slope = torch.linspace(-1, 1, out.numel(), device=out.device).view(out.shape)
    leaves = [x, *([] if source is x else [source]), *adapter.parameters()]
    return out.detach(), *torch.autograd.grad(out, leaves, slope.to(out.dtype))


def in_float64(monkeypatch, adapter, *tensors, grid=GRID):
    monkeypatch.setenv('MMDFER_D2CONV3D', 'torch')
    found = run(copy.deepcopy(adapter).double(), *(tensor.double() for tensor in tensors), grid=grid)
    monkeypatch.setenv('MMDFER_D2CONV3D', 'triton')
    return found


@pytest.fixture
def taken(monkeypatch):
    """How often the fused step was taken."""
    calls = []
    fused = volume_adapter.add_bottleneck
    monkeypatch.setattr(volume_adapter, 'add_bottleneck', lambda *args: calls.append(1) or fused(*args))
    return calls


@pytest.mark.parametrize('size_map, apart, grid, dilation', [
    ('xyz', False, GRID, 1), ('x', True, TokenGrid(1, 2, 3, leading=0), 2)])
def test_sum_and_gradients_are_the_layers(size_map, apart, grid, dilation, taken, monkeypatch):
    adapter, x, source = make(grid, size_map=size_map)
    for layer in (adapter.conv, adapter.conv.size_predictor):
        layer.dilation, layer.padding = (dilation, ) * 3, tuple(dilation * reach for reach in layer.padding)
    tensors = (x, source) if apart else (x, )
    ours, expected = run(adapter, *tensors, grid=grid), in_float64(monkeypatch, adapter, *tensors, grid=grid)
    assert taken and len(ours) == len(expected) == 10 + apart
    for one, other in zip(ours, expected, strict=True):
        assert one.dtype == torch.float32 and one.is_contiguous() and relative_error(one, other) <= 1e-5


def test_half_precision_under_autocast(taken, monkeypatch):
    adapter, x, _ = make()
    adapter.conv.size_predictor.weight.data.zero_()     # no tap so near a cell that rounding puts it into the next
    with torch.autocast(DEVICE, dtype=HALF):
        ours = run(adapter, x)
    assert taken and all(one.dtype == torch.float32 for one in ours)
    for one, other in zip(ours, in_float64(monkeypatch, adapter, x), strict=True):
        assert relative_error(one, other) <= 2e-2


def test_pytorch_knows_the_operator(taken):
    """Schema, shapes and gradients as ``torch.compile`` relies on them; the operator gives the function's figures."""
    adapter, x, source = make()
    expected = run(adapter, x)
    conv, predictor = adapter.conv, adapter.conv.size_predictor
    weights = [adapter.down.weight, adapter.down.bias, conv.weight, conv.bias, predictor.weight, predictor.bias,
               adapter.up.weight, adapter.up.bias]
    x = x.requires_grad_()
    numbers = [1] * 3, list(conv.padding), [1] * 3, [GRID.frames, GRID.height, GRID.width, GRID.leading], torch.float32
    for other in (None, source.requires_grad_()) if ON_GPU else (None, ):
        torch.library.opcheck(torch.ops.mmdfer.add_bottleneck.default, (x, other, weights, *numbers),
                              test_utils=('test_schema', 'test_autograd_registration', 'test_faketensor'))
    out = torch.ops.mmdfer.add_bottleneck(x, None, weights, *numbers)[0]
    assert relative_error(out, expected[0]) <= 1e-6
    grads = torch.autograd.grad(out, [x, *adapter.parameters()], torch.linspace(
        -1, 1, out.numel(), device=DEVICE).view(out.shape))
    assert all(relative_error(one, other) <= 1e-5 for one, other in zip(grads, expected[1:], strict=True))
    assert len(taken) == 1


def test_what_it_does_not_know_goes_by_the_layers(taken):
    """Modulation, groups, another activation, a layer that somebody watches or replaced, a plain convolution."""
    others = [make(**kwargs)[0] for kwargs in (dict(modulation=True), dict(groups=2), dict(groups=WIDTH))]
    others.append(make()[0])
    others[-1].conv = nn.Conv3d(WIDTH, WIDTH, 1, device=DEVICE)
    changed = [make()[0] for _ in range(3)]
    changed[0].act = nn.GELU(approximate='tanh')
    changed[1].conv.register_forward_hook(lambda *_: None)
    changed[2].up = nn.Sequential(changed[2].up)
    usual, x, _ = make()
    with torch.no_grad():
        for adapter in [*others, *changed]:
            assert adapter.add_to(x, x, GRID).shape == x.shape
            assert not taken
        usual.add_to(x, x, GRID)
    assert taken


@pytest.mark.skipif(not ON_GPU, reason='off a GPU the import of the compiler takes longer than all the rest')
def test_compiled_whole():
    adapter, x, _ = make()
    expected = run(adapter, x)
    adapter.add_to = torch.compile(adapter.add_to, backend='aot_eager', fullgraph=True)
    for one, other in zip(run(adapter, x), expected, strict=True):
        assert relative_error(one, other) <= 1e-5
