"""Image ViT files of other projects give the features that their own code gives."""
import pytest
import torch
from torch import nn

from mmdfer.backbones import AdapterViT
from mmdfer.weights import CheckpointError, load_vit

ARCH = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def ours(**kwargs):
    return AdapterViT(**dict(dict(arch=ARCH, img_size=32, patch_size=8), **kwargs)).eval()


def randomise(model):
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval()


def timm_vit():
    timm = pytest.importorskip('timm')
    return randomise(timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=4, mlp_ratio=2, num_classes=5))


def hf_vit():
    transformers = pytest.importorskip('transformers')
    config = transformers.ViTConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
                                    image_size=32, patch_size=8, layer_norm_eps=1e-6)
    return randomise(transformers.ViTForImageClassification(config))


def features(model):
    with torch.no_grad():
        return model(IMAGES)


@pytest.mark.parametrize('wrap', [
    lambda state: state,
    lambda state: dict(model=state),                                              # MAE, DeiT
    lambda state: dict(teacher={f'backbone.{key}': value for key, value in state.items()}),       # DINO
    lambda state: dict(state_dict={f'module.{key}': value for key, value in state.items()}),      # DDP
])
def test_timm_family(tmp_path, wrap):
    theirs = timm_vit()
    torch.save(wrap(theirs.state_dict()), tmp_path / 'x.pth')
    model = ours()
    report = load_vit(model, tmp_path / 'x.pth')
    with torch.no_grad():
        expected = theirs.forward_features(IMAGES)[:, 0]
    torch.testing.assert_close(features(model), expected, rtol=0, atol=1e-5)
    assert report.unexpected == ['head.weight', 'head.bias'] and not report.missing and not report.resized


def test_transformers(tmp_path):
    theirs = hf_vit()
    torch.save(theirs.state_dict(), tmp_path / 'x.pth')
    model = ours()
    load_vit(model, tmp_path / 'x.pth')
    with torch.no_grad():
        expected = theirs.vit(IMAGES).last_hidden_state[:, 0]
    torch.testing.assert_close(features(model), expected, rtol=0, atol=1e-5)


def test_mmpretrain_classifier(tmp_path):
    theirs = randomise(ours(freeze=False))
    state = {f'backbone.{key}': value for key, value in theirs.state_dict().items()}
    torch.save(dict(state_dict=dict(state, **{'head.layers.head.weight': torch.zeros(7, 24)}), meta={}),
               tmp_path / 'x.pth')
    model = ours(adapters=[dict(type='FEAdapter', slot='before_attn', width=4)])
    report = load_vit(model, tmp_path / 'x.pth')
    assert report.unexpected == ['head.layers.head.weight']
    torch.testing.assert_close(features(model), features(theirs), rtol=0, atol=1e-6)


def test_another_grid_resizes_positions_and_says_so(tmp_path):
    torch.save(timm_vit().state_dict(), tmp_path / 'x.pth')
    model = ours(img_size=64)
    report = load_vit(model, tmp_path / 'x.pth')
    assert report.resized == ['pos_embed'] and 'resized' in str(report)
    assert model.pos_embed.shape == (1, 65, 24) and model.pos_embed.abs().sum() > 0


@pytest.mark.parametrize('kwargs, message', [
    (dict(arch=dict(ARCH, embed_dims=48)), 'another architecture'),
    (dict(arch=dict(ARCH, feedforward_channels=96)), 'another architecture'),
    (dict(arch=dict(ARCH, num_layers=3)), 'lacks'),
    (dict(arch=dict(ARCH, num_layers=1)), 'another depth'),
    (dict(patch_size=16), 'another architecture.*patch'),
])
def test_another_architecture_is_refused_whole(tmp_path, kwargs, message):
    torch.save(timm_vit().state_dict(), tmp_path / 'x.pth')
    model = ours(**kwargs)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_vit(model, tmp_path / 'x.pth')
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_file_that_is_no_vit_is_refused(tmp_path):
    torch.save({'conv1.weight': torch.zeros(1)}, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match='no image ViT is recognised.*conv1.weight.*timm'):
        load_vit(ours(), tmp_path / 'x.pth')
