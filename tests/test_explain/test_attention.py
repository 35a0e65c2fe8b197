"""A watched attention computes what it computes otherwise, and its map is that of its own queries and keys."""
import pytest
import torch
from mmaction.models.backbones.vit_mae import Attention
from mmpretrain.models.utils import MultiheadAttention
from torch import nn

from mmdfer.backbones.lora import add_lora
from mmdfer.explain import attention, watched

from .models import FRAMES, OVER_TIME, clip, recognizer

DIM, HEADS = 24, 3


def of_mmpretrain():
    return MultiheadAttention(DIM, HEADS)


def of_mmpretrain_with_lora():
    module = MultiheadAttention(DIM, HEADS)
    add_lora(module, rank=2)
    nn.init.normal_(module.qkv.lora_up.weight)
    return module


def of_videomae():
    module = Attention(DIM, HEADS)
    nn.init.normal_(module.q_bias)
    return module


def of_torch():
    return nn.MultiheadAttention(DIM, HEADS)


def run(module, x):
    return module(x.transpose(0, 1), x.transpose(0, 1), x.transpose(0, 1))[0].transpose(0, 1) if isinstance(
        module, nn.MultiheadAttention) else module(x)


def expected_map(module, x):
    """softmax(QKᵀ/√d) of the module's own matrices, head by head."""
    if isinstance(module, nn.MultiheadAttention):
        projected = nn.functional.linear(x, module.in_proj_weight, module.in_proj_bias)
    elif isinstance(module, Attention):
        bias = torch.cat([module.q_bias, torch.zeros(DIM), module.v_bias])
        projected = nn.functional.linear(x, module.qkv.weight, bias)
    else:
        projected = module.qkv(x)
    query, key = projected[..., :DIM], projected[..., DIM:2 * DIM]
    size = DIM // HEADS
    return torch.stack([(query[..., start:start + size] @ key[..., start:start + size].transpose(1, 2) / size**0.5)
                        .softmax(dim=-1) for start in range(0, DIM, size)]).mean(dim=0)


@pytest.mark.parametrize('build', [of_mmpretrain, of_mmpretrain_with_lora, of_videomae, of_torch])
def test_outputs_are_the_modules_own_and_maps_those_of_its_queries_and_keys(build):
    torch.manual_seed(0)
    module, x = build().eval(), torch.randn(2, 5, DIM)
    before = run(module, x)
    with watched([module]) as (seen,):
        torch.testing.assert_close(run(module, x), before, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(seen.mean, expected_map(module, x), rtol=1e-5, atol=1e-6)
    assert torch.equal(run(module, x), before) and seen.weighted is None     # nobody watches any more


@pytest.mark.parametrize('build', [of_mmpretrain, of_videomae, of_torch])
def test_weighted_maps_are_maps_times_their_gradients(build, monkeypatch):
    torch.manual_seed(0)
    module, x, kept = build().eval(), torch.randn(2, 5, DIM, requires_grad=True), []
    see = attention.Seen.see
    monkeypatch.setattr(attention.Seen, 'see', lambda self, a: (kept.append(a), see(self, a))[1])
    with watched([module]) as (seen,):
        y = run(module, x)[:, 0].pow(2).sum()
    gradient, = torch.autograd.grad(y, kept, retain_graph=True)
    torch.autograd.grad(y, x)
    expected = (kept[0] * gradient).clamp(min=0).mean(dim=1)
    assert expected.max() > 0
    torch.testing.assert_close(seen.weighted, expected.detach())


def test_attention_reused_over_time_is_kept_over_the_patches():
    model = recognizer(dict(FRAMES, adapters=dict(time=OVER_TIME)))
    with watched([block.attn for block in model.backbone.layers]) as seen:
        model.extract_feat(clip(frames=3))
    assert all(one.mean.shape == (3, 5, 5) for one in seen)                   # not (B·L, T, T)
    for one in seen:
        torch.testing.assert_close(one.mean.sum(dim=-1), torch.ones(3, 5))


def test_attention_that_is_not_known_is_refused():
    module = MultiheadAttention(DIM, HEADS, qk_scale=1)
    with pytest.raises(ValueError, match='attends by a function of its own'), watched([module]):
        pass
    with pytest.raises(ValueError, match='Linear: no attention whose maps are known'), watched([nn.Linear(2, 2)]):
        pass
