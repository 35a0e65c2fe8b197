"""What every adapter promises: nothing added at the start, gradients where they belong, counts of the papers."""
import inspect

import pytest
import torch
from torch import nn

from mmdfer.adapters import (
    Adapter,
    BottleneckAdapter,
    ExpertMixture,
    FEAdapter,
    FRUAdapter,
    SharedAdapter,
    STAdapter,
    TemporalDynamicAdapter,
    TemporalModelingAdapter,
    TokenGrid,
    adapters_of,
    adapters_off,
    add_delta,
    add_to_patches,
    auxiliary_losses,
    share_adapters,
)
from mmdfer.registry import MODELS
from mmdfer.weights import load_weights, save_tunable

from .kinds import GRID, IDLE_IN_TESTING, KINDS, PATCH_KINDS, VIDEO_KINDS, count, make, shaken, tokens

# Adapters that papers start otherwise than at zero.
STARTED_OTHERWISE = {'SharedAdapter'}


def added(adapter, x, grid=GRID):
    return add_delta(x, adapter, x, grid)


@pytest.mark.parametrize('kind', KINDS)
def test_new_adapter_adds_nothing(kind):
    x = tokens()
    torch.testing.assert_close(added(make(kind), x), x, rtol=0, atol=0)


def test_adapters_start_at_zero_but_for_those_that_papers_start_otherwise():
    """Of the class's own defaults; ``zero_init`` sets either start of any of them."""
    found = {name: kind for name, kind in MODELS.module_dict.items()
             if inspect.isclass(kind) and issubclass(kind, Adapter) and kind.__module__.startswith('mmdfer.')}
    assert {type(make(kind)).__name__ for kind in KINDS} == set(found)
    for name, kind in found.items():
        parameters = inspect.signature(kind).parameters
        assert parameters['zero_init'].default == (name not in STARTED_OTHERWISE), name
        length = dict(frames=GRID.frames) if 'frames' in parameters else {}
        for zero_init in (True, False):
            torch.manual_seed(0)
            adapter = kind(16, width=16, zero_init=zero_init, **length)
            assert added(adapter, tokens(dim=16)).equal(tokens(dim=16)) == zero_init, name


@pytest.mark.parametrize('kind', KINDS)
def test_every_parameter_gets_a_gradient_once_it_is_off_its_start(kind):
    adapter = shaken(make(kind)).eval()
    added(adapter, tokens()).square().sum().backward()
    for name, parameter in adapter.named_parameters():
        moved = parameter.grad is not None and parameter.grad.abs().sum() > 0
        assert moved != name.endswith(IDLE_IN_TESTING), name


@pytest.mark.parametrize('kind', KINDS)
def test_a_clip_is_adapted_alike_alone_and_in_a_batch(kind):
    adapter, x = shaken(make(kind)).double().eval(), tokens(3).double()
    whole = added(adapter, x)
    parts = torch.cat([added(adapter, part) for part in x.split(GRID.frames)])
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-12)
    backwards = torch.cat(x.split(GRID.frames)[::-1])
    torch.testing.assert_close(added(adapter, backwards), torch.cat(whole.split(GRID.frames)[::-1]), rtol=1e-12,
                               atol=1e-12)


@pytest.mark.parametrize('kind', PATCH_KINDS)
def test_adapters_of_patches_change_no_other_token(kind):
    grid = TokenGrid(frames=3, height=2, width=4, leading=1, trailing=2)
    x, adapter = torch.randn(3, grid.tokens, 8), shaken(make(kind))
    y = added(adapter, x, grid)
    assert adapter.tokens == 'patches' and adapter(x[:, 1:-2], grid).shape == (3, 8, 8)
    torch.testing.assert_close(y[:, :1], x[:, :1], rtol=0, atol=0)
    torch.testing.assert_close(y[:, -2:], x[:, -2:], rtol=0, atol=0)
    assert (y[:, 1:-2] != x[:, 1:-2]).any(dim=2).all()


@pytest.mark.parametrize('kind', VIDEO_KINDS)
def test_neighbouring_frames_are_mixed_and_clips_are_not(kind):
    adapter, x = shaken(make(kind)).eval(), tokens(2).requires_grad_()
    added(adapter, x)[1, 1:].sum().backward()                  # patches of the first clip's middle frame
    touched = x.grad.abs().sum(dim=(1, 2)) > 0
    assert touched[:3].sum() > 1
    assert not touched[3:].any()


@pytest.mark.parametrize('kind', KINDS)
def test_saved_and_loaded_it_is_the_same_adapter(kind, tmp_path):
    trained, fresh = (nn.ModuleDict(dict(adapters=make(kind))) for _ in range(2))
    shaken(trained)
    save_tunable(trained, tmp_path / 'a.safetensors', {})
    load_weights(fresh, tmp_path / 'a.safetensors')
    x = tokens()
    torch.testing.assert_close(added(fresh.eval()['adapters'], x), added(trained.eval()['adapters'], x), rtol=0, atol=0)


@pytest.mark.parametrize('kind', KINDS)
def test_init_weights_restores_the_start(kind):
    adapter = make(kind)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.fill_(0.1)
    adapter.init_weights()
    x = tokens()
    torch.testing.assert_close(added(adapter, x), x, rtol=0, atol=0)


class Doubling(Adapter):
    """Adds the patches to themselves."""
    tokens = 'patches'

    def forward(self, x, grid):
        return x

    def auxiliary_loss(self):
        return torch.tensor(2.)


@pytest.mark.parametrize('leading, trailing', [(1, 0), (0, 0), (1, 2)])
def test_adding_to_the_patches_has_the_gradients_of_joining_the_parts(leading, trailing):
    grid = TokenGrid(frames=3, height=2, width=4, leading=leading, trailing=trailing)
    x, source = (tokens(grid=grid, seed=seed).double().requires_grad_() for seed in (0, 1))
    end = leading + 8
    joined = torch.cat([x[:, :leading], x[:, leading:end] + source[:, leading:end], x[:, end:]], dim=1)
    ours = add_delta(x, Doubling(), source, grid)
    torch.testing.assert_close(ours, joined, rtol=0, atol=0)
    factor = torch.randn_like(ours)
    for one, other in zip(*(torch.autograd.grad((out * factor).sum(), (x, source)) for out in (ours, joined))):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert torch.autograd.gradcheck(lambda x, source: add_delta(x, Doubling(), source, grid).square(), (x, source))


@pytest.mark.parametrize('leading, trailing', [(1, 0), (0, 0), (1, 2)])
@pytest.mark.parametrize('kind', ['fe', 'st'])
def test_adding_where_the_patches_lie_is_adding_what_the_adapter_gives(kind, leading, trailing):
    grid = TokenGrid(frames=3, height=2, width=4, leading=leading, trailing=trailing)
    x, source = (tokens(grid=grid, seed=seed).double().requires_grad_() for seed in (0, 1))
    adapter = shaken(make(kind)).double()
    ours = adapter.add_to(x, source, grid)
    expected = add_to_patches(x, adapter(source[:, grid.span], grid), grid)
    torch.testing.assert_close(ours, expected)
    leaves, grad = [x, source, *adapter.parameters()], torch.randn_like(ours)
    for one, other in zip(*(torch.autograd.grad(out, leaves, grad) for out in (ours, expected))):
        torch.testing.assert_close(one, other)
    seen = []
    adapter.register_forward_hook(lambda module, args, delta: seen.append(delta))
    torch.testing.assert_close(adapter.add_to(x, source, grid), ours)
    assert [delta.shape for delta in seen] == [(6, 8, x.shape[2])]              # whoever watches sees a delta


def test_a_delta_in_half_precision_is_added_in_the_streams_own():
    x, adapter = tokens(), shaken(make('fe'))
    with torch.autocast('cpu', torch.bfloat16):
        y = added(adapter, x)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, added(adapter, x), rtol=0.05, atol=0.05)
    y = add_delta(x.bfloat16(), Doubling(), x.float(), GRID)
    assert y.dtype == torch.float32


def test_adapters_are_found_once_each_and_switched_off_together():
    model = nn.ModuleDict(dict(a=make('tma'), b=nn.Sequential(make('shared'), Doubling()), c=nn.Linear(2, 2)))
    assert [name for name, _ in adapters_of(model)] == ['a', 'b.0', 'b.1']      # none of the parts of an adapter
    model['a'].enabled = False
    with pytest.raises(RuntimeError, match='within'), adapters_off(model):
        assert not any(adapter.enabled for _, adapter in adapters_of(model))
        raise RuntimeError('within')
    assert [adapter.enabled for _, adapter in adapters_of(model)] == [False, True, True]


def test_auxiliary_losses_of_a_model_are_summed():
    model = nn.ModuleList([make('fe'), Doubling(), Doubling()])
    assert auxiliary_losses(model) == dict(loss_auxiliary=torch.tensor(4.))
    assert auxiliary_losses(model[0]) == {}


@pytest.mark.parametrize('adapter, expected', [
    (lambda: FEAdapter(768), 27 * 116**2 + 1619 * 116 + 771),
    (lambda: FEAdapter(768), 551_887),
    (lambda: STAdapter(768), 592_512),
    (lambda: BottleneckAdapter(768), 295_872),
    (lambda: TemporalModelingAdapter(768), 740_928), (lambda: FRUAdapter(1024), 330_128),
    (lambda: ExpertMixture(768), 2_379_280),
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
    adapter, x = shaken(BottleneckAdapter(8, width=4, drop_path=0.5)), tokens(batch=64)
    full = adapter.eval()(x, GRID)
    dropped = adapter.train()(x, GRID)
    kept = (dropped != 0).reshape(64, -1)
    assert (kept.all(dim=1) | ~kept.any(dim=1)).all() and 16 < kept.all(dim=1).sum() < 48
    where = kept.all(dim=1).repeat_interleave(GRID.frames)
    torch.testing.assert_close(dropped[where], 2 * full[where])


def test_fe_adapter_follows_its_equation():
    """With a size of 1 everywhere D²Conv3D is conv3d, so the equation can be written with torch alone."""
    adapter, patches = FEAdapter(8, width=6).double(), tokens().double()[:, 1:]
    nn.init.normal_(adapter.up.weight, std=0.1)
    z = torch.nn.functional.linear(patches, adapter.down.weight, adapter.down.bias)
    z = z.reshape(2, 3, 2, 4, 6).permute(0, 4, 1, 2, 3)
    z = torch.nn.functional.conv3d(z, adapter.conv.weight, adapter.conv.bias, padding=1)
    z = torch.nn.functional.gelu(z).permute(0, 2, 3, 4, 1).reshape(6, 8, 6)
    expected = torch.nn.functional.linear(z, adapter.up.weight, adapter.up.bias)
    torch.testing.assert_close(adapter(patches, GRID), expected, rtol=1e-9, atol=1e-9)


def test_tma_is_what_its_two_stages_add():
    """x' = x + T(x), x'' = x' + S(LN x'), with attention over the frames of each patch written out."""
    adapter, x = shaken(make('tma')).double(), tokens().double()[:, 1:]
    z = nn.functional.gelu(adapter.down(x)).reshape(2, 3, 8, 6)                         # (B, T, N, r)
    out = torch.zeros_like(z)
    q, k, v = (z @ adapter.attn.qkv.weight.T).chunk(3, dim=-1)
    for head in (slice(0, 3), slice(3, 6)):
        weights = torch.einsum('bsnr,btnr->bnst', q[..., head], k[..., head]).div(3**0.5).softmax(dim=-1)
        out[..., head] = torch.einsum('bnst,btnr->bsnr', weights, v[..., head])
    first = x + adapter.up(adapter.attn.proj(out).reshape(6, 8, 6))
    second = first + adapter.spatial.up(nn.functional.gelu(adapter.spatial.down(adapter.norm(first))))
    torch.testing.assert_close(x + adapter(x, GRID), second, rtol=1e-12, atol=1e-12)


def test_bottleneck_scale_and_start():
    x = tokens()
    adapter = BottleneckAdapter(8, reduction=4, scale=0.5, zero_init=False)
    assert adapter.down.out_features == 2
    torch.testing.assert_close(adapter(x, GRID), 0.5 * adapter.up(nn.functional.gelu(adapter.down(x))))


class Unsaid(Adapter):
    """Forgets to say what starts at zero."""

    def __init__(self):
        super().__init__()
        self.init_weights()


@pytest.mark.parametrize('mistake, message', [
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
    (lambda: FRUAdapter(8, frames=0), 'width=128 and frames=0 must be positive'),
    (lambda: added(FRUAdapter(8, width=4), tokens()), 'frames=16, got clips of 3: sample as many'),
    (lambda: ExpertMixture(8, num_experts=2, top_k=3), 'top_k=3 must lie between 1 and num_experts=2'),
    (lambda: ExpertMixture(8, capacity_factor=0), 'capacity_factor=0 must be positive or None'),
    (lambda: share_adapters(nn.Linear(2, 2), SharedAdapter(8)), 'have 0 and 1 adapters.*blocks="1-12"'),
    (lambda: added(TemporalDynamicAdapter(8), torch.zeros(4, 9, 8)), 'do not fit'),
    (lambda: added(FEAdapter(8, width=4), torch.zeros(3, 5, 8)), 'do not fit'),
])
def test_mistakes_are_named(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()


def test_an_adapter_has_to_say_what_starts_at_zero():
    with pytest.raises(NotImplementedError, match=r'Unsaid: say in zeroed\(\) which parameters start at zero'):
        Unsaid()
