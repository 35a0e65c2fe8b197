"""What every adapter promises: identity at the start, gradients where they belong, counts of the papers."""
import pytest
import torch
from torch import nn

from mmdfer.adapters import (BottleneckAdapter, FEAdapter, SharedAdapter, STAdapter, TemporalDynamicAdapter,
                             TemporalModelingAdapter, TokenGrid, share_adapters)
from mmdfer.registry import MODELS
from mmdfer.weights import load_weights, save_tunable

GRID = TokenGrid(frames=3, height=2, width=4, leading=1)
KINDS = {
    'fe': lambda dim: FEAdapter(dim, width=6),
    'fe_depthwise': lambda dim: FEAdapter(dim, width=6, groups=6),
    'fe_conv3d': lambda dim: FEAdapter(dim, width=6, conv='Conv3d'),
    'fe_modulated': lambda dim: FEAdapter(dim, width=6, size_map='xy', modulation=True),
    'st': lambda dim: STAdapter(dim, width=6),
    'tma': lambda dim: TemporalModelingAdapter(dim, width=6, num_heads=2),
    'bottleneck': lambda dim: BottleneckAdapter(dim, width=6),
    'bottleneck_relu': lambda dim: BottleneckAdapter(dim, width=6, act='relu', drop_path=0.5),
    'shared': lambda dim: SharedAdapter(dim, width=6, zero_init=True),
    **{f'tda_{recurrence}': lambda dim, recurrence=recurrence: TemporalDynamicAdapter(
        dim, width=6, recurrence=recurrence) for recurrence in ('none', 'rnn', 'lstm', 'gru')},
    **{f'tda_gru_{scaling}': lambda dim, scaling=scaling: TemporalDynamicAdapter(
        dim, width=6, scaling=scaling) for scaling in ('none', 'input', 'recurrent')},
}
PATCH_KINDS = [name for name in KINDS if name.startswith(('fe', 'st', 'tma'))]
VIDEO_KINDS = PATCH_KINDS + [name for name in KINDS if name.startswith('tda') and name != 'tda_none']


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
    adapter = shaken(KINDS[kind](8)).eval()
    adapter(tokens(), GRID).square().sum().backward()
    for name, parameter in adapter.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize('kind', KINDS)
def test_a_clip_is_adapted_alike_alone_and_in_a_batch(kind):
    adapter, x = shaken(KINDS[kind](8)).double().eval(), tokens(3).double()
    whole = adapter(x, GRID)
    parts = torch.cat([adapter(part, GRID) for part in x.split(GRID.frames)])
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-12)
    backwards = torch.cat(x.split(GRID.frames)[::-1])
    torch.testing.assert_close(adapter(backwards, GRID), torch.cat(whole.split(GRID.frames)[::-1]), rtol=1e-12,
                               atol=1e-12)


@pytest.mark.parametrize('kind', PATCH_KINDS)
def test_only_patch_tokens_change(kind):
    grid = TokenGrid(frames=3, height=2, width=4, leading=1, trailing=2)
    x = torch.randn(3, grid.tokens, 8)
    y = shaken(KINDS[kind](8))(x, grid)
    torch.testing.assert_close(y[:, :1], x[:, :1], rtol=0, atol=0)
    torch.testing.assert_close(y[:, -2:], x[:, -2:], rtol=0, atol=0)
    assert (y[:, 1:-2] != x[:, 1:-2]).any(dim=2).all()


@pytest.mark.parametrize('kind', VIDEO_KINDS)
def test_neighbouring_frames_are_mixed_and_clips_are_not(kind):
    adapter, x = shaken(KINDS[kind](8)).eval(), tokens(2).requires_grad_()
    adapter(x, GRID)[1, 1:].sum().backward()                   # patches of the first clip's middle frame
    touched = x.grad.abs().sum(dim=(1, 2)) > 0
    assert touched[:3].sum() > 1
    assert not touched[3:].any()


@pytest.mark.parametrize('kind', KINDS)
def test_saved_and_loaded_it_is_the_same_adapter(kind, tmp_path):
    trained, fresh = (nn.ModuleDict(dict(adapters=KINDS[kind](8))) for _ in range(2))
    shaken(trained)
    save_tunable(trained, tmp_path / 'a.safetensors', {})
    load_weights(fresh, tmp_path / 'a.safetensors')
    x = tokens()
    torch.testing.assert_close(fresh.eval()['adapters'](x, GRID), trained.eval()['adapters'](x, GRID), rtol=0, atol=0)


@pytest.mark.parametrize('kind', KINDS)
def test_a_config_builds_it(kind):
    """Through the registry, as a backbone does: type, dim and the adapter's own arguments."""
    adapter = KINDS[kind](8)
    built = MODELS.build(dict(type=type(adapter).__name__, dim=8, width=8))
    assert type(built) is type(adapter) and built(tokens(), GRID).shape == tokens().shape


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
    (lambda: TemporalModelingAdapter(768), 740_928),
    (lambda: TemporalDynamicAdapter(768, scaling='none'), 206_497 - 769),
])
def test_counts_of_the_papers(adapter, expected):
    assert count(adapter()) == expected


@pytest.mark.parametrize('adapter, copies, millions', [
    (lambda: FEAdapter(768), 12, 6.62), (lambda: FEAdapter(768, width=336, groups=336), 12, 6.65),
    (lambda: STAdapter(768), 12, 7.11), (lambda: STAdapter(768), 24, 14.22),
    (lambda: STAdapter(768, kernel_size=3), 12, 7.221), (lambda: BottleneckAdapter(768), 36, 10.651),
    (lambda: TemporalModelingAdapter(768), 12, 8.89),
    (lambda: TemporalDynamicAdapter(768), 12, 2.478),
    (lambda: SharedAdapter(768), 12, 1.780), (lambda: SharedAdapter(512), 12, 0.793),
    (lambda: BottleneckAdapter(768, reduction=8, zero_init=False), 12, 1.780),
])
def test_millions_of_the_papers(adapter, copies, millions):
    digits = len(str(millions).split('.')[1])
    assert round(copies * count(adapter()) / 1e6, digits) == millions


TDA, SHA = TemporalDynamicAdapter, SharedAdapter
MAPLE = 3_555_072                                               # its prompts, which every row below has


@pytest.mark.parametrize('vision, text, millions', [
    ([SHA(768), TDA(768)], [SHA(512), SHA(512)], '9.400'),
    ([SHA(768, reduction=4), TDA(768, reduction=4)], 2 * [SHA(512, reduction=4)], '16.51'),
    ([SHA(768, reduction=16), TDA(768, reduction=16)], 2 * [SHA(512, reduction=16)], '6.34'),
    ([], [SHA(512)], '4.348'), ([], [SHA(512), SHA(512)], '5.142'), ([SHA(768), TDA(768)], [], '7.813'),
    ([SHA(768)], [SHA(512), SHA(512)], '6.921'),
    ([SHA(768), TDA(768, recurrence='rnn')], [SHA(512), SHA(512)], '8.95'),
    ([SHA(768), TDA(768, recurrence='lstm')], [SHA(512), SHA(512)], '9.62'),
    ([SHA(768), BottleneckAdapter(768, reduction=8)], [SHA(512), SHA(512)], '8.70'),
])
def test_millions_of_pe_clips_rows(vision, text, millions):
    total = 12 * sum(count(adapter) for adapter in vision + text) + MAPLE
    last_digit = 10. ** -len(millions.split('.')[1])
    assert total / 1e6 == pytest.approx(float(millions), abs=0.7 * last_digit)      # some are rounded, some cut


def test_stochastic_depth_drops_whole_clips_in_training_alone():
    adapter, x = shaken(BottleneckAdapter(8, width=4, drop_path=0.5, skip=False)), tokens(batch=64)
    full = adapter.eval()(x, GRID)
    dropped = adapter.train()(x, GRID)
    kept = (dropped != 0).reshape(64, -1)
    assert (kept.all(dim=1) | ~kept.any(dim=1)).all() and 16 < kept.all(dim=1).sum() < 48
    where = kept.all(dim=1).repeat_interleave(GRID.frames)
    torch.testing.assert_close(dropped[where], 2 * full[where])


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
    (lambda: BottleneckAdapter(8, act='swish'), "act='swish' is not known: choose one of gelu, relu"),
    (lambda: BottleneckAdapter(8, drop_path=1.), r'drop_path=1.0 must lie in \[0, 1\)'),
    (lambda: TemporalDynamicAdapter(8, recurrence='mamba'), "recurrence='mamba'.*none, rnn, lstm, gru"),
    (lambda: TemporalDynamicAdapter(8, scaling='output'), "scaling='output'.*input, recurrent, post_up"),
    (lambda: TemporalDynamicAdapter(9), 'TemporalDynamicAdapter: reduction=8 does not divide the token width 9'),
    (lambda: TemporalModelingAdapter(8, width=6, num_heads=4), 'num_heads=4 does not divide the width 6'),
    (lambda: TemporalDynamicAdapter(8)(torch.zeros(4, 9, 8), GRID), 'do not fit'),
    (lambda: share_adapters(nn.Linear(2, 2), SharedAdapter(8)), 'have 0 and 1 adapters.*blocks="1-12"'),
    (lambda: FEAdapter(8, width=4)(torch.zeros(3, 5, 8), GRID), 'do not fit'),
])
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
