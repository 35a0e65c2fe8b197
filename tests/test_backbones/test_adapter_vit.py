"""AdapterViT against timm, against its own parent, and against the slots' equations."""
import pytest
import torch
from mmpretrain.models.backbones import VisionTransformer
from torch import nn

from mmdfer.adapters import TokenGrid
from mmdfer.apis.counting import no_initialisers
from mmdfer.backbones import AdapterViT
from mmdfer.backbones.adapter_block import parse_blocks
from mmdfer.backbones.freezing import count_parameters
from mmdfer.registry import MODELS

ARCH = dict(embed_dims=24, num_layers=3, num_heads=4, feedforward_channels=48)
SMALL = dict(type='AdapterViT', arch=ARCH, img_size=16, patch_size=8)
FE = dict(type='FEAdapter', slot='before_attn', width=4)
ADAPTERS = dict(fe=FE)


def build(**kwargs):
    torch.manual_seed(0)
    model = MODELS.build(dict(SMALL, **kwargs))
    nn.init.normal_(model.pos_embed, std=0.1)
    nn.init.normal_(model.cls_token, std=0.1)
    return model


def shake_adapters(model, std=0.2):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if '.adapters.' in name:
                parameter.add_(std * torch.randn_like(parameter))
    return model


@pytest.mark.slow
def test_equals_timm_vit_b(tmp_path):
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    with no_initialisers():
        theirs = timm.create_model('vit_base_patch16_224', num_classes=0, img_size=224).eval()
        ours = AdapterViT('base', init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'timm.pth')))
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.uniform_(-0.04, 0.04).add_(float('norm' in name and name.endswith('weight')))
    nn.init.normal_(theirs.cls_token, std=0.2)
    torch.save(theirs.state_dict(), tmp_path / 'timm.pth')
    ours.init_weights()
    # timm resizes positions with antialiasing, mmpretrain without
    for size, count, tolerance in ((224, 1, 1e-5), (160, 2, 5e-2)):
        frames = torch.randn(count, 3, size, size)
        with torch.no_grad():
            theirs.set_input_size(img_size=size)
            expected, found = theirs(frames), ours(frames)
            torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    clip = torch.stack([frames[0], frames[1]], dim=1)[None]      # (1, 3, 2, H, W)
    with torch.no_grad():
        torch.testing.assert_close(ours(clip)[0], found, rtol=0, atol=1e-5)


def test_equals_its_parent_on_each_frame():
    ours = build()
    parent = VisionTransformer(arch=dict(ARCH), img_size=16, patch_size=8)
    parent.eval()
    assert set(parent.state_dict()) == set(ours.state_dict())
    parent.load_state_dict(ours.state_dict())
    clip = torch.randn(2, 3, 5, 16, 16)
    features = ours.eval()(clip)
    assert features.shape == (2, 5, 24)
    for frame in range(5):
        torch.testing.assert_close(features[:, frame], parent(clip[:, :, frame])[-1], rtol=0, atol=1e-6)


@pytest.mark.parametrize('size, patch_grid', [(16, 4), (24, 9), (32, 16)])
def test_position_embedding_follows_the_input_size(size, patch_grid):
    model, parent = build(), VisionTransformer(arch=dict(ARCH), img_size=16, patch_size=8)
    parent.eval()
    parent.load_state_dict(model.state_dict())
    images = torch.randn(1, 3, size, size)
    assert model.embed(images, 1)[1].patches == patch_grid
    torch.testing.assert_close(model.eval()(images), parent(images)[-1], rtol=0, atol=1e-6)


@pytest.mark.parametrize('kind', ['FEAdapter', 'STAdapter', 'BottleneckAdapter'])
def test_logits_at_the_start_are_those_of_the_mean_of_frame_features(kind):
    adapted = build(adapters=dict(a=dict(type=kind, slot='before_attn', width=4)))
    plain = build()
    plain.load_state_dict({key: value for key, value in adapted.state_dict().items() if '.adapters.' not in key})
    head = MODELS.build(dict(type='LinearVideoHead', num_classes=7, in_channels=24))
    head.init_weights()
    clip = torch.randn(2, 3, 4, 16, 16)
    expected = head.fc(plain(clip).mean(dim=1))
    torch.testing.assert_close(head(adapted(clip)), expected, rtol=0, atol=0)


def test_vit_b_counts_of_fe_adapter():
    model = AdapterViT('base', adapters=dict(fe=dict(type='FEAdapter', slot='before_attn', width=116)))
    tunable, total = count_parameters(model)
    assert tunable == 12 * 551_887 == 6_622_644
    assert total - tunable == 85_798_656                       # ViT-B/16 without its head


def test_frozen_parts_have_no_gradient_and_stay_in_eval_mode():
    model = shake_adapters(build(adapters=ADAPTERS, drop_rate=0.5)).train()
    assert not model.drop_after_pos.training and not model.layers[2].attn.training
    assert all(module.training for block in model.layers for module in block.adapters.modules())
    clip = torch.randn(1, 3, 3, 16, 16)
    first, second = model(clip), model(clip)
    torch.testing.assert_close(first, second, rtol=0, atol=0)        # no dropout of a frozen part
    first.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == ('.adapters.' in name)
        assert (parameter.grad is not None) == parameter.requires_grad
    model.eval()
    assert not any(module.training for module in model.modules())


def test_unfrozen_model_trains_everything():
    model = build(adapters=ADAPTERS, freeze=False).train()
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.layers[0].attn.training


def test_blocks_before_the_first_adapter_keep_no_graph():
    model = build(adapters=dict(fe=dict(FE, blocks='3')))
    seen = []
    for block in model.layers:
        block.register_forward_hook(lambda module, args, output: seen.append(output.requires_grad))
    model(torch.randn(1, 3, 2, 16, 16))
    assert seen == [False, False, True]


@pytest.mark.parametrize('blocks', ['all', '2-3'])
def test_activation_checkpointing_gives_the_same_gradients(blocks):
    plain = shake_adapters(build(adapters=dict(fe=dict(FE, blocks=blocks))))
    saving = build(adapters=dict(fe=dict(FE, blocks=blocks)), with_cp=True)
    saving.load_state_dict(plain.state_dict())
    clip = torch.randn(2, 3, 3, 16, 16)
    for model in (plain, saving):
        model.train()(clip).square().sum().backward()
    for (name, ours), theirs in zip(saving.named_parameters(), plain.parameters()):
        if theirs.grad is not None:
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6, msg=name)
            assert theirs.grad.abs().sum() > 0


def test_checkpointing_holds_less_memory():
    held = {}
    for with_cp in (False, True):
        sizes = []
        model = build(adapters=ADAPTERS, with_cp=with_cp)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            model(torch.randn(2, 3, 3, 16, 16))
        held[with_cp] = sum(sizes)
    assert held[True] < held[False] / 3


def test_any_number_of_frames_and_a_prediction_ignores_the_batch():
    model = shake_adapters(build(adapters=ADAPTERS)).eval().double()
    clip = torch.randn(3, 3, 7, 16, 16).double()
    whole = model(clip)
    assert whole.shape == (3, 7, 24)
    torch.testing.assert_close(whole[1:2], model(clip[1:2]), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(whole.flip(0), model(clip.flip(0)), rtol=1e-10, atol=1e-10)


def test_initialiser_over_linears_leaves_the_adapters_identity():
    init = [dict(type='Normal', layer=['Linear', 'Conv3d', 'Conv2d'], std=0.5)]
    model = build(adapters=ADAPTERS, init_cfg=init)
    model.init_weights()
    x = torch.randn(3, 5, 24)
    grid = TokenGrid(3, 2, 2)
    assert not model.layers[0].adapters['fe'](x[:, 1:], grid).any()
    assert 0.4 < model.layers[0].attn.qkv.weight.std() < 0.6


@pytest.mark.parametrize('blocks, expected', [
    ('all', [0, 1, 2, 3, 4, 5]), ('5-6', [4, 5]), ('1,3-4', [0, 2, 3]), (2, [1]), ([1, 6], [0, 5]), ('2,2', [1]),
])
def test_block_ranges_count_from_one(blocks, expected):
    assert parse_blocks(blocks, 6) == expected


@pytest.mark.parametrize('blocks', ['0', '7', '5-7', '4-2', 'first', '', '1;2', [0], '-1'])
def test_block_ranges_outside_the_backbone_are_refused(blocks):
    with pytest.raises(ValueError, match='expected "all", a number from 1 to 6'):
        parse_blocks(blocks, 6)


@pytest.mark.parametrize('kwargs, message', [
    (dict(arch='huge'), "arch='huge'"),
])
def test_mistakes_in_a_config_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(**kwargs)


def test_input_of_another_rank_is_refused():
    with pytest.raises(ValueError, match='NCTHW'):
        build()(torch.zeros(3, 16, 16))


@pytest.mark.parametrize('arch, millions', [('tiny', 5.5), ('small', 21.7), ('base', 85.8), ('large', 303.3)])
def test_sizes(arch, millions):
    with torch.device('meta'):
        model = AdapterViT(arch)
    assert round(count_parameters(model)[1] / 1e6, 1) == millions
