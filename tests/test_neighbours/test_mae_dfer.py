"""MAE-DFER's files, by random values under their names, compute here what their own code computes."""
from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope

from mmdfer.apis.convert_release import convert_release
from mmdfer.backbones import LGIFormer
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.run_towers import set_image_checkpoint
from mmdfer.weights import CheckpointError, read_checkpoint
from mmdfer.weights.neighbours.mae_dfer import convert

from .mae_line import (
    Arithmetic,
    Shapes,
    agrees_in_any_batch,
    attention_shapes,
    built,
    ends,
    is_the_configs,
    logits,
    mlp_shapes,
    norm_shapes,
    values,
)
from .released import sheet

WIDTH, DEPTH = 32, 2
NORMS = ('first_attn_norm0', 'second_attn_norm0', 'third_attn_norm0', 'third_attn_norm1', 'norm2')


def release_shapes(width: int, depth: int, classes: int) -> Shapes:
    shapes = {'lg_region_tokens': (8, width), **ends(width, 16, classes)}
    for block in (f'blocks.{index}' for index in range(depth)):
        for name in NORMS:
            shapes.update(norm_shapes(f'{block}.{name}', width))
        for name in ('first', 'second', 'third'):
            shapes.update(attention_shapes(f'{block}.{name}_attn', width, split=True))
        shapes.update(mlp_shapes(f'{block}.mlp', width, 4 * width))
    return shapes


def pretraining(state: dict) -> dict:
    """What a file of pre-training has of an encoder, and beside it."""
    encoder = {f'encoder.{name}': value for name, value in state.items() if not name.startswith(('fc_norm', 'head'))}
    more = {'encoder.norm.weight': (WIDTH, ), 'encoder.norm.bias': (WIDTH, ), 'mask_token': (1, 1, 24),
            'decoder.blocks.0.norm1.weight': (24, ), 'decoder.head.weight': (96, 24),
            'encoder_to_decoder.weight': (24, WIDTH)}
    return dict(values(more), **encoder)


@pytest.fixture(scope='module')
def state():
    return values(release_shapes(WIDTH, DEPTH, 7))


@pytest.fixture(scope='module')
def model(state):
    return built(convert(state, 'fold1.pth'), 'dfew')


@pytest.fixture(scope='module')
def clips():
    return torch.randn(2, 3, 16, 160, 160, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_the_sheet(state, clips):
    """MAE-DFER's forward, region after region."""
    at, batch = Arithmetic(state), len(clips)
    width = state['lg_region_tokens'].shape[1]
    cube = at.tokens(clips).reshape(batch, 8, 10, 10, width)
    places = [(slice(t, t + 2), slice(h, h + 5)) for t in (0, 2, 4, 6) for h in (0, 5)]
    local = [cube[:, t, h].reshape(batch, 100, width) for t, h in places]
    region = [at.state['lg_region_tokens'][index].expand(batch, 1, width) for index in range(8)]
    for block in (f'blocks.{index}' for index in range(DEPTH)):
        for index in range(8):
            x = torch.cat([region[index], local[index]], 1)
            x = x + at.attention(f'{block}.first_attn', at.norm(f'{block}.first_attn_norm0', x))
            region[index], local[index] = x[:, :1], x[:, 1:]
        r = torch.cat(region, 1)
        r = r + at.attention(f'{block}.second_attn', at.norm(f'{block}.second_attn_norm0', r))
        x = torch.cat(local, 1)
        x = x + at.attention(f'{block}.third_attn', at.norm(f'{block}.third_attn_norm0', x),
                             at.norm(f'{block}.third_attn_norm1', r))
        r, x = (part + at.mlp(f'{block}.mlp', at.norm(f'{block}.norm2', part)) for part in (r, x))
        region, local = list(r.split(1, 1)), list(x.split(100, 1))
    return at.classify(torch.cat(region, 1).mean(1))


def test_the_logits_are_the_releases_in_any_batch(model, state, clips):
    found = logits(model, clips)
    torch.testing.assert_close(found, by_the_sheet(state, clips), rtol=1e-5, atol=1e-6)
    assert (found[0] - found[1]).abs().min() > 1e-3
    agrees_in_any_batch(model, clips, found)


@pytest.mark.parametrize('classes, config', [(7, 'dfew'), (11, 'mafw')])
def test_the_whole_releases_names_and_shapes_are_the_configs(classes, config):
    names = sheet('mae_dfer')
    assert names == release_shapes(512, 16, 7)
    with torch.device('meta'):
        release = convert({name: torch.empty(shape) for name, shape in release_shapes(512, 16, classes).items()}, 'x')
    is_the_configs(release, f'neighbours/mae_dfer_{config}')


def test_a_file_of_pretraining_starts_the_encoder(state, model, tmp_path):
    path = tmp_path / 'checkpoint-49.pth'
    torch.save(dict(model=pretraining(state), epoch=49), path)
    cfg = load_config('neighbours/mae_dfer_dfew', {'model.backbone.depth': DEPTH, 'model.backbone.embed_dims': WIDTH})
    set_image_checkpoint(cfg, str(path))
    init_default_scope('mmaction')
    encoder = MODELS.build(cfg.model.backbone)
    encoder.init_weights()
    for name, value in model.backbone.state_dict().items():
        if not name.startswith('fc_norm'):
            torch.testing.assert_close(encoder.state_dict()[name], value.float())
    assert encoder.fc_norm.weight.unique().tolist() == [1.] and encoder.fc_norm.bias.unique().tolist() == [0.]


def test_what_pretraining_holds_is_known():
    names = sheet('mae_dfer_pretrain')
    encoder = {name.removeprefix('encoder.') for name in names if name.startswith('encoder.')}
    assert encoder - {'norm.weight', 'norm.bias'} == {
        name for name in release_shapes(512, 16, 7) if not name.startswith(('fc_norm', 'head'))}
    assert all(name.startswith(('encoder.', 'decoder.', 'encoder_to_decoder.', 'mask_token')) for name in names)


def test_a_fine_tuned_file_and_a_checkpoint_of_ours_start_it_too(state, model, tmp_path):
    released, ours = tmp_path / 'fold1.pth', tmp_path / 'epoch_1.pth'
    torch.save(dict(model=state), released)
    torch.save(dict(state_dict=model.float().state_dict()), ours)
    model.double()
    for path in (released, ours):
        encoder = LGIFormer(embed_dims=WIDTH, depth=DEPTH, init_cfg=dict(type='Pretrained', checkpoint=str(path)))
        encoder.init_weights()
        for name, value in model.backbone.state_dict().items():
            torch.testing.assert_close(encoder.state_dict()[name], value.float())


def test_all_but_what_nobody_reads_learns_and_blocks_computed_again_give_the_same(clips):
    """The last block's step to the local tokens is behind what is read out."""
    torch.manual_seed(0)
    encoder = LGIFormer(img_size=32, num_frames=4, patch_size=8, embed_dims=16, depth=2, num_heads=2,
                        region_size=(1, 2, 4), drop_path_rate=0.)
    encoder.init_weights()
    small, gradients = clips[:, :, :4, :32, :32].float(), []
    for encoder.with_cp in (False, True):
        encoder.zero_grad()
        encoder(small).square().sum().backward()
        gradients.append({name: one.grad for name, one in encoder.named_parameters()})
    for name, gradient in gradients[0].items():
        unread = name.startswith(('blocks.1.interaction', 'blocks.1.context'))
        assert (gradient.abs().max() > 0) != unread, name
        torch.testing.assert_close(gradients[1][name], gradient)


def test_the_command_reads_a_namespace_and_writes_a_file_of_known_classes(state, tmp_path):
    from argparse import Namespace
    path, out = tmp_path / 'fold1.pth', tmp_path / 'fold1.safetensors'
    torch.save(dict(model=state, optimizer=None, epoch=99, args=Namespace(nb_classes=7)), path)
    said = convert_release('mae_dfer', path, out, dataset='ferv39k')
    assert 'mmdfer test neighbours/mae_dfer_ferv39k' in said and f'model.backbone.embed_dims={WIDTH}' in said
    assert list(read_checkpoint(out)['meta']['classes'])[:3] == ['happy', 'sad', 'neutral']


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize('change, said', [
    (lambda state: without(state, 'head.weight'), 'has no classifier'),
    (lambda state: dict(state, stray=torch.zeros(2)), r'stray \(2,\) is no tensor of MAE-DFER'),
    (lambda state: without(state, 'blocks.1.third_attn.kv.weight'), 'blocks.1.interaction_attn.kv.weight is missing'),
    (lambda state: dict(state, lg_region_tokens=torch.zeros(4, WIDTH)), r'region_tokens is \(4, 32\), not \(8, 32\)'),
    (lambda state: dict(state, **{'head.weight': torch.zeros(9, WIDTH), 'head.bias': torch.zeros(9)}),
     'has 7 classes, the release 9'),
    (lambda state: without(state, 'lg_region_tokens'), 'no checkpoint of mae_dfer'),
])
def test_a_file_that_is_another_is_refused_in_a_line(state, tmp_path, change, said):
    torch.save(dict(model=change(state)), tmp_path / 'file.pth')
    with pytest.raises((CheckpointError, ValueError), match=said) as error:
        convert_release('mae_dfer', tmp_path / 'file.pth', tmp_path / 'out.safetensors', dataset='dfew')
    assert '\n' not in str(error.value)


def test_a_clip_of_another_length_and_regions_that_do_not_tile_are_refused(model, clips):
    with pytest.raises(ValueError, match=r'expects clips \(B, 3, 16, 160, 160\), got \(2, 3, 8, 160, 160\)'):
        model.backbone(clips[:, :, :8])
    with pytest.raises(ValueError, match='does not tile the'):
        LGIFormer(region_size=(3, 5, 10))
    with pytest.raises(ValueError, match='no whole number of tokens'):
        LGIFormer(img_size=150)
    with pytest.raises(ValueError, match='no multiple of num_heads=7'):
        LGIFormer(num_heads=7)


def test_a_start_of_another_size_or_system_is_refused(state, tmp_path):
    path = tmp_path / 'checkpoint.pth'
    for changed, said in ((pretraining(state), 'another architecture'),
                          (dict(pretraining(state), **{'encoder.rope': torch.zeros(2)}), 'rope .* no tensor of'),
                          ({'layers.0.ln1.weight': torch.zeros(2)}, 'no tensor of MAE-DFER')):
        torch.save(dict(model=changed), path)
        with pytest.raises(CheckpointError, match=said):
            LGIFormer(embed_dims=64, depth=2, init_cfg=dict(type='Pretrained', checkpoint=str(path))).init_weights()
