"""The optimizer gets the tunable parameters, grouped by their settings."""
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmdfer.backbones import AdapterViT

ARCH = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)


def wrapper(model, **kwargs):
    return build_optim_wrapper(model, dict(dict(
        type='OptimWrapper', constructor='TunableOptimWrapperConstructor',
        optimizer=dict(type='AdamW', lr=1e-2, weight_decay=0.1)), **kwargs))


def ids(parameters):
    return {id(parameter) for parameter in parameters}


def test_frozen_parameters_stay_out_and_groups_are_few():
    model = AdapterViT(ARCH, img_size=16, patch_size=8, adapters=[dict(type='FEAdapter', slot='before_attn', width=4)])
    groups = wrapper(model).optimizer.param_groups
    assert len(groups) == 1
    assert ids(groups[0]['params']) == ids(p for n, p in model.named_parameters() if '.adapters.' in n)


def test_multipliers():
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1))
    groups = wrapper(model, paramwise_cfg=dict(
        norm_decay_mult=0., bias_decay_mult=0.5, custom_keys={'2.': dict(lr_mult=0.1), '2.bias': dict(decay_mult=3.)})
    ).optimizer.param_groups
    found = {id(parameter): (group['lr'], group['weight_decay']) for group in groups for parameter in group['params']}
    expected = {'0.weight': (1e-2, 0.1), '0.bias': (1e-2, 0.05), '1.weight': (1e-2, 0.), '1.bias': (1e-2, 0.),
                '2.weight': (1e-3, 0.1), '2.bias': (1e-2, 0.3)}
    for name, parameter in model.named_parameters():
        assert found[id(parameter)] == pytest.approx(expected[name]), name
    assert len(groups) == 5


def test_a_shared_parameter_comes_once():
    model = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    model[1].weight = model[0].weight
    assert sum(len(group['params']) for group in wrapper(model).optimizer.param_groups) == 3


def test_a_step_leaves_frozen_bytes_alone():
    model = AdapterViT(ARCH, img_size=16, patch_size=8, adapters=[dict(type='FEAdapter', slot='before_attn', width=4)])
    for name, parameter in model.named_parameters():
        if 'up.weight' in name:
            nn.init.normal_(parameter)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    wrapper(model).update_params(model(torch.randn(2, 3, 3, 16, 16)).square().mean())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == ('.adapters.' not in name), name


def test_mistakes_are_named():
    with pytest.raises(ValueError, match='no tunable parameter'):
        wrapper(AdapterViT(ARCH, img_size=16, patch_size=8))
    with pytest.raises(ValueError, match="'norm_decay' not known here|norm_decay"):
        wrapper(nn.Linear(1, 1), paramwise_cfg=dict(norm_decay=0.))


def image_classifier():
    from mmpretrain.registry import MODELS
    return MODELS.build(dict(
        type='mmpretrain.ImageClassifier', backbone=dict(type='ImageViT', arch=ARCH, img_size=16, patch_size=8),
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'),
        head=dict(type='mmpretrain.LinearClsHead', num_classes=7, in_channels=24)))


def settings(groups):
    return {id(parameter): (group['lr'], group['weight_decay']) for group in groups for parameter in group['params']}


@pytest.mark.parametrize('custom', [{}, {'cls_token': dict(decay_mult=0.), 'pos_embed': dict(decay_mult=2.)}])
def test_layer_decay_is_mmpretrains(custom):
    model = image_classifier()
    paramwise = dict(layer_decay_rate=0.65, norm_decay_mult=0., bias_decay_mult=0.5, custom_keys=custom)
    ours = wrapper(model, paramwise_cfg=paramwise).optimizer.param_groups
    theirs = wrapper(model, constructor='mmpretrain.LearningRateDecayOptimWrapperConstructor',
                     paramwise_cfg=paramwise).optimizer.param_groups
    found, expected = settings(ours), settings(theirs)
    assert set(found) == set(expected) == ids(model.parameters())
    for name, parameter in model.named_parameters():
        assert found[id(parameter)] == pytest.approx(expected[id(parameter)], rel=1e-12), name
    assert len({lr for lr, _ in found.values()}) == 4 and len(ours) < len(theirs)
    assert found[id(model.head.fc.weight)] == (1e-2, 0.1)


def test_layer_decay_of_adapters_goes_by_their_block():
    model = nn.Module()
    model.backbone = AdapterViT(ARCH, img_size=16, patch_size=8,
                                adapters=[dict(type='FEAdapter', slot='before_attn', width=4)])
    model.cls_head = nn.Linear(24, 7)
    found = settings(wrapper(model, paramwise_cfg=dict(layer_decay_rate=0.5)).optimizer.param_groups)
    rates = {name: found[id(parameter)][0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    for name, rate in rates.items():
        assert rate == pytest.approx(1e-2 * (1 if 'cls_head' in name else 0.5 if 'layers.1' in name else 0.25)), name


def test_layer_decay_mistakes_are_named():
    with pytest.raises(ValueError, match=r'layer_decay_rate=1.5 is outside \(0, 1\]'):
        wrapper(nn.Linear(1, 1), paramwise_cfg=dict(layer_decay_rate=1.5))
    with pytest.raises(ValueError, match='get_layer_depth; Linear does not'):
        wrapper(nn.Linear(1, 1), paramwise_cfg=dict(layer_decay_rate=0.5))
