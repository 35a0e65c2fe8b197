"""ShA: the release's set a block, and one set for two towers that counts, trains, saves and loads once."""
import torch
from torch import nn

from mmdfer.adapters import BottleneckAdapter, SharedAdapter, share_adapters
from mmdfer.registry import MODELS
from mmdfer.weights import frozen_digest, load_weights, save_tunable, tunable_names

from .kinds import GRID, count, shaken, tokens


def towers(vision=8, text=6):
    towers = nn.ModuleDict(dict(vision=nn.ModuleList([SharedAdapter(vision, width=4) for _ in range(2)]),
                                text=nn.ModuleList([SharedAdapter(text, width=4) for _ in range(2)])))
    assert share_adapters(towers['vision'], towers['text']) == 2
    return towers


def test_as_built_it_is_the_releases_bottleneck():
    torch.manual_seed(0)
    shared = MODELS.build(dict(type='SharedAdapter', dim=8))
    torch.manual_seed(0)
    plain = BottleneckAdapter(8, reduction=8, zero_init=False)
    torch.testing.assert_close(shared(tokens(), GRID), plain(tokens(), GRID), rtol=0, atol=0)
    assert shared(tokens(), GRID).abs().max() > 1e-3                    # default start: not zero


def test_shared_it_computes_with_the_other_towers_core_between_projections():
    pair = shaken(towers())
    first, second = pair['vision'][0], pair['text'][0]
    x = tokens(dim=6)
    z = nn.functional.linear(x, second.into.weight, second.into.bias)
    z = nn.functional.linear(nn.functional.gelu(first.core.down(z)), first.core.up.weight, first.core.up.bias)
    expected = nn.functional.linear(z, second.out.weight, second.out.bias)
    torch.testing.assert_close(second(x, GRID), expected)


def test_a_gradient_of_either_tower_reaches_the_one_core():
    pair = towers()
    core = pair['vision'][1].core.up.weight
    (from_text, ) = torch.autograd.grad(pair['text'][1](tokens(dim=6), GRID).sum(), core)
    (from_vision, ) = torch.autograd.grad(pair['vision'][1](tokens(), GRID).sum(), core)
    assert from_text.abs().sum() > 0 and from_vision.abs().sum() > 0


def test_shared_cores_count_once():
    assert count(towers(8, 8)) == 2 * (2 * 8 * 4 + 4 + 8)
    assert count(towers(8, 6)) == 2 * (2 * 8 * 4 + 4 + 8 + 2 * 6 * 8 + 8 + 6)


def test_an_adapter_that_starts_at_zero_does_when_shared():
    first, second = SharedAdapter(8, width=4, zero_init=True), SharedAdapter(6, width=4, zero_init=True)
    second.share_with(first)
    assert not second(tokens(dim=6), GRID).any()


def test_shared_cores_are_saved_once_and_loaded_into_both_towers(tmp_path):
    def model():
        torch.manual_seed(3)
        frozen = nn.Linear(2, 2).requires_grad_(False)
        return nn.ModuleDict(dict(frozen=frozen, towers=towers()))
    trained, fresh = model(), model()
    digest = frozen_digest(trained)
    shaken(trained['towers'])
    assert frozen_digest(trained) == digest                            # training moves nothing that is frozen
    save_tunable(trained, tmp_path / 't.safetensors', {})
    assert not any('text' in name and '.core.' in name for name in tunable_names(trained))
    load_weights(fresh, tmp_path / 't.safetensors')
    assert fresh['towers']['text'][0].core is fresh['towers']['vision'][0].core
    for name, value in trained.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name
