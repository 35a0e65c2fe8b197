"""The compiled path of D2Conv3D on a CPU against the path in plain PyTorch, in float64."""
import pytest
import torch
import torch.nn.functional as F

from mmdfer.ops import D2Conv3d, _column_blocks, d2conv3d
from mmdfer.ops._few_channels import FewChannelsConv3d
from mmdfer.ops._sampling import Geometry

from .test_d2conv3d import GEOMETRIES, make

pytest.importorskip('numba')


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    monkeypatch.setattr(_column_blocks, 'LEAST_WORK', 0)
    monkeypatch.setattr(_column_blocks, 'BLOCK_ELEMENTS', 1 << 12)          # several blocks, and clips cut in two


@pytest.fixture(params=[1, 2], autouse=True)
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


def run(arguments, options, dtype):
    leaves = {name: tensor if tensor is None else tensor.detach().to(dtype).requires_grad_()
              for name, tensor in arguments.items()}
    out = d2conv3d(**leaves, **options)
    out.backward(torch.linspace(-1, 1, out.numel()).view(out.shape).to(out))
    return [out.detach(), *(leaf.grad for leaf in leaves.values() if leaf is not None)]


@pytest.mark.parametrize('modulated', [False, True])
@pytest.mark.parametrize('channels', [1, 2, 3])
@pytest.mark.parametrize('geometry', [*GEOMETRIES, ((3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 'depthwise')])
def test_values_and_gradients(geometry, channels, modulated):
    depthwise = geometry[-1] == 'depthwise'
    arguments, options, _ = make((*geometry[:-1], 1) if depthwise else geometry, channels=channels, modulated=modulated)
    if depthwise:
        arguments.update(weight=arguments['weight'][:8, :1], bias=arguments['bias'][:8])
        options['groups'] = 8
    size = arguments['size']
    size[0, :, 0, 0, 0], size[0, :, -1, -1, -1], size[1, :, 0, 0, -1] = 0, 1e4, 2
    weight, groups = arguments['weight'], options['groups']
    multiplied = weight.shape[1] == 1 and len(weight) != groups             # computed by the other path
    shape = Geometry(tuple(weight.shape[2:]), *geometry[1:4], groups)
    assert _column_blocks.by_columns(arguments['x'].float(), weight, shape) != multiplied
    for ours, exact in zip(run(arguments, options, torch.float32), run(arguments, options, torch.float64)):
        assert (ours - exact).abs().max() <= 1e-5 * exact.abs().max()


def test_not_a_number_where_the_reference_has_one():
    torch.manual_seed(0)
    x, weight = torch.randn(2, 4, 3, 5, 5), torch.randn(4, 4, 3, 3, 3)
    size = 2 * torch.rand(2, 3, 3, 5, 5)
    x[0, 0, 1, 2, 2], size[1, 0, 1, 1, 1], size[1, 2, 2, 2, 2] = float('inf'), float('nan'), float('inf')
    ours, exact = d2conv3d(x, size, weight, padding=1), d2conv3d(x.double(), size.double(), weight.double(), padding=1)
    assert exact.isnan().any() and torch.equal(ours.isnan(), exact.isnan())


@pytest.mark.parametrize('clips', [1, 2, 5])
def test_threads_change_no_more_than_rounding(clips, monkeypatch):
    """Whether they have whole clips or parts of one; and as many threads give the same bits again."""
    torch.manual_seed(0)
    arguments = dict(x=torch.randn(clips, 32, 4, 6, 6), size=3 * torch.rand(clips, 3, 4, 6, 6),
                     weight=torch.randn(24, 32, 3, 3, 3))
    exact = run(arguments, dict(padding=1), torch.float64)
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        first, again = (run(arguments, dict(padding=1), torch.float32) for _ in range(2))
        assert torch.get_num_threads() == threads
        for one, other, true in zip(first, again, exact, strict=True):
            assert torch.equal(one, other) and (one - true).norm() <= 1e-6 * true.norm()


def test_half_types_are_computed_in_single():
    torch.manual_seed(0)
    layer = D2Conv3d(8, 8, 3, padding=1)
    torch.nn.init.normal_(layer.size_predictor.weight, std=0.05)
    x = torch.randn(2, 8, 4, 6, 6)
    with torch.autocast('cpu', torch.bfloat16):
        half = layer(x)
    assert half.dtype == torch.bfloat16
    assert ((half.float() - layer(x)).abs().max() / layer(x).abs().max()) < 3e-2


def test_only_what_is_wanted_is_computed(monkeypatch):
    called = []
    kernels = _column_blocks.kernels()
    for name in ('fill_columns', 'spread_columns', 'slopes_of_columns'):
        real = getattr(kernels, name)
        monkeypatch.setattr(kernels, name, lambda *given, name=name, real=real: (called.append(name), real(*given)))
    x, size, weight = torch.randn(1, 4, 3, 4, 4), torch.ones(1, 3, 3, 4, 4), torch.randn(4, 4, 3, 3, 3)
    for wanted, expected in ((x, {'spread_columns'}), (size, {'slopes_of_columns'}), (weight, {'fill_columns'})):
        wanted.requires_grad_()
        out = d2conv3d(x, size, weight, padding=1)
        called.clear()
        out.sum().backward()
        assert set(called) == expected
        wanted.requires_grad_(False)


@pytest.mark.parametrize('geometry', [geometry for geometry in GEOMETRIES if geometry[-1] == 1] + [
    ((3, 3, 3), (2, 1, 3), (1, 2, 3), (2, 1, 2), 1)])
def test_few_channels_are_a_plain_convolution(geometry):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 7, 9, 11, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 4, *geometry[0], dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, dtype=torch.float64, requires_grad=True)
    ours = FewChannelsConv3d.apply(x, weight, bias, Geometry(*geometry))
    compiled = FewChannelsConv3d.apply(x.float(), weight.float(), bias.float(), Geometry(*geometry), True)
    plain = F.conv3d(x, weight, bias, *geometry[1:4])
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(compiled.double(), plain, rtol=1e-5, atol=1e-5)
    grad = torch.randn_like(plain)
    gradients = [torch.autograd.grad(out, (x, weight, bias), grad.to(out)) for out in (ours, compiled, plain)]
    for a, b, expected in zip(*gradients):
        torch.testing.assert_close(a, expected)
        torch.testing.assert_close(b, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('channels', [2, 3, 13, 24, 28])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last_3d])
def test_layer_with_any_number_of_channels(channels, layout, monkeypatch):
    """Rows of 8, 4 and single numbers; whole clips and parts of one in a block; both layouts of memory."""
    monkeypatch.setattr(_column_blocks, 'BLOCK_ELEMENTS', 27 * channels * 150)
    torch.manual_seed(0)
    layer = D2Conv3d(channels, 2 * channels, 3, padding=1)
    torch.nn.init.normal_(layer.size_predictor.weight, std=0.1 / channels ** 0.5)
    for shape in ((3, channels, 3, 4, 5), (2, channels, 5, 7, 6)):          # 60 and 210 voxels a clip
        x = torch.randn(shape)
        results = []
        for dtype in (torch.float32, torch.float64):
            own, layer = x.detach().to(dtype, memory_format=layout).requires_grad_(), layer.to(dtype)
            out = layer(own)
            grads = torch.autograd.grad(out.square().sum(), [own, *layer.parameters()])
            assert out.is_contiguous(memory_format=layout)
            results.append([out.detach(), *grads])
        for ours, exact in zip(*results):
            assert (ours - exact).abs().max() <= 1e-5 * exact.abs().max()
