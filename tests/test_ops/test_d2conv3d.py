"""D2Conv3D against plain convolutions and against a loop of `grid_sample`."""
import pytest
import torch
import torch.nn.functional as F
from mmaction.models.backbones import ResNet3d
from mmcv.cnn import ConvModule, build_conv_layer
from mmengine.model import kaiming_init
from torch import nn

import mmdfer  # noqa: F401  (registers the layer)
from mmdfer.ops import D2Conv3d, d2conv3d

# kernel, stride, padding, dilation, groups; 8 channels in, 16 out.
GEOMETRIES = [
    ((3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    ((3, 3, 3), (2, 1, 2), (1, 1, 1), (1, 1, 1), 2),
    ((3, 1, 3), (1, 2, 2), (2, 1, 1), (2, 1, 1), 8),
    ((1, 5, 3), (1, 1, 1), (0, 2, 0), (1, 1, 2), 4),
    ((1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    ((5, 3, 1), (1, 1, 1), (0, 0, 2), (1, 2, 1), 1),
]
CLIP = (2, 8, 5, 7, 6)


def loop_of_grid_samples(x, size, weight, bias=None, modulation=None, stride=(1, 1, 1),
                         padding=(0, 0, 0), dilation=(1, 1, 1), groups=1):
    """D2Conv3D by its definition, one `grid_sample` and one 1x1x1 convolution a tap."""
    kernel, shape = weight.shape[2:], x.shape[2:]
    t, h, w = {1: (None, 0, 0), 2: (None, 0, 1), 3: (0, 1, 2)}[size.shape[1]]
    sizes = [torch.ones_like(size[:, 0]) if c is None else size[:, c] for c in (t, h, w)]
    centres = torch.meshgrid(*(
        torch.arange(n, dtype=x.dtype) * stride[a] - padding[a] + dilation[a] * (kernel[a] // 2)
        for a, n in enumerate(size.shape[2:])), indexing='ij')
    out = 0
    taps = torch.cartesian_prod(*(torch.arange(k) for k in kernel)).view(-1, 3).tolist()
    for number, tap in enumerate(taps):
        position = [centres[a] + dilation[a] * (tap[a] - kernel[a] // 2) * sizes[a]
                    for a in range(3)]
        grid = torch.stack([2 * position[a] / (shape[a] - 1) - 1 for a in (2, 1, 0)], dim=-1)
        read = F.grid_sample(x, grid, padding_mode='zeros', align_corners=True)
        if modulation is not None:
            read = read * modulation[:, number:number + 1]
        i, j, k = tap
        out = out + F.conv3d(read, weight[:, :, i:i + 1, j:j + 1, k:k + 1], groups=groups)
    return out if bias is None else out + bias.view(1, -1, 1, 1, 1)


def make(geometry, dtype=torch.float64, channels=3, modulated=False, scale=3.0, seed=0):
    """Random arguments of `d2conv3d` for one of `GEOMETRIES`, sizes in (0, scale)."""
    kernel, stride, padding, dilation, groups = geometry
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    x, weight, bias = draw(*CLIP), draw(16, 8 // groups, *kernel), draw(16)
    plain = F.conv3d(x, weight, bias, stride, padding, dilation, groups)
    grid = plain.shape[2:]
    size = scale * torch.rand(2, channels, *grid, generator=generator, dtype=dtype)
    taps = weight[0, 0].numel()
    scales = torch.rand(2, taps, *grid, generator=generator, dtype=dtype) if modulated else None
    arguments = dict(x=x, size=size, weight=weight, bias=bias, modulation=scales)
    return arguments, dict(stride=stride, padding=padding, dilation=dilation, groups=groups), plain


def relative_error(ours, expected):
    assert ours.shape == expected.shape
    return ((ours - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize('channels', [1, 2, 3])
@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_size_one_is_the_plain_convolution(geometry, channels):
    arguments, options, plain = make(geometry, torch.float32, channels)
    arguments['size'] = torch.ones_like(arguments['size'])
    assert relative_error(d2conv3d(**arguments, **options), plain) <= 1e-6


@pytest.mark.parametrize('groups', [1, 4, 8])
def test_size_two_is_dilation_two(groups):
    geometry = ((3, 3, 3), (1, 2, 1), (1, 1, 1), (1, 1, 1), groups)
    arguments, options, _ = make(geometry, torch.float32)
    arguments['size'] = torch.full_like(arguments['size'], 2)
    plain = F.conv3d(arguments['x'], arguments['weight'], arguments['bias'], options['stride'],
                     padding=2, dilation=2, groups=groups)
    assert relative_error(d2conv3d(**arguments, **options), plain) <= 1e-6


@pytest.mark.parametrize('scale', [1e-3, 1.0, 3.0, 30.0, 1e30])
@pytest.mark.parametrize('channels', [1, 2, 3])
def test_any_size_is_the_loop(channels, scale):
    arguments, options, _ = make(GEOMETRIES[0], channels=channels, scale=scale)
    expected = loop_of_grid_samples(**arguments, **options)
    assert relative_error(d2conv3d(**arguments, **options), expected) <= 1e-12


@pytest.mark.parametrize('modulated', [False, True])
@pytest.mark.parametrize('channels', [1, 2, 3])
@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_output_and_gradients_are_the_loop(geometry, channels, modulated):
    arguments, options, _ = make(geometry, channels=channels, modulated=modulated)
    leaves = [tensor.requires_grad_() for tensor in arguments.values() if tensor is not None]
    ours = d2conv3d(**arguments, **options)
    expected = loop_of_grid_samples(**arguments, **options)
    assert relative_error(ours, expected) <= 1e-12
    grad = torch.randn(expected.shape, dtype=expected.dtype)
    if geometry[0] == (1, 1, 1):  # a single tap does not move, whatever the size
        leaves = [leaf for leaf in leaves if leaf is not arguments['size']]
    for ours_grad, expected_grad in zip(torch.autograd.grad(ours, leaves, grad),
                                        torch.autograd.grad(expected, leaves, grad)):
        assert relative_error(ours_grad, expected_grad) <= 1e-10


@pytest.mark.parametrize('groups', [1, 2])
def test_gradcheck(groups):
    torch.manual_seed(0)
    x = torch.randn(1, 2, 3, 4, 3, dtype=torch.float64, requires_grad=True)
    # Fractions between 0.1 and 0.9: interpolation has a kink at whole positions.
    size = torch.rand(1, 3, 3, 2, 3, dtype=torch.float64) * 0.8 + 0.1
    size = (size + torch.randint(0, 3, size.shape)).requires_grad_()
    weight = torch.randn(2, 2 // groups, 3, 1, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, dtype=torch.float64, requires_grad=True)
    modulation = torch.rand(1, 9, 3, 2, 3, dtype=torch.float64, requires_grad=True)

    def call(*arguments):
        return d2conv3d(*arguments, stride=(1, 2, 1), padding=(1, 0, 1),
                        groups=groups)

    assert torch.autograd.gradcheck(call, (x, size, weight, bias, modulation))


@pytest.mark.parametrize('name', ['x', 'size', 'weight', 'bias', 'modulation'])
def test_one_gradient_alone(name):
    arguments, options, _ = make(GEOMETRIES[1], modulated=True)
    leaf = arguments[name].requires_grad_()
    grad, = torch.autograd.grad(d2conv3d(**arguments, **options).square().sum(), leaf)
    expected, = torch.autograd.grad(
        loop_of_grid_samples(**arguments, **options).square().sum(), leaf)
    assert relative_error(grad, expected) <= 1e-10


@pytest.mark.parametrize('groups', [1, 4, 8])
def test_chunks_change_nothing(groups, monkeypatch):
    """Clip by clip and tap by tap, the result is that of one piece."""
    def run():
        arguments, options, _ = make(geometry, modulated=True)
        leaves = [tensor.requires_grad_() for tensor in arguments.values()]
        out = d2conv3d(**arguments, **options)
        return out, *torch.autograd.grad(out.square().sum(), leaves)

    geometry = (*GEOMETRIES[0][:4], groups)
    for elements in (1 << 30, 1, 7 * CLIP[2] * CLIP[3] * CLIP[4] * 16):
        monkeypatch.setitem(mmdfer.ops._autograd.TABLE_ELEMENTS, 'cpu', elements)
        pieces = run()
        if elements == 1 << 30:
            whole = pieces
        for ours, expected in zip(pieces, whole):
            assert relative_error(ours, expected) <= 1e-12


def test_clip_does_not_depend_on_its_batch():
    arguments, options, _ = make(GEOMETRIES[0], modulated=True)
    both = d2conv3d(**arguments, **options)
    for name in ('x', 'size', 'modulation'):
        arguments[name] = arguments[name][1:]
    assert relative_error(both[1:], d2conv3d(**arguments, **options)) <= 1e-12


def test_same_numbers_in_every_run():
    def run():
        arguments, options, _ = make(GEOMETRIES[0], torch.float32, modulated=True)
        leaves = [tensor.requires_grad_() for tensor in arguments.values()]
        return torch.autograd.grad(d2conv3d(**arguments, **options).square().sum(), leaves)

    assert all(torch.equal(a, b) for a, b in zip(run(), run()))


def test_memory_format_follows_the_input():
    arguments, options, _ = make(GEOMETRIES[0])
    expected = d2conv3d(**arguments, **options)
    assert expected.is_contiguous()
    arguments['x'] = arguments['x'].contiguous(memory_format=torch.channels_last_3d)
    last = d2conv3d(**arguments, **options)
    assert last.is_contiguous(memory_format=torch.channels_last_3d)
    arguments['x'] = arguments['x'].transpose(3, 4).contiguous().transpose(3, 4)
    strided = d2conv3d(**arguments, **options)
    assert torch.equal(last, expected) and torch.equal(strided, expected)


def test_empty_batch():
    layer = D2Conv3d(8, 16, 3, padding=1)
    x = torch.zeros(0, 8, 4, 5, 6, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert out.shape == (0, 16, 4, 5, 6) and x.grad.shape == x.shape
    assert layer.weight.grad.abs().sum() == 0


def test_size_that_is_not_a_number_reads_in_bounds():
    arguments, options, _ = make(GEOMETRIES[0])
    arguments['size'][0, :, 2, 3, 4] = float('nan')
    out = d2conv3d(**arguments, **options)
    assert out[0, :, 2, 3, 4].isnan().all() and out.isnan().sum() == 16


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_close_to_float32(dtype):
    arguments, options, _ = make(GEOMETRIES[1], torch.float32)
    exact = d2conv3d(**arguments, **options)
    for name in ('x', 'weight', 'bias'):
        arguments[name] = arguments[name].to(dtype).requires_grad_()
    out = d2conv3d(**arguments, **options)
    assert out.dtype == dtype and relative_error(out.float(), exact) < 0.02
    out.sum().backward()
    assert arguments['x'].grad.dtype == arguments['weight'].grad.dtype == dtype


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_keeps_positions(dtype):
    """A size that a half cannot tell from 1 still moves the tap, by a ten-thousandth."""
    x = torch.tensor([0, 0, 0, 1, 0, 0], dtype=dtype).view(1, 1, 1, 1, 6)
    weight = torch.tensor([0, 0, 1], dtype=dtype).view(1, 1, 1, 1, 3)
    size = torch.full((1, 1, 1, 1, 6), 1.0001)
    assert size.to(dtype)[0, 0, 0, 0, 0] == 1
    out = d2conv3d(x, size, weight, padding=(0, 0, 1))
    assert out[0, 0, 0, 0, 1].item() == pytest.approx(1e-4, rel=0.01)


def test_autocast_is_close_to_float32():
    torch.manual_seed(0)
    layer = D2Conv3d(8, 16, 3, padding=1, modulation=True)
    nn.init.normal_(layer.size_predictor.weight, std=0.05)
    x = torch.randn(CLIP, requires_grad=True)
    expected = layer(x)
    expected_grads = torch.autograd.grad(expected.square().sum(), [x, *layer.parameters()])
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = layer(x)
        size, modulation = layer.predict(x)
    assert out.dtype == torch.bfloat16 and size.dtype == modulation.dtype == torch.float32
    assert relative_error(out.float(), expected) < 0.05
    grads = torch.autograd.grad(out.float().square().sum(), [x, *layer.parameters()])
    for grad, expected_grad in zip(grads, expected_grads):
        assert grad.dtype == torch.float32
        direction = F.cosine_similarity(grad.flatten(), expected_grad.flatten(), dim=0)
        assert direction > 0.99


def test_backward_keeps_no_columns():
    layer = D2Conv3d(16, 16, 3, padding=1, modulation=True)
    x = torch.randn(1, 16, 8, 10, 10, requires_grad=True)
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = layer(x)
    predicted = 30 * 4 * 800  # three sizes and 27 scales a voxel
    parameters = sum(4 * p.numel() for p in layer.parameters())
    columns = 27 * 4 * x.numel()
    bound = 4 * x.numel() + 4 * predicted + parameters
    assert bound < columns / 2
    assert 4 * x.numel() <= sum(kept.values()) <= bound
    out.sum().backward()


@pytest.mark.parametrize('size_map', ['x', 'xy', 'xyz'])
@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_new_layer_is_the_plain_convolution(geometry, size_map):
    plain = nn.Conv3d(8, 16, *geometry)
    layer = D2Conv3d(8, 16, *geometry, size_map=size_map)
    missing = layer.load_state_dict(plain.state_dict(), strict=False)
    assert set(missing.missing_keys) == {'size_predictor.weight', 'size_predictor.bias'}
    assert not missing.unexpected_keys
    x = torch.randn(CLIP)
    assert relative_error(layer(x), plain(x)) <= 1e-6


def test_new_modulated_layer_is_half_the_plain_convolution():
    plain = nn.Conv3d(8, 16, 3, padding=1, bias=False)
    layer = D2Conv3d(8, 16, 3, padding=1, bias=False, modulation=True)
    layer.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(CLIP)
    assert layer.size_predictor.weight.shape == (3 + 27, 8, 3, 3, 3)
    assert relative_error(layer(x), plain(x) / 2) <= 1e-6


@pytest.mark.parametrize('modulation', [False, True])
@pytest.mark.parametrize('size_map', ['x', 'xy', 'xyz'])
def test_layer_is_the_loop_on_its_own_prediction(size_map, modulation):
    torch.manual_seed(0)
    layer = D2Conv3d(8, 16, 3, (1, 2, 1), 1, groups=2, size_map=size_map, modulation=modulation)
    nn.init.normal_(layer.size_predictor.weight, std=0.1)
    layer, x = layer.double(), torch.randn(CLIP, dtype=torch.float64)
    predictor = layer.size_predictor
    raw = F.conv3d(x, predictor.weight, predictor.bias, (1, 2, 1), 1)
    channels = len(size_map)
    scales = raw[:, channels:].sigmoid() if modulation else None
    expected = loop_of_grid_samples(x, F.elu(raw[:, :channels]) + 1, layer.weight, layer.bias,
                                    scales, (1, 2, 1), (1, 1, 1), groups=2)
    assert relative_error(layer(x), expected) <= 1e-12
    layer(x).square().sum().backward()
    assert predictor.weight.grad.abs().sum(dim=(1, 2, 3, 4)).min() > 0


def test_initialisers_that_walk_a_model_keep_the_start():
    model = nn.Sequential(D2Conv3d(8, 16, 3, padding=1), nn.ReLU())
    before = model[0].weight.clone()
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            kaiming_init(module)
    assert not torch.equal(model[0].weight, before)
    for module in model.modules():
        if hasattr(module, 'reset_parameters'):
            module.reset_parameters()
    x = torch.randn(CLIP)
    plain = F.conv3d(x, model[0].weight, model[0].bias, padding=1).relu()
    assert relative_error(model(x), plain) <= 1e-6


def test_build_conv_layer_and_conv_module():
    layer = build_conv_layer(dict(type='D2Conv3d', size_map='xy'), 8, 16, 3, padding=1, bias=False)
    assert type(layer) is D2Conv3d and layer.size_map == 'xy' and layer.bias is None
    module = ConvModule(8, 16, 3, padding=1, conv_cfg=dict(type='D2Conv3d'),
                        norm_cfg=dict(type='BN3d'))
    assert type(module.conv) is D2Conv3d
    assert module(torch.randn(CLIP)).shape == (2, 16, *CLIP[2:])


def test_resnet3d_of_mmaction2_starts_as_with_plain_convolutions():
    options = dict(depth=18, pretrained=None, pretrained2d=False, base_channels=8,
                   stage_blocks=(1, 1, 1, 1), conv1_kernel=(3, 7, 7), inflate=(1, 1, 1, 1),
                   norm_eval=False)
    model = ResNet3d(conv_cfg=dict(type='D2Conv3d'), **options)
    model.init_weights()
    layers = [module for module in model.modules() if isinstance(module, D2Conv3d)]
    assert len(layers) == sum(isinstance(m, nn.Conv3d) for m in model.modules()) >= 9
    assert all(not layer.size_predictor.weight.any() for layer in layers)
    plain = ResNet3d(conv_cfg=dict(type='Conv3d'), **options)
    result = plain.load_state_dict(model.state_dict(), strict=False)
    assert not result.missing_keys
    assert all('size_predictor' in key for key in result.unexpected_keys)
    x = torch.randn(1, 3, 4, 32, 32)
    model.eval(), plain.eval()  # which return nothing in MMAction2
    assert relative_error(model(x), plain(x)) <= 1e-5


@pytest.mark.parametrize('change, message', [
    (dict(kernel_size=2), r'odd kernels.*\(2, 2, 2\)'),
    (dict(kernel_size=(3, 3)), r'kernel_size must be.*\(3, 3\)'),
    (dict(kernel_size=-1), 'kernel_size must be.*-1'),
    (dict(size_map='yx'), "size_map must be one of .*'xyz'.*'yx'"),
    (dict(groups=3), 'groups=3, in_channels=8'),
    (dict(stride=0), 'stride must be.*0'),
    (dict(dilation=0), 'dilation must be.*0'),
    (dict(padding='same'), "padding must be.*'same'"),
])
def test_layer_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        D2Conv3d(**{**dict(in_channels=8, out_channels=16, kernel_size=3), **change})


@pytest.mark.parametrize('shape, message', [
    ((8, 4, 5, 6), r'x must be \(B, 8, T, H, W\), got \(8, 4, 5, 6\)'),
    ((1, 4, 8, 5, 6), r'x must be \(B, 8, T, H, W\)'),
    ((1, 8, 1, 5, 6), r'\(1, 5, 6\) is too small'),
])
def test_layer_refuses_clip(shape, message):
    with pytest.raises(ValueError, match=message):
        D2Conv3d(8, 16, 3)(torch.zeros(shape))


@pytest.mark.parametrize('change, message', [
    (dict(size=torch.ones(2, 4, 5, 7, 6)), 'size must be .*1 .*2 .*3'),
    (dict(size=torch.ones(2, 3, 5, 7, 7)), r'size must be \(2, 3, 5, 7, 6\)'),
    (dict(modulation=torch.ones(2, 9, 5, 7, 6)), r'modulation must be \(2, 27, 5, 7, 6\)'),
    (dict(bias=torch.ones(8)), r'bias must be \(16,\)'),
    (dict(weight=torch.ones(16, 8, 2, 3, 3)), 'odd kernels'),
    (dict(weight=torch.ones(16, 8, 9)), r'weight must be \(O, C / groups, kt, kh, kw\)'),
    (dict(weight=torch.ones(16, 8, 3, 3, 3).double()), 'dtype of x, torch.float32'),
    (dict(size=torch.ones(2, 3, 5, 7, 6, dtype=torch.int64)), 'floating point'),
    (dict(size=torch.ones(2, 3, 5, 7, 6, device='meta')), 'one device.*size on meta'),
])
def test_function_refuses(change, message):
    arguments, options, _ = make(GEOMETRIES[0], torch.float32)
    with pytest.raises(ValueError, match=message):
        d2conv3d(**{**arguments, **change}, **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('geometry', GEOMETRIES)
def test_cuda_is_the_cpu(geometry):
    def run(device):
        arguments, options, _ = make(geometry, modulated=True)
        leaves = {k: v.detach().to(device).requires_grad_() for k, v in arguments.items()}
        out = d2conv3d(**leaves, **options)
        return [t.cpu() for t in (out, *torch.autograd.grad(out.sum(), list(leaves.values())))]

    for ours, expected in zip(run('cuda'), run('cpu')):
        assert (ours - expected).abs().max() <= 1e-10 * expected.abs().max() + 1e-12
