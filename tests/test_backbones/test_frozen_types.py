"""Frozen weights in bfloat16 beside float32 adapters."""
import pytest
import torch
from torch import nn

from mmdfer.backbones import AdapterViT
from mmdfer.backbones.frozen_types import FrozenLinear
from mmdfer.weights import CheckpointError, load_weights, save_tunable

ARCH = dict(embed_dims=48, num_layers=2, num_heads=4, feedforward_channels=96)


def build(frozen_dtype='bfloat16', **kwargs):
    torch.manual_seed(0)
    adapters = dict(fe=dict(type='FEAdapter', slot='before_attn', width=8, zero_init=False))
    return AdapterViT(ARCH, img_size=16, patch_size=8, adapters=adapters, frozen_dtype=frozen_dtype, **kwargs)


def rounded(model):
    """A float32 model with the weights of another as bfloat16 rounds them."""
    plain = build(None)
    plain.load_state_dict({name: tensor.float() for name, tensor in model.state_dict().items()})
    return plain


def features(model):
    clips = torch.randn(2, 3, 3, 16, 16, generator=torch.Generator().manual_seed(1), requires_grad=True)
    return model(clips), clips


def test_it_computes_what_a_model_of_the_rounded_weights_does():
    model = build()
    model.init_weights()
    kept = {name: module for name, module in model.named_modules() if isinstance(module, FrozenLinear)}
    assert len(kept) == 2 * 4                                       # qkv, proj and two of the MLP, and no adapter's
    assert all(module.weight.dtype == torch.bfloat16 and module.bias.dtype == torch.float32 for module in kept.values())
    plain = rounded(model)
    results = []
    for one in (model, plain):
        out, clips = features(one)
        tuned = [parameter for parameter in one.parameters() if parameter.requires_grad]
        results.append([out, *torch.autograd.grad(out.square().sum(), [clips, *tuned])])
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected)


def test_rounding_costs_little():
    model, exact = build(), build(None)
    model.load_state_dict(exact.state_dict())
    ours, expected = features(model)[0], features(exact)[0]
    error = (ours - expected).norm() / expected.norm()
    assert 0 < error < 5e-3


def test_backward_keeps_no_cast_weight():
    model, kept = build(), {}
    frozen = {module.weight.numel() for module in model.modules() if isinstance(module, FrozenLinear)}

    def pack(tensor):
        kept[tensor.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out, _ = features(model)
    assert not any(tensor.dtype == torch.float32 and tensor.ndim == 2 and tensor.numel() in frozen
                   and set(tensor.shape) <= {48, 96, 144} for tensor in kept.values())
    out.sum().backward()


def test_a_step_under_autocast_changes_no_frozen_weight():
    model = build().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD([parameter for parameter in model.parameters() if parameter.requires_grad], 0.1)
    with torch.autocast('cpu', torch.bfloat16):
        out, _ = features(model)
    out.float().square().sum().backward()
    optimizer.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all('.adapters.' in name for name in changed)


def test_files_load_and_ask_for_the_same_type(tmp_path):
    model, other = build(), build()
    nn.init.normal_(model.layers[0].adapters['fe'].up.weight)
    save_tunable(model, tmp_path / 'a.safetensors', {})
    load_weights(other, tmp_path / 'a.safetensors')
    assert torch.equal(features(other)[0], features(model)[0])
    with pytest.raises(CheckpointError, match='other frozen weights'):
        load_weights(build(None), tmp_path / 'a.safetensors')
    torch.save(dict(state_dict=build(None).state_dict(), meta={}), tmp_path / 'whole.pth')
    load_weights(other, tmp_path / 'whole.pth')                     # a float32 checkpoint is rounded
    assert other.layers[0].attn.qkv.weight.dtype == torch.bfloat16


@pytest.mark.parametrize('change, message', [
    (dict(frozen_dtype='int8'), "frozen_dtype='int8' is not known"),
    (dict(freeze=False), 'set freeze=True'),
])
def test_refused(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)


def test_with_lora():
    model = build(lora=dict(rank=2, targets=['qkv']))
    out, _ = features(model)
    out.sum().backward()
    assert all((parameter.grad is not None) == parameter.requires_grad for name, parameter in model.named_parameters()
               if 'lora' in name)
