"""S4D's files, by random values under their names, compute here what their own code computes without its noise."""
from __future__ import annotations

import pytest
import torch
from mmaction.structures import ActionDataSample

from mmdfer.apis.convert_release import convert_release
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.run_towers import set_image_checkpoint
from mmdfer.weights import CheckpointError, read_checkpoint
from mmdfer.weights.neighbours.s4d import convert

from . import mae_line
from .mae_line import (
    Arithmetic,
    Shapes,
    agrees_in_any_batch,
    attention_shapes,
    built,
    ends,
    is_the_configs,
    lines,
    logits,
    mlp_shapes,
    norm_shapes,
    values,
)
from .released import sheet

WIDTH, DEPTH, INNER, EXPERTS = 64, 3, 8, 4
MIXED = (1, 2)                                                  # the blocks with experts


def release_shapes(classes: int = 7) -> Shapes:
    shapes = ends(WIDTH, 16, classes)
    for part in ('weight', 'bias'):
        shapes[f'head.video.{part}'] = shapes.pop(f'head.{part}')
    shapes.update(lines('head.image', WIDTH, 7))
    for index in range(DEPTH):
        block = f'blocks.{index}'
        shapes.update(norm_shapes(f'{block}.norm1', WIDTH) | norm_shapes(f'{block}.norm2', WIDTH))
        shapes.update(attention_shapes(f'{block}.attn', WIDTH, split=False))
        shapes.update(mlp_shapes(f'{block}.mlp', WIDTH, 4 * WIDTH))
        if index in MIXED:
            for router in ('topkroute_linear', 'noise_linear'):
                shapes.update(lines(f'{block}.moe_layer.router.{router}', WIDTH, EXPERTS))
            for expert in range(EXPERTS):
                shapes.update(mlp_shapes(f'{block}.moe_layer.experts.{expert}', WIDTH, INNER))
    return shapes


@pytest.fixture(scope='module')
def state():
    return values(release_shapes())


@pytest.fixture(scope='module')
def model(state):
    return built(convert(state, 'best.pth'), 'dfew')


@pytest.fixture(scope='module')
def clips():
    return torch.randn(2, 3, 16, 160, 160, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_the_sheet(state, clips, head, monkeypatch):
    """S4D's forward, each token through the experts of its two largest logits."""
    monkeypatch.setattr(mae_line, 'HEADS', 1)
    at = Arithmetic(state)
    x = at.tokens(clips)
    for index in range(DEPTH):
        block = f'blocks.{index}'
        x = x + at.attention(f'{block}.attn', at.norm(f'{block}.norm1', x))
        h = at.norm(f'{block}.norm2', x)
        x = x + at.mlp(f'{block}.mlp', h)
        if index in MIXED:
            largest, chosen = at.linear(f'{block}.moe_layer.router.topkroute_linear', h).sort(dim=-1, descending=True)
            gates = largest[..., :2].softmax(-1)
            outputs = torch.stack([at.mlp(f'{block}.moe_layer.experts.{expert}', h) for expert in range(EXPERTS)], -2)
            for place in range(2):
                picked = outputs.gather(-2, chosen[..., place, None, None].expand(*x.shape[:2], 1, WIDTH)).squeeze(-2)
                x = x + gates[..., place, None] * picked
    return at.linear(head, at.norm('fc_norm', x.mean(1)))


def test_logits_are_the_releases_without_its_noise_and_a_clips_own(state, model, clips, monkeypatch):
    expected = by_the_sheet(state, clips, 'head.video', monkeypatch)
    found = logits(model, clips)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)   # the positions' float32
    assert expected.std() > 0.1
    agrees_in_any_batch(model, clips, found)
    assert torch.equal(logits(model, clips), found)                             # no noise


def test_an_image_is_two_equal_frames_in_the_first_place_and_has_a_head_of_its_own(state, model, clips, monkeypatch):
    images = clips[:, :, 0]
    expected = by_the_sheet(state, torch.stack([images, images], dim=2), 'head.image', monkeypatch)
    with torch.no_grad():
        torch.testing.assert_close(model.image_head(model.backbone(images)), expected, rtol=1e-5, atol=1e-7)
        samples = [ActionDataSample().set_gt_label(label) for label in (1, 5)]
        found = model(images[:, None, :, None], samples, mode='predict')
    scores = torch.stack([sample.pred_score for sample in found])
    torch.testing.assert_close(scores, expected.softmax(1), rtol=1e-5, atol=1e-7)
    losses = model(images[:, None, :, None], samples, mode='loss')
    logs = expected.log_softmax(1)                                              # labels are smoothed by 0.1
    smoothed = -(0.9 * logs[[0, 1], [1, 5]] + 0.1 * logs.mean(1)).mean()
    torch.testing.assert_close(losses['loss_cls'], smoothed, rtol=1e-5, atol=0)
    losses['loss_cls'].backward()
    assert model.cls_head.fc.weight.grad is None and model.image_head.fc.weight.grad is not None
    model.zero_grad(set_to_none=True)


def test_the_whole_release_has_each_tensor_of_the_config():
    shapes = {name: torch.empty(shape, device='meta') for name, shape in sheet('s4d').items()}
    assert len(shapes) > 300
    is_the_configs(convert(shapes, 'best.pth'), 'neighbours/s4d_dfew')


def small(**more):
    arch = dict(embed_dims=WIDTH, num_layers=DEPTH, num_heads=1, feedforward_channels=4 * WIDTH)
    return dict(type='JointViT', arch=arch, **more)


def test_a_training_starts_from_videomaes_files(state, tmp_path, clips):
    """Fine-tuned or pre-trained; the encoder is MMAction2's, whose features these are."""
    encoder = {name: value for name, value in state.items() if 'moe_layer' not in name and not name.startswith('head')}
    stock = MODELS.build(dict(type='VisionTransformer', img_size=160, embed_dims=WIDTH, depth=DEPTH, num_heads=1))
    stocks = dict(encoder)
    for theirs, its in (('d.proj.', 'd.projection.'), ('mlp.fc1', 'mlp.layers.0.0'), ('mlp.fc2', 'mlp.layers.1')):
        stocks = {name.replace(theirs, its): value for name, value in stocks.items()}
    stock.load_state_dict(dict(stocks, pos_embed=stock.pos_embed))
    fine_tuned = {**encoder, 'head.weight': torch.zeros(7, WIDTH), 'head.bias': torch.zeros(7)}
    pretrained = {f'encoder.{name}': value for name, value in encoder.items() if not name.startswith('fc_norm')}
    pretrained.update({'encoder.norm.weight': torch.ones(WIDTH), 'decoder.norm.bias': torch.zeros(9),
                       'mask_token': torch.zeros(1, 1, 9)})
    expected = stock.eval()(clips.float())
    for name, file in (('fine_tuned', fine_tuned), ('pretrained', pretrained)):
        torch.save(dict(model=file), tmp_path / f'{name}.pth')
        cfg = load_config('neighbours/s4d_dfew')
        set_image_checkpoint(cfg, str(tmp_path / f'{name}.pth'))
        backbone = MODELS.build(small(init_cfg=cfg.model.backbone.init_cfg, adapters=dict(
            experts=dict(type='ExpertMixture', slot='parallel_ffn', blocks='2-3', num_experts=EXPERTS))))
        backbone.init_weights()
        assert backbone.fc_norm.weight.equal(encoder['fc_norm.weight']) == (name == 'fine_tuned')
        backbone.fc_norm.load_state_dict({part: encoder[f'fc_norm.{part}'] for part in ('weight', 'bias')})
        torch.testing.assert_close(backbone.eval()(clips.float())[:, 0], expected, rtol=1e-4, atol=1e-5)
    torch.save(state, tmp_path / 'release.pth')
    with pytest.raises(CheckpointError, match=r'blocks\.1\.moe_layer\S+ .* is no tensor of VideoMAE'):
        MODELS.build(small(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'release.pth')))).init_weights()


@pytest.mark.parametrize('shape', [(1, 3, 8, 160, 160), (1, 3, 16, 128, 128), (1, 3, 128, 128)])
def test_clips_of_another_length_or_size_are_refused(model, shape):
    with pytest.raises(ValueError, match=r'JointViT expects clips \(B, 3, 16, 160, 160\), got'):
        model.backbone(torch.zeros(shape).double())


def test_classes_are_in_the_releases_order_of_the_set(state, tmp_path):
    torch.save(dict(model=state), tmp_path / 'in.pth')
    with pytest.raises(ValueError, match='7 classes of dfew and ferv39k in different orders; .*--dataset'):
        convert_release('s4d', tmp_path / 'in.pth', tmp_path / 'out.safetensors')
    report = convert_release('s4d', tmp_path / 'in.pth', tmp_path / 'out.safetensors', dataset='ferv39k')
    assert 'mmdfer test neighbours/s4d_ferv39k' in report and 'experts.blocks="2,3"' in report
    classes = read_checkpoint(tmp_path / 'out.safetensors')['meta']['classes']
    assert list(classes) == ['angry', 'disgust', 'fear', 'happy', 'neutral', 'sad', 'surprise']


@pytest.mark.parametrize('changed, message', [
    ({'blocks.1.moe_layer.experts.3.fc2.bias': None}, r'experts\.3\.up\.bias is missing in a s4d release'),
    ({'blocks.1.moe_layer.experts.9.fc2.bias': torch.zeros(4)}, r'experts\.9\.up\.bias has no place'),
    ({'head.weight': torch.zeros(7, WIDTH)}, r'head\.weight \(7, 64\) is no tensor of S4D'),
    ({'head.video.weight': None}, 'no checkpoint of s4d is recognised'),
])
def test_another_file_is_refused_by_a_tensors_name(state, tmp_path, changed, message):
    torch.save({name: value for name, value in {**state, **changed}.items() if value is not None}, tmp_path / 'in.pth')
    with pytest.raises(CheckpointError, match=message):
        convert_release('s4d', tmp_path / 'in.pth', tmp_path / 'out.safetensors', dataset='dfew')
