"""D²Conv3D in chosen stages of MMAction2's ResNet3d, and AdapterViT in its Recognizer2D."""
import copy

import pytest
import torch
from torch import nn

from mmdfer.backbones import D2ResNet3d
from mmdfer.backbones.d2_resnet3d import dilate_dynamically
from mmdfer.ops import D2Conv3d
from mmdfer.registry import MODELS

from .small import clip_shape, small_config
from .test_mix import features, recogniser, step

NAME = 'mix/resnet3d18_d2conv3d_dfew'


def build():
    cfg = small_config(NAME).model.backbone
    torch.manual_seed(0)
    ours = MODELS.build(cfg)
    ours.init_weights()
    cfg.pop('d2_stages')
    return ours, MODELS.build(dict(cfg, type='ResNet3d'))


def test_starts_with_the_outputs_of_conv3d_and_checkpoints_load_both_ways():
    ours, twin = build()
    surplus = twin.load_state_dict(ours.state_dict(), strict=False)
    assert not surplus.missing_keys and all('.size_predictor.' in key for key in surplus.unexpected_keys)
    assert len(surplus.unexpected_keys) == 2 * 8        # two stages of two blocks of two convolutions
    clip = torch.randn(clip_shape(NAME))
    expected = features(twin, clip)
    torch.testing.assert_close(features(ours, clip), expected, rtol=0, atol=1e-5 * expected.abs().max().item())
    for module in ours.modules():
        if isinstance(module, D2Conv3d):
            nn.init.normal_(module.size_predictor.weight, std=0.3)
    assert (features(ours, clip) - expected).abs().max() > 1e-2 * expected.abs().max()
    lacking = ours.load_state_dict(twin.state_dict(), strict=False)
    assert not lacking.unexpected_keys and lacking.missing_keys == surplus.unexpected_keys


def test_only_chosen_stages_are_dynamic():
    ours, twin = build()
    dynamic = {name for name, module in ours.named_modules() if isinstance(module, D2Conv3d)}
    assert dynamic == {f'layer{stage}.{block}.conv{conv}.conv'
                       for stage in (3, 4) for block in (0, 1) for conv in (1, 2)}
    for name, module in twin.named_modules():
        if isinstance(module, nn.Conv3d):
            other = ours.get_submodule(name)
            for field in ('kernel_size', 'stride', 'padding', 'dilation', 'bias'):
                assert getattr(other, field) == getattr(module, field), name


def test_a_trained_model_keeps_its_weights():
    _, twin = build()
    for parameter in twin.parameters():
        nn.init.normal_(parameter, std=0.1)
    twin.double()
    clip = torch.randn(clip_shape(NAME)).double()
    expected = features(twin, clip)
    assert dilate_dynamically(twin.layer2) == 4 and dilate_dynamically(twin.maxpool) == 0
    torch.testing.assert_close(features(twin, clip), expected, rtol=1e-9, atol=1e-9)


def test_2d_weights_are_inflated(tmp_path):
    import torchvision
    torch.manual_seed(0)
    image = torchvision.models.resnet18().state_dict()
    torch.save(image, tmp_path / 'resnet18.pth')
    model = D2ResNet3d(18, pretrained=str(tmp_path / 'resnet18.pth'), inflate_style='3x3x3', d2_stages=(4, ))
    model.init_weights()
    for stage in (3, 4):
        inflated, flat = model.get_parameter(f'layer{stage}.1.conv2.conv.weight'), image[f'layer{stage}.1.conv2.weight']
        assert torch.equal(inflated, flat.unsqueeze(2).expand_as(inflated) / 3)
    conv = model.layer4[1].conv2.conv
    assert isinstance(conv, D2Conv3d) and not conv.size_predictor.weight.any()


def test_training_moves_weights_and_dilations():
    model = recogniser(NAME)
    before = copy.deepcopy(model.state_dict())
    step(model, NAME, steps=3)
    still = {key for key, value in model.named_parameters() if torch.equal(value, before[key])}
    assert not still


@pytest.mark.parametrize('kwargs, message', [
    (dict(d2_stages=(5, )), r'd2_stages=\(5,\): there are stages 1 to 4'),
    (dict(depth=50, d2_stages=(2, )), 'stage 2 has no 3×3×3 convolution'),
])
def test_stages_that_cannot_be_dynamic_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        D2ResNet3d(**dict(dict(depth=18), **kwargs))


def test_adapter_vit_in_recognizer2d_gives_the_logits_of_recognizer3d():
    name = 'mix/adapter_vit_recognizer2d_dfew'
    cfg = small_config(name)
    frames = recogniser(name)
    for parameter in frames.parameters():
        nn.init.normal_(parameter, std=0.1)
    clips = MODELS.build(dict(cfg.model, type='Recognizer3D', cls_head=dict(
        type='LinearVideoHead', num_classes=7, in_channels=192)))
    clips.load_state_dict({key.replace('.fc_cls.', '.fc.'): value for key, value in frames.state_dict().items()})
    clip = torch.randn(clip_shape(name))
    frames.eval(), clips.eval()
    with torch.no_grad():
        expected = clips(clip.unsqueeze(1), mode='tensor', stage='head')[0]
        found = frames(clip.transpose(1, 2).contiguous(), mode='tensor', stage='head')[0]
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        assert (found[0] - found[1]).abs().max() > 1e-3
        with pytest.raises(ValueError, match='6 frames make no whole clips of num_segments=4'):
            frames.backbone(clip.transpose(1, 2).flatten(0, 1)[:6])
