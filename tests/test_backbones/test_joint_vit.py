"""JointViT: one attention over a clip, adapters in its slots on the frames of tubelets, decay of its layers."""
import pytest
import torch
from torch import nn

from mmdfer.adapters import adapters_off
from mmdfer.backbones import SLOTS, JointViT
from mmdfer.engine import TunableOptimWrapperConstructor

from ..test_adapters.kinds import config, shaken

ARCH = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)
# Of tokens and of patches, along time and of each token.
KINDS = ('fe', 'tda_gru', 'fru', 'experts')


def build(**more):
    torch.manual_seed(0)
    model = JointViT(ARCH, img_size=16, num_frames=6, patch_size=8, **more)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if '.adapters.' not in name:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def clips(batch=2):
    return torch.randn(batch, 3, 6, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('slot', SLOTS)
@pytest.mark.parametrize('kind', KINDS)
def test_adapters_work_in_every_slot_and_clips_stay_apart(kind, slot):
    model = build(freeze=True, adapters=dict(a=config(kind, slot=slot))).double().eval()
    with adapters_off(model):
        expected = model(clips().double())
    if slot not in ('temporal_input', 'attn_map'):
        assert torch.equal(model(clips().double()), expected)               # zero at the start
    shaken(model, 0.3)
    changed = model(clips().double())
    assert changed.shape == (2, 1, 24) and (changed - expected).abs().max() > 1e-3
    torch.testing.assert_close(model(clips()[:1].double()), changed[:1], rtol=1e-9, atol=1e-9)
    changed.square().sum().backward()
    assert all((parameter.grad is not None) <= ('.adapters.' in name) for name, parameter in model.named_parameters())
    assert model.unread_adapters() == []


def test_blocks_attend_over_all_tokens_of_the_clip_and_adapters_see_its_frames():
    model = build().eval()
    seen = []
    model.layers[0].attn.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape))
    x = clips().requires_grad_()
    model(x)[0].sum().backward()
    assert seen == [(2, 3 * 4, 24)]
    assert (x.grad[0].flatten(1).abs().sum(1) > 0).all() and not x.grad[1].any()
    model = build(adapters=dict(fru=dict(type='FRUAdapter', slot='parallel_block', width=4, frames=6)))
    with pytest.raises(ValueError, match='frames=6, got clips of 3'):       # T' = 3 of two frames each
        model(clips())


def test_keys_have_no_bias_and_positions_are_not_stored():
    state = build().state_dict()
    assert 'pos_embed' not in state and state['layers.0.attn.qkv.q_bias'].shape == (24, )
    assert not any(name.endswith(('qkv.bias', 'k_bias')) for name in state)


def test_recomputing_blocks_gives_the_same_gradients_and_the_experts_loss():
    adapters = dict(experts=config('experts', slot='parallel_ffn'))
    found = []
    for with_cp in (False, True):
        model = shaken(build(adapters=adapters, with_cp=with_cp)).train()
        torch.manual_seed(3)
        loss = model(clips()).square().sum() + sum(
            layer.adapters['experts'].auxiliary_loss() for layer in model.layers)
        loss.backward()
        found.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_rates_fall_from_block_to_block_and_experts_fall_with_theirs():
    model = nn.ModuleDict(dict(backbone=build(adapters=dict(experts=config('experts', slot='parallel_ffn')))))
    optimizer = TunableOptimWrapperConstructor(
        dict(optimizer=dict(type='AdamW', lr=1.)), paramwise_cfg=dict(layer_decay_rate=0.5))(model)
    rates = {name: group['lr'] for group in optimizer.param_groups for parameter in group['params']
             for name, one in model.named_parameters() if one is parameter}
    for name, rate in (('patch_embed.projection.weight', 0.125), ('layers.0.ln1.weight', 0.25),
                       ('layers.1.adapters.experts.router.weight', 0.5), ('fc_norm.weight', 1.)):
        assert rates[f'backbone.{name}'] == rate, name
