"""The tunable part goes out alone and comes back only onto the frozen weights it was trained on."""
import pytest
import torch
from safetensors import safe_open
from torch import nn

from mmdfer.backbones import AdapterViT
from mmdfer.registry import MODELS
from mmdfer.weights import (
    CheckpointError,
    adapter_places,
    frozen_digest,
    is_tunable_file,
    load_weights,
    save_tunable,
    tunable_names,
)

ARCH = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)


def build(seed=0, frozen_seed=0, width=4, arch=ARCH, classes=7):
    torch.manual_seed(frozen_seed)
    backbone = AdapterViT(arch, img_size=16, patch_size=8,
                          adapters=[dict(type='FEAdapter', slot='before_attn', width=width)])
    torch.manual_seed(100 + seed)
    model = nn.ModuleDict(dict(backbone=backbone, cls_head=MODELS.build(
        dict(type='LinearVideoHead', num_classes=classes, in_channels=arch['embed_dims']))))
    for parameter in model.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter)
    return model


def test_round_trip(tmp_path):
    trained, fresh = build(seed=1), build(seed=2)
    save_tunable(trained, tmp_path / 't.safetensors', dict(cfg='x = 1'))
    assert is_tunable_file(tmp_path / 't.safetensors')
    meta = load_weights(fresh, tmp_path / 't.safetensors')
    assert meta['cfg'] == 'x = 1'
    for (name, ours), theirs in zip(fresh.state_dict().items(), trained.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_only_tunable_tensors_are_written(tmp_path):
    model = build()
    save_tunable(model, tmp_path / 't.safetensors', {})
    with safe_open(tmp_path / 't.safetensors', 'pt') as file:
        assert set(file.keys()) == tunable_names(model)
    assert all('.adapters.' in name or name.startswith('cls_head') for name in tunable_names(model))


def test_vit_b_file_is_small(tmp_path):
    model = nn.ModuleDict(dict(
        backbone=AdapterViT('base', adapters=[dict(type='FEAdapter', slot='before_attn')]),
        cls_head=MODELS.build(dict(type='LinearVideoHead', num_classes=7, in_channels=768))))
    save_tunable(model, tmp_path / 't.safetensors', dict(cfg='x' * 10_000, frozen_digest='0'))
    assert 26e6 < (tmp_path / 't.safetensors').stat().st_size <= 27e6


def test_digest_sees_frozen_weights_alone():
    assert frozen_digest(build(seed=1)) == frozen_digest(build(seed=2))
    assert frozen_digest(build()) != frozen_digest(build(frozen_seed=1))


def test_other_frozen_weights_are_refused(tmp_path):
    save_tunable(build(), tmp_path / 't.safetensors', dict(image_checkpoint='image.pth'))
    other = build(seed=5, frozen_seed=1)
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(CheckpointError, match='other frozen weights.*--image-checkpoint.*image.pth'):
        load_weights(other, tmp_path / 't.safetensors')
    assert all(torch.equal(before[name], tensor) for name, tensor in other.state_dict().items())


def test_adapters_that_stood_elsewhere_are_refused(tmp_path):
    """Names do not tell the slot: the file does."""

    def model(slot):
        torch.manual_seed(0)
        return AdapterViT(ARCH, img_size=16, patch_size=8, adapters=dict(fe=dict(type='FEAdapter', slot=slot, width=4)))
    save_tunable(model('before_attn'), tmp_path / 't.safetensors', {})
    load_weights(model('before_attn'), tmp_path / 't.safetensors')
    state = model('before_attn').state_dict()
    meta = dict(adapter_places=adapter_places(model('before_attn')))
    torch.save(dict(state_dict=state, meta=meta), tmp_path / 'full.pth')
    for name in ('t.safetensors', 'full.pth'):
        with pytest.raises(CheckpointError, match='layers.0.adapters.fe was trained in before_attn, the config has it '
                                                  'in after_ffn'):
            load_weights(model('after_ffn'), tmp_path / name)
    torch.save(state, tmp_path / 'bare.pth')                 # tells nothing
    load_weights(model('after_ffn'), tmp_path / 'bare.pth')


@pytest.mark.parametrize('kwargs, message', [
    (dict(width=6), 'shapes differ'),
    (dict(arch=dict(ARCH, num_layers=3)), 'weights missing'),
    (dict(arch=dict(ARCH, num_layers=1)), 'without a place'),
    (dict(classes=11), 'cls_head.fc'),
])
@pytest.mark.parametrize('kind', ['full', 'tunable'])
def test_another_architecture_is_refused(tmp_path, kind, kwargs, message):
    path = tmp_path / ('x.pth' if kind == 'full' else 'x.safetensors')
    if kind == 'full':
        torch.save(dict(state_dict=build().state_dict(), meta={}), path)
    else:
        save_tunable(build(), path, {})
    with pytest.raises(CheckpointError, match=f'another architecture.*{message}'):
        load_weights(build(**kwargs), path)
