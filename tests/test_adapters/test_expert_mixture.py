"""S4D's experts: each token by its own, alike in testing, and the release's noise and capacity behind options."""
import copy
import warnings

import pytest
import torch
from torch import nn

from mmdfer.adapters import ExpertMixture, TokenGrid, auxiliary_losses

from .kinds import GRID, shaken, tokens


def by_hand(adapter, token):
    """One token through the two experts of its largest logits."""
    logits = adapter.router.weight @ token + adapter.router.bias
    first, second = sorted(range(len(logits)), key=lambda number: -logits[number])[:2]
    gate = 1 / (1 + (logits[second] - logits[first]).exp())
    outputs = [expert.up(nn.functional.gelu(expert.down(token))) for expert in adapter.experts]
    return gate * outputs[first] + (1 - gate) * outputs[second]


@pytest.fixture
def adapter():
    return shaken(ExpertMixture(8, width=6, num_experts=4)).double().eval()


def test_each_token_goes_through_the_two_experts_of_its_largest_logits(adapter):
    x = tokens(2).double()
    expected = torch.stack([torch.stack([by_hand(adapter, token) for token in frame]) for frame in x])
    torch.testing.assert_close(adapter(x, GRID), expected, rtol=1e-10, atol=1e-10)
    assert expected.std() > 0.1


def test_every_expert_on_all_tokens_as_exported_gives_the_same(adapter, monkeypatch):
    x = tokens(2).double()
    expected = adapter(x, GRID)
    monkeypatch.setattr('mmdfer.adapters.expert_mixture.is_exporting', lambda: True)
    torch.testing.assert_close(adapter(x, GRID), expected, rtol=1e-12, atol=1e-12)


def test_noise_chooses_in_training_alone_and_in_testing_as_the_release_if_asked(adapter):
    x = tokens(2).double()
    assert torch.equal(adapter(x, GRID), adapter(x, GRID))
    assert not torch.equal(adapter.train()(x, GRID), adapter(x, GRID))
    with pytest.warns(RuntimeWarning, match='two tests of one model differ'):
        noisy = ExpertMixture(8, width=6, num_experts=4, noise_in_testing=True)
    noisy.load_state_dict(adapter.state_dict())
    noisy.double().eval()
    assert not torch.equal(noisy(x, GRID), noisy(x, GRID))
    # ε · softplus(W' h + b'): a bias far below zero leaves nothing of it
    nn.init.zeros_(noisy.noise.weight)
    nn.init.constant_(noisy.noise.bias, -60.)
    torch.testing.assert_close(noisy(x, GRID), adapter.eval()(x, GRID), rtol=1e-12, atol=1e-12)


def test_the_releases_capacity_serves_the_first_of_the_batch(adapter):
    """4 tokens, 2 choices, 4 experts: room for 2 each. All want the first two experts, so the last two get none."""
    with pytest.warns(RuntimeWarning, match='depend on the batch'):
        bounded = ExpertMixture(8, width=6, num_experts=4, capacity_factor=1.)
    for one in (adapter, bounded.double().eval()):
        one.load_state_dict(adapter.state_dict())
        nn.init.zeros_(one.router.weight)
        one.router.bias.data = torch.tensor([3., 2., 0., 0.]).double()
    grid, x = TokenGrid(frames=1, height=1, width=2, leading=0), torch.randn(2, 2, 8).double()
    ours, theirs = adapter(x, grid), bounded(x, grid)
    torch.testing.assert_close(theirs[0], ours[0], rtol=1e-12, atol=1e-12)
    assert theirs[1].abs().max() == 0 and ours[1].abs().max() > 0.1
    assert (bounded(x.flip(0), grid).flip(0)[0]).abs().max() == 0           # the other clip loses in the other order


def test_the_load_is_balanced_by_the_papers_loss_of_the_last_step_in_training(adapter):
    nn.init.zeros_(adapter.noise.weight)
    nn.init.constant_(adapter.noise.bias, -60.)                             # no noise
    x = tokens(2).double()
    adapter(x, GRID)
    assert auxiliary_losses(adapter) == {}                                  # testing asks for nothing
    adapter.train()(x, GRID)
    loss = auxiliary_losses(adapter)['loss_auxiliary']
    logits = (x @ adapter.router.weight.T + adapter.router.bias).reshape(-1, 4)
    chosen = torch.zeros_like(logits)
    for row, logit in enumerate(logits):
        chosen[row, logit.argsort(descending=True)[:2]] = 1
    expected = 1e-3 * 16 * (chosen.mean(dim=0) * logits.mean(dim=0)).mean()
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    loss.backward()
    assert adapter.router.weight.grad.abs().max() > 0
    assert auxiliary_losses(adapter) == {}                                  # once a step
    assert auxiliary_losses(ExpertMixture(8, balance=0.)) == {}


def test_a_model_is_copied_between_forward_and_loss(adapter):
    adapter.train()(tokens(2).double(), GRID)
    assert copy.deepcopy(adapter).auxiliary_loss() is None and adapter.auxiliary_loss() is not None


def test_an_expert_that_no_token_chose_has_a_gradient_of_zero(adapter):
    """None would stop distributed training."""
    nn.init.zeros_(adapter.router.weight)
    adapter.router.bias.data = torch.tensor([3., 2., 0., 0.]).double()
    adapter(tokens(2).double(), GRID).sum().backward()
    assert all(parameter.grad is not None for parameter in adapter.experts.parameters())
    assert adapter.experts[3].up.weight.grad.abs().max() == 0


def test_the_clean_form_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert ExpertMixture(8, width=6).capacity_factor is None


def test_runs_in_bfloat16_autocast(adapter):
    adapter, x = adapter.float(), tokens(2)
    with torch.autocast('cpu', torch.bfloat16):
        y = adapter(x, GRID)
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16 and all(
        parameter.grad.isfinite().all() for parameter in adapter.experts.parameters())
