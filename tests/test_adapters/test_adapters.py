"""What every adapter promises: identity at the start, gradients where they belong, counts of the papers."""
import pytest
import torch
from torch import nn

from mmdfer.adapters import BottleneckAdapter, FEAdapter, STAdapter, TokenGrid

GRID = TokenGrid(frames=3, height=2, width=4, leading=1)
KINDS = {
    'fe': lambda dim: FEAdapter(dim, width=6),
    'fe_depthwise': lambda dim: FEAdapter(dim, width=6, groups=6),
    'fe_conv3d': lambda dim: FEAdapter(dim, width=6, conv='Conv3d'),
    'fe_modulated': lambda dim: FEAdapter(dim, width=6, size_map='xy', modulation=True),
    'st': lambda dim: STAdapter(dim, width=6),
    'bottleneck': lambda dim: BottleneckAdapter(dim, width=6),
}
VIDEO_KINDS = [name for name in KINDS if name != 'bottleneck']


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def tokens(batch=2, dim=8, seed=0):
    return torch.randn(batch * GRID.frames, GRID.tokens, dim, generator=torch.Generator().manual_seed(seed))


def shaken(adapter: nn.Module, std: float = 0.2) -> nn.Module:
    """The adapter with all weights off their starting values."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.add_(std * torch.randn(parameter.shape, generator=generator))
    return adapter


@pytest.mark.parametrize('kind', KINDS)
def test_new_adapter_is_the_identity(kind):
    x = tokens()
    torch.testing.assert_close(KINDS[kind](8)(x, GRID), x, rtol=0, atol=0)


@pytest.mark.parametrize('kind', KINDS)
def test_every_parameter_gets_a_gradient_once_it_is_off_its_start(kind):
    adapter = shaken(KINDS[kind](8))
    adapter(tokens(), GRID).square().sum().backward()
    for name, parameter in adapter.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize('kind', KINDS)
def test_a_clip_is_adapted_alike_alone_and_in_a_batch(kind):
    adapter, x = shaken(KINDS[kind](8)).double(), tokens(3).double()
    whole = adapter(x, GRID)
    parts = torch.cat([adapter(part, GRID) for part in x.split(GRID.frames)])
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize('kind', VIDEO_KINDS)
def test_only_patch_tokens_change(kind):
    grid = TokenGrid(frames=3, height=2, width=4, leading=1, trailing=2)
    x = torch.randn(3, grid.tokens, 8)
    y = shaken(KINDS[kind](8))(x, grid)
    torch.testing.assert_close(y[:, :1], x[:, :1], rtol=0, atol=0)
    torch.testing.assert_close(y[:, -2:], x[:, -2:], rtol=0, atol=0)
    assert (y[:, 1:-2] != x[:, 1:-2]).any(dim=2).all()


@pytest.mark.parametrize('kind', VIDEO_KINDS)
def test_neighbouring_frames_are_mixed_and_clips_are_not(kind):
    adapter, x = shaken(KINDS[kind](8)), tokens(2).requires_grad_()
    adapter(x, GRID)[1, 3].sum().backward()                    # a patch of the first clip's middle frame
    touched = x.grad.abs().sum(dim=(1, 2)) > 0
    assert touched[:3].sum() > 1
    assert not touched[3:].any()


@pytest.mark.parametrize('kind', KINDS)
def test_init_weights_restores_the_identity(kind):
    adapter = KINDS[kind](8)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.fill_(0.1)
    adapter.init_weights()
    x = tokens()
    torch.testing.assert_close(adapter(x, GRID), x, rtol=0, atol=0)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize('adapter, expected', [
    (lambda: FEAdapter(768), 27 * 116**2 + 1619 * 116 + 771),
    (lambda: FEAdapter(768), 551_887),
    (lambda: STAdapter(768), 592_512),
    (lambda: BottleneckAdapter(768), 295_872),
])
def test_counts_of_the_papers(adapter, expected):
    assert count(adapter()) == expected


@pytest.mark.parametrize('adapter, copies, millions', [
    (lambda: FEAdapter(768), 12, 6.62), (lambda: FEAdapter(768, width=336, groups=336), 12, 6.65),
    (lambda: STAdapter(768), 12, 7.11), (lambda: STAdapter(768), 24, 14.22),
    (lambda: STAdapter(768, kernel_size=3), 12, 7.221),
])
def test_millions_of_the_papers(adapter, copies, millions):
    assert round(copies * count(adapter()) / 1e6, 3 if millions == 7.221 else 2) == millions


def test_fe_adapter_follows_its_equation():
    """With a size of 1 everywhere D²Conv3D is conv3d, so the equation can be written with torch alone."""
    adapter, x = FEAdapter(8, width=6).double(), tokens().double()
    nn.init.normal_(adapter.up.weight, std=0.1)
    patches = x[:, 1:]
    z = torch.nn.functional.linear(patches, adapter.down.weight, adapter.down.bias)
    z = z.reshape(2, 3, 2, 4, 6).permute(0, 4, 1, 2, 3)
    z = torch.nn.functional.conv3d(z, adapter.conv.weight, adapter.conv.bias, padding=1)
    z = torch.nn.functional.gelu(z).permute(0, 2, 3, 4, 1).reshape(6, 8, 6)
    expected = patches + torch.nn.functional.linear(z, adapter.up.weight, adapter.up.bias)
    torch.testing.assert_close(adapter(x, GRID)[:, 1:], expected, rtol=1e-9, atol=1e-9)


def test_bottleneck_skip_scale_and_start():
    x = tokens()
    assert BottleneckAdapter(8, width=2, skip=False)(x, GRID).abs().max() == 0
    adapter = BottleneckAdapter(8, reduction=4, scale=0.5, zero_init=False)
    assert adapter.down.out_features == 2
    expected = x + 0.5 * adapter.up(nn.functional.gelu(adapter.down(x)))
    torch.testing.assert_close(adapter(x, GRID), expected)


@pytest.mark.parametrize('make, message', [
    (lambda: FEAdapter(8, width=0), 'width=0'),
    (lambda: FEAdapter(8, width=10, groups=4), 'width=8 would fit|width=12 would fit'),
    (lambda: FEAdapter(8, conv='Conv2d'), "conv='Conv2d'"),
    (lambda: BottleneckAdapter(8, width=2, reduction=2), 'not both'),
    (lambda: BottleneckAdapter(8, reduction=3), 'reduction=3 does not divide'),
    (lambda: STAdapter(8, width=-1), 'width=-1'),
    (lambda: FEAdapter(8, width=4)(torch.zeros(3, 5, 8), GRID), 'do not fit'),
])
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
