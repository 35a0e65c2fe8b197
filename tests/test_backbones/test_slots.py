"""Slots add what adapters give, in each place and tower; a new model computes what the frozen one does."""
import copy
import pickle

import pytest
import torch
from torch import nn

from mmdfer.adapters import Adapter, TokenGrid, adapters_off
from mmdfer.backbones import SLOTS, AdapterBlock
from mmdfer.backbones.adapter_block import AHEAD_OF_ATTENTION, CHANGED_FROM_THE_START
from mmdfer.registry import MODELS
from mmdfer.weights import frozen_digest, load_weights, save_tunable

from ..test_adapters.kinds import IDLE_IN_TESTING, KINDS, PATCH_KINDS, TOKEN_KINDS, config, shaken

ARCH = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)
VISION = dict(type='AdapterViT', arch=ARCH, img_size=16, patch_size=8)
TEXT = dict(type='CLIPTextEncoder', arch=dict(ARCH, proj_dim=12), context_length=9, vocabulary=20)
TOKENS = torch.tensor([[18, 3, 4, 5, 6, 19], [18, 7, 9, 19, 0, 0]])
# A single frame gives a recurrence nothing to remember, and a weight of frames nothing to weigh.
WITHOUT_PAST = ('recurrent.weight_hh_l0', 'weigh.weight', 'weigh.bias')
MAIN = ('fe', 'st', 'tma', 'bottleneck', 'shared', 'tda_gru', 'fru', 'experts')
# Every adapter in every slot of both towers, and its variants in the papers' slots.
PLACES = [*(('vision', kind, slot) for kind in MAIN for slot in SLOTS),
          *(('text', kind, slot) for kind in MAIN if kind in TOKEN_KINDS for slot in SLOTS),
          *(('vision', kind, 'before_attn' if kind in PATCH_KINDS else 'ffn_out') for kind in KINDS
            if kind not in MAIN)]


def placed(tower, kind, slot):
    """An adapter's config for a tower: texts are clips of one frame."""
    cfg = config(kind, slot=slot)
    return dict(a=dict(cfg, frames=1) if tower == 'text' and 'frames' in cfg else cfg)


def build(tower, adapters=None):
    torch.manual_seed(0)
    model = MODELS.build(dict(VISION if tower == 'vision' else TEXT, adapters=adapters))
    plain = [parameter for name, parameter in model.named_parameters() if '.adapters.' not in name]
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in plain:
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def clips(batch=2, frames=3):
    return torch.randn(batch, 3, frames, 16, 16, generator=torch.Generator().manual_seed(1))


def features(model, batch=2):
    """Features of the first clips or texts of a batch."""
    if hasattr(model, 'encode_text'):
        return model.encode_text(TOKENS[:batch])
    return model(clips()[:batch].to(model.cls_token.dtype))


@pytest.mark.parametrize('tower, kind, slot', PLACES)
def test_every_adapter_in_every_slot(tower, kind, slot, tmp_path):
    """Nothing added at the start; gradients but where nothing reads it; switched off; clips apart; saved and loaded."""
    frozen, model = build(tower), build(tower, placed(tower, kind, slot))
    expected = features(frozen.eval())
    difference = (features(model.eval()) - expected).abs().max()
    assert (difference > 1e-3) if slot in CHANGED_FROM_THE_START else (difference == 0)

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))))
                if name.endswith('gate.bias'):
                    parameter.fill_(9.)                     # TDA's gate is open for every token
    model.eval()                                            # drop_path drops at random
    changed = features(model)
    assert (changed - expected).abs().max() > 1e-3
    changed.square().sum().backward()
    unread = tuple(model.unread_adapters())
    assert bool(unread) == (kind in PATCH_KINDS and slot not in AHEAD_OF_ATTENTION)
    for name, parameter in model.named_parameters():
        if '.adapters.' not in name:
            assert parameter.grad is None, name
            continue
        if '.experts.' in name:                             # of few tokens some are chosen by none
            assert parameter.grad is not None
            continue
        lies_idle = (unread and name.startswith(unread)) or (tower == 'text' and name.endswith(WITHOUT_PAST))
        lies_idle = lies_idle or name.endswith(IDLE_IN_TESTING)
        assert (parameter.grad is None or parameter.grad.abs().max() == 0) == bool(lies_idle), name

    with adapters_off(model):
        torch.testing.assert_close(features(model), expected, rtol=0, atol=0)
    torch.testing.assert_close(features(model, 1), changed[:1], rtol=1e-4, atol=1e-5)
    digest, fresh = frozen_digest(model), build(tower, placed(tower, kind, slot)).eval()
    assert digest == frozen_digest(fresh)
    save_tunable(model, tmp_path / 'a.safetensors', {})
    load_weights(fresh, tmp_path / 'a.safetensors')
    torch.testing.assert_close(features(fresh), changed, rtol=0, atol=0)


class Scaled(Adapter):
    """Adds a multiple of what it reads, so that each slot's place in the sum shows."""

    def __init__(self, factor, tokens='all'):
        super().__init__()
        self.factor, self.tokens = factor, tokens

    def forward(self, x, grid):
        return self.factor * x


@pytest.fixture
def block():
    torch.manual_seed(0)
    return AdapterBlock(24, 4, 48).double().eval()


GRID = TokenGrid(frames=3, height=1, width=4)


def by_hand(block, x, slot, factors):
    """The block's equations with adapters that multiply, one after the other or beside each other."""

    def attend_over_time(z):
        out = torch.zeros_like(z)
        for clip in range(2):
            for token in range(5):
                series = z[3 * clip:3 * clip + 3, token][None]
                out[3 * clip:3 * clip + 3, token] = block.attn(series)[0]
        return out

    def in_turn(name, value):
        for factor in factors if slot == name else ():
            value = value + factor * value
        return value

    def beside(name, value):
        return sum(factors) * value if slot == name else 0
    y = in_turn('before_attn', x)
    if slot == 'temporal_input':
        y = y + attend_over_time(in_turn('temporal_input', block.ln1(y)))
    y = y + beside('temporal_attn', attend_over_time(block.ln1(y)))
    branch = block.attn(in_turn('attn_input', block.ln1(y)))
    for factor in factors if slot == 'attn_map' else ():
        branch = factor * branch
    y = y + in_turn('attn_out', branch)
    y = in_turn('before_ffn', in_turn('after_attn', y))
    z = block.ln2(y)
    y = in_turn('after_ffn', y + in_turn('ffn_out', block.ffn.layers(z)) + beside('parallel_ffn', z))
    return y + beside('parallel_block', x)


@pytest.mark.parametrize('factors', [(0.25, ), (0.25, -2.)])
@pytest.mark.parametrize('slot', SLOTS)
def test_slots_follow_their_equations(block, slot, factors):
    for number, factor in enumerate(factors):
        block.add_adapter(slot, Scaled(factor), f'a{number}')
    x = torch.randn(6, 5, 24).double()
    expected = by_hand(block, x, slot, factors)
    torch.testing.assert_close(block(x, GRID), expected, rtol=1e-10, atol=1e-10)
    assert (expected - by_hand(block, x, slot, ())).abs().max() > 0.1


@pytest.mark.parametrize('slot', SLOTS)
def test_an_adapter_of_patches_leaves_the_class_tokens_sum_as_it_was(block, slot):
    """Where it is added; behind an attention the class token reads the patches, of course."""
    grid, x = TokenGrid(frames=3, height=1, width=3, trailing=1), torch.randn(6, 5, 24).double()
    twin = copy.deepcopy(block)
    block.add_adapter(slot, Scaled(0.5, 'patches'), 'a')
    twin.add_adapter(slot, Scaled(0.5), 'a')
    ours, whole, plain = block(x, grid), twin(x, grid), AdapterBlock.forward(copy.deepcopy(block).eval(), x, grid)
    torch.testing.assert_close(ours, plain, rtol=0, atol=0)
    with adapters_off(block):
        without = block(x, grid)
    if slot not in AHEAD_OF_ATTENTION:
        torch.testing.assert_close(ours[:, [0, 4]], without[:, [0, 4]], rtol=0, atol=0)
        torch.testing.assert_close(ours[:, 1:4], whole[:, 1:4], rtol=1e-12, atol=1e-12)
    assert (ours - without)[:, 1:4].abs().max() > 0.01


def test_a_gradient_reaches_what_an_unread_adapter_adds_once_another_block_reads_it():
    model = build('vision', dict(fe=config('fe', slot='after_ffn')))
    shaken(model).eval()
    assert model.unread_adapters() == ['layers.1.adapters.fe']
    features(model).square().sum().backward()
    assert model.layers[0].adapters['fe'].up.weight.grad.abs().max() > 0
    assert build('vision', dict(fe=config('fe', slot='after_ffn', blocks=1))).unread_adapters() == []


def test_two_adapters_with_names_of_their_own_in_one_slot():
    both = dict(first=config('bottleneck', slot='attn_out'), second=config('shared', slot='attn_out', blocks=2))
    model = build('vision', both)
    assert [list(block.adapters) for block in model.layers] == [['first'], ['first', 'second']]
    assert model.layers[1].slots == dict(attn_out=['first', 'second'])


def test_models_with_adapters_are_copied_and_pickled_whole():
    adapters = dict(a=config('fe', slot='before_attn'), b=config('tda_gru', slot='ffn_out'))
    model = shaken(build('vision', adapters)).eval()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(features(twin), features(model), rtol=0, atol=0)
        nn.init.ones_(twin.layers[0].adapters['a'].up.bias)
        assert (features(twin) - features(model)).abs().max() > 1e-3
