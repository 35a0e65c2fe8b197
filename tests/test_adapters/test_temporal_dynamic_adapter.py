"""TDA against torch's own recurrent layers, run clip by clip and token by token."""
import pytest
import torch
from torch import nn

from mmdfer.adapters import BottleneckAdapter, TemporalDynamicAdapter, TokenGrid

from .kinds import GRID, shaken, tokens

LAYERS = {'rnn': nn.RNN, 'lstm': nn.LSTM, 'gru': nn.GRU}


def by_hand(adapter, x, frames, recurrence, scaling):
    """The paper's equations with a fresh recurrent layer for every sequence of ``frames`` frames."""
    z = nn.functional.layer_norm(x, x.shape[-1:], adapter.norm.weight, adapter.norm.bias)
    g = (z @ adapter.gate.weight.T + adapter.gate.bias).clamp(min=0) if scaling != 'none' else 1.
    h = z @ adapter.down.weight.T + adapter.down.bias
    h = g * h if scaling == 'input' else h
    if recurrence != 'none':
        layer = LAYERS[recurrence](h.shape[-1], h.shape[-1]).double()
        layer.load_state_dict(adapter.recurrent.state_dict())
        out = torch.zeros_like(h)
        for start in range(0, len(h), frames):
            for token in range(h.shape[1]):
                out[start:start + frames, token] = layer(h[start:start + frames, token])[0]      # (T, r)
        h = out
    h = g * h if scaling == 'recurrent' else h
    branch = nn.functional.gelu(h) @ adapter.up.weight.T + adapter.up.bias
    return g * branch if scaling == 'post_up' else branch


@pytest.mark.parametrize('scaling', ['none', 'input', 'recurrent', 'post_up'])
@pytest.mark.parametrize('recurrence', ['none', 'rnn', 'lstm', 'gru'])
def test_follows_its_equation_with_torchs_own_layer_clip_by_clip(recurrence, scaling):
    adapter = shaken(TemporalDynamicAdapter(8, width=4, recurrence=recurrence, scaling=scaling)).double()
    x = tokens(3).double()
    expected = by_hand(adapter, x, GRID.frames, recurrence, scaling)
    torch.testing.assert_close(adapter(x, GRID), expected, rtol=1e-10, atol=1e-10)
    assert expected.abs().max() > 0.1


@pytest.mark.parametrize('recurrence', ['rnn', 'lstm', 'gru'])
def test_the_releases_run_along_the_batch_is_reproduced(recurrence):
    with pytest.warns(UserWarning, match='predictions depend on the batch'):
        adapter = TemporalDynamicAdapter(8, width=4, recurrence=recurrence, across_batch=True)
    adapter, x = shaken(adapter).double(), tokens(3).double()
    expected = by_hand(adapter, x, len(x), recurrence, 'post_up')
    torch.testing.assert_close(adapter(x, GRID), expected, rtol=1e-10, atol=1e-10)


def test_with_the_releases_run_a_prediction_depends_on_the_clips_before_it():
    with pytest.warns(UserWarning):
        leaking = shaken(TemporalDynamicAdapter(8, width=4, across_batch=True)).double()
    ours = TemporalDynamicAdapter(8, width=4).double()
    ours.load_state_dict(leaking.state_dict())
    x = tokens(2).double()
    first, second = x.split(GRID.frames)
    torch.testing.assert_close(leaking(first, GRID), ours(first, GRID), rtol=1e-12, atol=1e-12)     # one clip: the same
    whole, alone = leaking(x, GRID), leaking(second, GRID)
    torch.testing.assert_close(whole[:GRID.frames], leaking(first, GRID), rtol=1e-12, atol=1e-12)
    assert (whole[GRID.frames:] - alone).abs().max() > 1e-3


def test_every_token_runs_along_its_own_position_and_only_forward_in_time():
    """Class token and prompts have sequences of their own; a later frame never reaches an earlier one."""
    grid = TokenGrid(frames=3, height=2, width=2, leading=1, trailing=2)
    adapter = shaken(TemporalDynamicAdapter(8, width=4, scaling='none')).eval()
    for token in (0, 2, 6):
        x = torch.randn(3, grid.tokens, 8, requires_grad=True)
        adapter(x, grid)[1, token].sum().backward()
        touched = x.grad.abs().sum(dim=2) > 0
        assert touched[:2, token].all() and touched.sum() == 2


def test_vanilla_is_the_plain_bottleneck():
    """Without norm, gate and recurrence what remains is BottleneckAdapter, whose count the paper's row has."""
    tda = shaken(TemporalDynamicAdapter(8, width=4, recurrence='none', scaling='none'))
    plain = BottleneckAdapter(8, width=4)
    plain.load_state_dict({key: value for key, value in tda.state_dict().items() if not key.startswith('norm.')})
    tda.norm = nn.Identity()
    torch.testing.assert_close(tda(tokens(), GRID), plain(tokens(), GRID))


@pytest.mark.parametrize('recurrence', ['rnn', 'lstm', 'gru'])
def test_runs_in_bfloat16_autocast(recurrence):
    adapter, x = shaken(TemporalDynamicAdapter(8, width=4, recurrence=recurrence)), tokens().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        y = adapter(x, GRID)
    y.float().sum().backward()
    torch.testing.assert_close(y.float(), adapter(x, GRID), rtol=0.05, atol=0.1)
    assert all(parameter.grad.isfinite().all() for parameter in adapter.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_cuda_gives_the_same_gradients_in_eval_and_training_mode():
    adapter, x = shaken(TemporalDynamicAdapter(8, width=4)).cuda(), tokens().cuda().requires_grad_()
    gradients = [torch.autograd.grad(adapter.train(mode)(x, GRID).square().sum(), x)[0] for mode in (True, False)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
