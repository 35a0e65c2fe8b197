"""SVFAP's files, by random values under their names, compute here what their own code computes."""
from __future__ import annotations

import pytest
import torch
from mmengine.registry import DefaultScope

from mmdfer.apis.convert_release import convert_release
from mmdfer.backbones import SVFAP
from mmdfer.weights import CheckpointError
from mmdfer.weights.neighbours.svfap import convert

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

WIDTH, PATCH = 16, 32
FIRST, STAGES = 12, (6, 3)


def release_shapes(width: int, patch: int, classes: int) -> Shapes:
    shapes = ends(width, patch, classes)
    for index in range(FIRST + sum(STAGES)):
        block = f'blocks.{index}'
        for name in ('norm1', 'norm2', *(('cross_norm1', 'cross_norm2') if index >= FIRST else ())):
            shapes.update(norm_shapes(f'{block}.{name}', width))
        shapes.update(attention_shapes(f'{block}.attn', width, split=False))
        shapes.update(mlp_shapes(f'{block}.mlp', width, 4 * width))
        if index >= FIRST:
            shapes.update(attention_shapes(f'{block}.cross_attn', width, split=True))
    for stage in range(len(STAGES)):
        shapes.update({f'temporal_downsamples.{stage}.weight': (width, width, 2),
                       f'temporal_downsamples.{stage}.bias': (width, )})
        shapes.update(norm_shapes(f'spatial_downsamples.{stage}.norm', width))
        shapes.update(mlp_shapes(f'spatial_downsamples.{stage}.mlp', width, 128, 8))
    return shapes


@pytest.fixture(scope='module')
def state():
    return values(release_shapes(WIDTH, PATCH, 11))


@pytest.fixture(scope='module')
def model(state):
    return built(convert(state, 'fold1.pth'), 'mafw')


@pytest.fixture(scope='module')
def clips():
    return torch.randn(2, 3, 16, 160, 160, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_the_sheet(state, clips):
    """SVFAP's forward, frame after frame where it is by frame."""
    at = Arithmetic(state)
    x, batch = at.tokens(clips), len(clips)

    def rest(block, x):
        x = x + at.attention(f'{block}.attn', at.norm(f'{block}.norm1', x))
        return x + at.mlp(f'{block}.mlp', at.norm(f'{block}.norm2', x))

    def crossed(block, x, context):
        context = at.norm(f'{block}.cross_norm2', context)
        return rest(block, x + at.attention(f'{block}.cross_attn', at.norm(f'{block}.cross_norm1', x), context))

    for index in range(FIRST):
        x = rest(f'blocks.{index}', x)
    frames, index = 8, FIRST
    for stage, depth in enumerate(STAGES):
        kernel = at.state[f'temporal_downsamples.{stage}.weight']
        x = x.reshape(batch, frames, -1, x.shape[-1])
        frames //= 2
        slots = [x[:, 2 * t] @ kernel[..., 0].T + x[:, 2 * t + 1] @ kernel[..., 1].T
                 + at.state[f'temporal_downsamples.{stage}.bias'] for t in range(frames)]
        few = []
        for slot in slots:
            weights = at.mlp(f'spatial_downsamples.{stage}.mlp', at.norm(f'spatial_downsamples.{stage}.norm', slot))
            few.append(weights.softmax(1).mT @ slot)
        full, x = torch.cat(slots, 1), torch.cat(few, 1)
        assert x.shape[1] == 8 * frames
        for _ in range(depth - 1):
            x, index = crossed(f'blocks.{index}', x, full), index + 1
        x, index = crossed(f'blocks.{index}', full, x), index + 1
    return at.classify(x.mean(1))


def test_the_logits_are_the_releases_in_any_batch(model, state, clips):
    found = logits(model, clips)
    torch.testing.assert_close(found, by_the_sheet(state, clips), rtol=1e-5, atol=1e-6)
    assert (found[0] - found[1]).abs().min() > 1e-4
    agrees_in_any_batch(model, clips, found)


def test_the_whole_releases_names_and_shapes_are_the_configs():
    assert sheet('svfap') == release_shapes(512, 16, 7)
    with torch.device('meta'):
        release = convert({name: torch.empty(shape) for name, shape in release_shapes(512, 16, 7).items()}, 'x')
    is_the_configs(release, 'neighbours/svfap_ferv39k')


def test_a_file_of_pretraining_starts_the_encoder(state, model, tmp_path):
    encoder = {f'encoder.{name}': value for name, value in state.items() if not name.startswith(('fc_norm', 'head'))}
    more = dict(encoder, mask_token=torch.zeros(1, 1, 8), **{'encoder.norm.weight': torch.zeros(WIDTH)})
    torch.save(dict(model=more), tmp_path / 'checkpoint-99.pth')
    fresh = SVFAP(patch_size=PATCH, embed_dims=WIDTH,
                  init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'checkpoint-99.pth')))
    fresh.init_weights()
    for name, value in model.backbone.state_dict().items():
        if not name.startswith('fc_norm'):
            torch.testing.assert_close(fresh.state_dict()[name], value.float())
    assert fresh.fc_norm.weight.unique().tolist() == [1.]


def test_every_weight_learns(clips):
    torch.manual_seed(0)
    encoder = SVFAP(img_size=32, num_frames=4, patch_size=8, tubelet_size=1, embed_dims=16, depths=(1, 2, 1),
                    num_bottleneck_tokens=3, num_heads=2)
    encoder.init_weights()
    encoder.eval()(clips[:, :, :4, :32, :32].float()).square().sum().backward()
    for name, one in encoder.named_parameters():
        assert one.grad.abs().max() > 0, name


def without(state, *beginnings):
    return {key: value for key, value in state.items() if not key.startswith(beginnings)}


@pytest.mark.parametrize('change, said', [
    (lambda state: without(state, 'head.'), 'has no classifier'),
    (lambda state: dict(state, **{'blocks.0.gamma_1': torch.zeros(2)}), r'gamma_1 \(2,\) is no tensor of SVFAP'),
    (lambda state: without(state, 'blocks.20.'), 'has 12 plain blocks and 8 after them in 2 stages'),
    (lambda state: without(state, 'blocks.3.attn.proj.bias'), 'blocks.3.attn.proj.bias is missing'),
    (lambda state: dict(state, **{'head.weight': torch.zeros(9, WIDTH), 'head.bias': torch.zeros(9)}),
     'has 11 classes, the release 9'),
    (lambda state: without(state, 'temporal_downsamples'), 'no checkpoint of svfap'),
])
def test_a_file_that_is_another_is_refused_in_a_line(state, tmp_path, change, said):
    torch.save(dict(model=change(state)), tmp_path / 'file.pth')
    with pytest.raises((CheckpointError, ValueError), match=said) as error:
        convert_release('svfap', tmp_path / 'file.pth', tmp_path / 'out.safetensors', dataset='mafw')
    assert '\n' not in str(error.value)


def test_the_command_tells_the_next_one(state, tmp_path):
    torch.save(dict(model=state), tmp_path / 'fold1.pth')
    with DefaultScope.overwrite_default_scope('mmengine'):              # as a command begins
        said = convert_release('svfap', tmp_path / 'fold1.pth', tmp_path / 'fold1.safetensors')
    assert 'mmdfer test neighbours/svfap_mafw' in said and f'model.backbone.patch_size={PATCH}' in said


def test_sizes_that_do_not_fit_are_refused(model, clips):
    with pytest.raises(ValueError, match='expects clips'):
        model.backbone(clips[:, :, :8])
    with pytest.raises(ValueError, match='2 halvings of the 6 steps in time .* multiple of 8'):
        SVFAP(num_frames=12)
    with pytest.raises(ValueError, match='a block or more a stage'):
        SVFAP(depths=(12, 0))
