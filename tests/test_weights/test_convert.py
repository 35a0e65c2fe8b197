"""One ViT written in every known format gives one set of features, converted or loaded at once."""

import pytest
import torch
from mmpretrain.models.backbones import VisionTransformer
from safetensors import safe_open
from torch import nn

from mmdfer.apis.convert import convert_vit
from mmdfer.backbones import AdapterViT, ImageViT
from mmdfer.weights import CheckpointError, load_vit, read_checkpoint, to_mmpretrain

from ..commands import tool

SMALL = dict(width=24, depth=2, heads=4, size=32, patch=8)
BASE = dict(width=192, depth=12, heads=3, size=224, patch=16)         # ViT-B's, but for the width
SIZES = [pytest.param(SMALL, id='small'), pytest.param(BASE, id='base', marks=pytest.mark.slow)]


def arch(size):
    return dict(embed_dims=size['width'], num_layers=size['depth'], num_heads=size['heads'],
                feedforward_channels=4 * size['width'])


def ours(size, **kwargs):
    return AdapterViT(arch(size), **dict(dict(img_size=size['size'], patch_size=size['patch']), **kwargs)).eval()


def timm_vit(size, **kwargs):
    timm = pytest.importorskip('timm')
    model = timm.models.vision_transformer.VisionTransformer(
        img_size=size['size'], patch_size=size['patch'], embed_dim=size['width'], depth=size['depth'],
        num_heads=size['heads'], num_classes=5, **kwargs)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        # Norms about 1, the rest small: features of the size that trained ones have.
        nn.init.normal_(parameter, std=0.6 * size['width'] ** -0.5, generator=generator)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
    return model.eval()


def mae_state(model):
    """As MAE's pre-training releases: the encoder in timm's names, and a decoder."""
    width = model.embed_dim
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith('head')}
    decoder = {'mask_token': torch.ones(1, 1, 8), 'decoder_pos_embed': torch.ones(1, 17, 8),
               'decoder_embed.weight': torch.ones(8, width), 'decoder_blocks.0.norm1.weight': torch.ones(8),
               'decoder_norm.weight': torch.ones(8), 'decoder_pred.weight': torch.ones(12, 8)}
    return dict(model=dict(state, **decoder))


def hf_state(model, size):
    """The same weights written into transformers' own model, name by name."""
    theirs = hf_vit(size)
    source, target = model.state_dict(), theirs.state_dict()
    target['vit.embeddings.cls_token'] = source['cls_token']
    target['vit.embeddings.position_embeddings'] = source['pos_embed']
    pairs = [('vit.embeddings.patch_embeddings.projection', 'patch_embed.proj'), ('vit.layernorm', 'norm'),
             ('classifier', 'head')]
    for index in range(size['depth']):
        there, here = f'vit.encoder.layer.{index}', f'blocks.{index}'
        pairs += [(f'{there}.layernorm_before', f'{here}.norm1'), (f'{there}.layernorm_after', f'{here}.norm2'),
                  (f'{there}.attention.output.dense', f'{here}.attn.proj'),
                  (f'{there}.intermediate.dense', f'{here}.mlp.fc1'), (f'{there}.output.dense', f'{here}.mlp.fc2')]
        for kind in ('weight', 'bias'):
            parts = source[f'{here}.attn.qkv.{kind}'].chunk(3)
            for name, part in zip(('query', 'key', 'value'), parts):
                target[f'{there}.attention.attention.{name}.{kind}'] = part
    for there, here in pairs:
        for kind in ('weight', 'bias'):
            target[f'{there}.{kind}'] = source[f'{here}.{kind}']
    theirs.load_state_dict(target)
    return theirs


def hf_vit(size):
    transformers = pytest.importorskip('transformers')
    return transformers.ViTForImageClassification(transformers.ViTConfig(
        hidden_size=size['width'], num_hidden_layers=size['depth'], num_attention_heads=size['heads'],
        intermediate_size=4 * size['width'], image_size=size['size'], patch_size=size['patch'], num_labels=5,
        layer_norm_eps=1e-6)).eval()


def evaluating(model):
    """The model in eval mode; ``eval()`` of mmpretrain's backbones returns nothing."""
    model.eval()
    return model


def mmpretrain_vit(size, **kwargs):
    return evaluating(VisionTransformer(arch(size), img_size=size['size'], patch_size=size['patch'], **kwargs))


def images(side):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize('size', SIZES)
def test_one_vit_in_every_format_gives_one_set_of_features(tmp_path, size):
    timm, sides = timm_vit(size), (size['size'], size['size'] // 2)
    hf = hf_state(timm, size)
    mmpretrain = mmpretrain_vit(size)
    mmpretrain.load_state_dict(to_mmpretrain(timm.state_dict(), 'timm').state)
    files = dict(
        timm=timm.state_dict(), mae=mae_state(timm), transformers=hf.state_dict(),
        mmpretrain=dict(state_dict={f'backbone.{name}': tensor for name, tensor in mmpretrain.state_dict().items()}))
    model, resized = ours(size), ours(size, img_size=sides[1])
    with torch.no_grad():
        expected = timm.forward_features(images(sides[0]))[:, 0]
        # transformers' own code for a picture of another size; timm's smooths positions as it resizes them
        smaller = hf.vit(images(sides[1]), interpolate_pos_encoding=True).last_hidden_state[:, 0]
        assert expected.std() > 0.3 and (expected[0] - expected[1]).abs().max() > 0.1
        for name, state in files.items():
            torch.save(state, tmp_path / f'{name}.pth')
            convert_vit(tmp_path / f'{name}.pth', tmp_path / f'{name}.safetensors')
            for parameter in (*model.parameters(), *resized.parameters()):
                parameter.zero_()
            assert load_vit(model, tmp_path / f'{name}.safetensors').resized == []
            torch.testing.assert_close(model(images(sides[0])), expected, rtol=0, atol=1e-5)
            torch.testing.assert_close(model(images(sides[1])), smaller, rtol=0, atol=1e-5)
            assert load_vit(resized, tmp_path / f'{name}.pth').resized == ['pos_embed']
            torch.testing.assert_close(resized(images(sides[1])), smaller, rtol=0, atol=1e-5)
        torch.testing.assert_close(mmpretrain(images(sides[0]))[0], expected, rtol=0, atol=1e-5)


def test_report_and_content(tmp_path):
    torch.save(mae_state(timm_vit(SMALL)), tmp_path / 'mae.pth')
    report = convert_vit(tmp_path / 'mae.pth', tmp_path / 'new' / 'vit.safetensors')
    assert 'timm/MAE/DeiT/DINO format' in report and 'width 24, 2 blocks, patches of 8x8, 16 of them' in report
    assert '6 left out: decoder (mask_token, decoder_pos_embed, decoder_embed.weight and 3 more)' in report
    read = read_checkpoint(tmp_path / 'new' / 'vit.safetensors')
    assert set(read['state_dict']) == set(mmpretrain_vit(SMALL).state_dict())
    assert read['meta']['source'].endswith('mae.pth') and 'mask_token' in read['meta']['dropped']
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['vit.safetensors']


def test_a_head_is_dropped_and_said_so(tmp_path):
    torch.save(timm_vit(SMALL).state_dict(), tmp_path / 'x.pth')
    assert '2 left out: head of 5 outputs (head.weight, head.bias)' in convert_vit(tmp_path / 'x.pth',
                                                                                   tmp_path / 'x.safetensors')
    assert '2 not used: head of 5 outputs (head.weight, head.bias)' in str(load_vit(ours(SMALL), tmp_path / 'x.pth'))


def test_pooled_norm_is_told(tmp_path):
    """MAE's fine-tuned releases: the mean of patches, then ``fc_norm``; no norm for the class token."""
    theirs = timm_vit(SMALL, global_pool='avg', fc_norm=True)
    torch.save(dict(model=theirs.state_dict()), tmp_path / 'x.pth')
    model = ours(SMALL)
    assert 'norm (fc_norm) was trained on the mean of patch tokens' in str(load_vit(model, tmp_path / 'x.pth'))
    with torch.no_grad():
        expected = theirs.fc_norm(theirs.forward_features(images(32)))[:, 0]
        torch.testing.assert_close(model(images(32)), expected, rtol=0, atol=1e-5)
    # Beside a norm of the class token it is left out.
    state = timm_vit(SMALL).state_dict()
    torch.save(dict(state, **{'fc_norm.weight': torch.zeros(24), 'fc_norm.bias': torch.zeros(24)}), tmp_path / 'y.pth')
    report = load_vit(model, tmp_path / 'y.pth')
    assert 'norm of pooled patches (ln2.weight, ln2.bias)' in str(report) and not report.notes
    assert torch.equal(model.ln1.weight, state['norm.weight'])


def test_distillation_token_is_told(tmp_path):
    timm = pytest.importorskip('timm')
    theirs = timm.models.deit.VisionTransformerDistilled(img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=4,
                                                         num_classes=5)
    nn.init.normal_(theirs.pos_embed)
    torch.save(dict(model=theirs.state_dict()), tmp_path / 'x.pth')
    model = ours(SMALL)
    report = load_vit(model, tmp_path / 'x.pth')
    assert 'distillation token and its position are left out' in str(report) and not report.resized
    assert 'head_dist.weight' in report.unexpected and 'dist_token' in report.unexpected
    torch.testing.assert_close(model.pos_embed, theirs.pos_embed[:, [0, *range(2, 18)]])
    # transformers' name for the same token
    state = hf_vit(SMALL).state_dict()
    state = {name.replace('vit.', 'deit.', 1): tensor for name, tensor in state.items()}
    state['deit.embeddings.distillation_token'] = torch.zeros(1, 1, 24)
    state['deit.embeddings.position_embeddings'] = theirs.pos_embed.detach()
    assert 'distillation token' in to_mmpretrain(state, 'x').notes[0]


def test_positions_of_patches_alone(tmp_path):
    theirs = timm_vit(SMALL, no_embed_class=True)
    assert theirs.pos_embed.shape[1] == 16
    torch.save(theirs.state_dict(), tmp_path / 'x.pth')
    model = ours(SMALL)
    assert 'a position of zeros was added' in str(load_vit(model, tmp_path / 'x.pth'))
    with torch.no_grad():
        torch.testing.assert_close(model(images(32)), theirs.forward_features(images(32))[:, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize('kind', [AdapterViT, ImageViT])
@pytest.mark.parametrize('theirs_kwargs, ours_kwargs, remedy', [
    (dict(init_values=0.1), dict(layer_scale_init_value=1e-5), 'layer scale: set model.backbone.layer_scale'),
    (dict(pre_norm=True), dict(pre_norm=True), 'norm before its blocks: set model.backbone.pre_norm=True'),
])
def test_parts_that_features_need_have_a_place_or_are_refused(tmp_path, kind, theirs_kwargs, ours_kwargs, remedy):
    theirs = timm_vit(SMALL, **theirs_kwargs)
    torch.save(theirs.state_dict(), tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=remedy):
        load_vit(kind(arch(SMALL), img_size=32, patch_size=8), tmp_path / 'x.pth')
    model = evaluating(kind(arch(SMALL), img_size=32, patch_size=8, **ours_kwargs))
    load_vit(model, tmp_path / 'x.pth')
    with torch.no_grad():
        found = model(images(32))
        found = found[0] if isinstance(found, tuple) else found
        torch.testing.assert_close(found, theirs.forward_features(images(32))[:, 0], rtol=0, atol=1e-5)


def test_registers_are_refused(tmp_path):
    torch.save(timm_vit(SMALL, reg_tokens=2).state_dict(), tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match='has reg_token, which the ViT here does not compute with'):
        load_vit(ours(SMALL), tmp_path / 'x.pth')


def test_positions_that_make_no_square_are_refused(tmp_path):
    state = timm_vit(SMALL).state_dict()
    torch.save(dict(state, pos_embed=torch.zeros(1, 13, 24)), tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match='13 position embeddings are not those of a class token and a square'):
        load_vit(ours(SMALL), tmp_path / 'x.pth')


def test_mistakes_are_named(tmp_path):
    state = timm_vit(SMALL).state_dict()
    torch.save(state, tmp_path / 'x.pth')
    torch.save({'conv1.weight': torch.zeros(1)}, tmp_path / 'resnet.pth')
    torch.save({name: tensor for name, tensor in state.items() if 'blocks.1.mlp' not in name}, tmp_path / 'part.pth')
    for source, target, message in (
            ('x.pth', 'x.pth', 'give it the suffix .safetensors'), ('none.pth', 'y.safetensors', 'no such checkpoint'),
            ('resnet.pth', 'y.safetensors', 'no image ViT is recognised.*conv1.weight.*timm'),
            ('part.pth', 'y.safetensors', 'lacks 2 weights of an image ViT of 2 blocks .such as layers.1.ffn')):
        with pytest.raises(CheckpointError, match=message):
            convert_vit(tmp_path / source, tmp_path / target)
    assert not (tmp_path / 'y.safetensors').exists()


def test_an_existing_file_is_kept_without_force(tmp_path):
    torch.save(timm_vit(SMALL).state_dict(), tmp_path / 'x.pth')
    (tmp_path / 'y.safetensors').write_bytes(b'precious')
    with pytest.raises(CheckpointError, match='is there already; .*--force'):
        convert_vit(tmp_path / 'x.pth', tmp_path / 'y.safetensors')
    assert (tmp_path / 'y.safetensors').read_bytes() == b'precious'
    convert_vit(tmp_path / 'x.pth', tmp_path / 'y.safetensors', force=True)
    with safe_open(tmp_path / 'y.safetensors', framework='pt') as file:
        assert 'cls_token' in file.keys()


@pytest.mark.slow
def test_tool(tmp_path):
    torch.save(timm_vit(SMALL).state_dict(), tmp_path / 'x.pth')
    done = tool('convert/vit.py', tmp_path / 'x.pth', tmp_path / 'y.safetensors')
    assert done.returncode == 0, done.stderr
    assert '30 tensors written' in done.stdout + done.stderr and 'head of 5 outputs' in done.stdout + done.stderr
    done = tool('convert/vit.py', tmp_path / 'x.pth', tmp_path / 'y.safetensors')
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith('error: ') and '--force' in done.stderr
    assert tool('convert/vit.py', tmp_path / 'x.pth', tmp_path / 'y.safetensors', '--force').returncode == 0
