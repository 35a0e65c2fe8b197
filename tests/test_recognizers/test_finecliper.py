"""FineCLIPER over frames, maps and captions: any of them may be missing, for a run or a clip."""
import copy
from types import SimpleNamespace

import pytest
import torch
from mmaction.structures import ActionDataSample

from mmdfer.engine.distinct_views_hook import DistinctViewsHook
from mmdfer.registry import MODELS

from ..test_heads.test_finecliper_head import ENCODER, NEGATIVE, POSITIVE
from ..test_text.clip_models import QUICK, TEXT, VISION

T = 4
AIM = [dict(type='BottleneckAdapter', slot='temporal_attn', width=8, zero_init=False),
       dict(type='BottleneckAdapter', slot='attn_out', width=8, zero_init=False),
       dict(type='BottleneckAdapter', slot='parallel_ffn', width=8, scale=0.5, zero_init=False)]
VIT = dict(type='AdapterViT', arch=VISION, img_size=32, patch_size=8, pre_norm=True, proj_dim=32, layer_cfg=QUICK,
           adapters=AIM)
CAPTIONS = ['the mouth opens wide', '', 'brows are lowered and the lips pressed']


def build(**kwargs):
    torch.manual_seed(0)
    model = MODELS.build(dict(
        dict(type='FineCLIPER', backbone=VIT, map_encoder=VIT,
             caption_encoder=dict(ENCODER, arch=TEXT, context_length=248),
             cls_head=dict(type='FineCLIPERHead', num_classes=7, text_encoder=ENCODER, temperature=0.2,
                           texts=dict(dataset='dfew', templates=[POSITIVE]), negative_encoder=ENCODER,
                           negative_texts=dict(templates=[NEGATIVE])),
             data_preprocessor=dict(type='ActionDataPreprocessor', mean=[120.] * 3, std=[60.] * 3)), **kwargs))
    model.init_weights()
    return model


def batch(maps=(True, True, False), captions=CAPTIONS):
    generator = torch.Generator().manual_seed(2)
    samples = []
    for index, (has, caption) in enumerate(zip(maps, captions, strict=True)):
        sample = ActionDataSample(metainfo=dict(caption=caption)).set_gt_label(index)
        for name in ('parsing_maps', 'landmark_maps'):
            drawn = torch.randint(0, 256, (3, T, 32, 32), dtype=torch.uint8, generator=generator)
            sample.set_field(drawn if has else torch.zeros_like(drawn), name)
        sample.set_field(torch.tensor(has), 'has_face_maps')
        samples.append(sample)
    return torch.randn(len(samples), 1, 3, T, 32, 32, generator=generator), samples


def logits(model, inputs, samples):
    with torch.no_grad():
        return model.eval().extract_feat(inputs, 'head', samples, test_mode=True)[0]


@pytest.mark.parametrize('parts', [{}, dict(map_encoder=None), dict(caption_encoder=None), dict(maps=('landmarks', )),
                                   dict(map_encoder=None, caption_encoder=None)])
def test_a_step_reaches_every_adapter_and_nothing_frozen(parts):
    model = build(**parts).train()
    before = copy.deepcopy(model.state_dict())
    losses = model.loss(*batch())
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.abs().max() > 0)) == ('.adapters.' in name), name
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1).step()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items()
               if '.adapters.' not in name)


def test_prediction_ignores_rest_of_batch():
    model, (inputs, samples) = build(), batch()
    together = logits(model, inputs, samples)
    for index in range(3):
        torch.testing.assert_close(logits(model, inputs[index:index + 1], samples[index:index + 1])[0], together[index],
                                   rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('dropped', [['parsing'], ['landmarks'], ['caption'], ['parsing', 'landmarks', 'caption'],
                                     ['video']])
def test_a_modality_removed_at_test_time_changes_the_result_and_breaks_nothing(dropped):
    inputs, samples = batch((True, True, True), [CAPTIONS[0]] * 3)
    full, less = logits(build(), inputs, samples), logits(build(drop_modalities=dropped), inputs, samples)
    assert torch.isfinite(less).all() and (full - less).abs().max() > 1e-4


def test_clips_without_maps_and_captions_are_the_video_models():
    inputs, samples = batch((False, False, False), ['', '', ''])
    full, video = build(), build(map_encoder=None, caption_encoder=None)
    video.load_state_dict(full.state_dict(), strict=False)
    torch.testing.assert_close(logits(full, inputs, samples), logits(video, inputs, [None] * 3))


def test_every_parameter_has_a_gradient_even_if_no_clip_has_maps():
    model = build().train()
    losses = model.loss(*batch((False, False, False), ['', '', '']))
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    assert not [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]


def test_maps_are_normalised_as_frames_and_share_one_encoder():
    model, (inputs, samples) = build(), batch((True, True, True))
    seen = []
    model.map_encoder.register_forward_hook(lambda _, args, out: seen.append((args[0], out)))
    with torch.no_grad():
        features, _ = model.eval().extract_feat(inputs, 'neck', samples)
    (stack, out), = seen
    expected = torch.cat([torch.stack([getattr(sample, name) for sample in samples]).float()
                          for name in ('parsing_maps', 'landmark_maps')])
    torch.testing.assert_close(stack, (expected - 120) / 60)
    torch.testing.assert_close(features['landmarks'], out[3:])
    own, guest = dict(model.backbone.named_parameters()), dict(model.map_encoder.named_parameters())
    assert all((own[name] is guest[name]) == ('.adapters.' not in name) for name in own)


def test_views_share_their_clips_maps_and_caption():
    model, (inputs, samples) = build().eval(), batch((True, True, True))
    twice = inputs.repeat(1, 2, 1, 1, 1, 1)
    with torch.no_grad():
        one = torch.stack([s.pred_score for s in model.predict(inputs, samples)])
        two = torch.stack([s.pred_score for s in model.predict(twice, samples)])
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_predictions_see_maps_and_captions():
    model, (inputs, samples) = build(), batch()
    expected = logits(model, inputs, samples).softmax(dim=1)
    with torch.no_grad():
        found = torch.stack([sample.pred_score for sample in model(inputs, copy.deepcopy(samples), mode='predict')])
    torch.testing.assert_close(found, expected)
    assert (found - logits(model, inputs, batch((False, ) * 3, [''] * 3)[1]).softmax(dim=1)).abs().max() > 1e-4


def test_a_clip_with_nothing_that_is_used_is_an_error():
    inputs, samples = batch((True, False, True), ['', '', ''])
    with pytest.raises(ValueError, match='none of the modalities'):
        logits(build(drop_modalities=['video']), inputs, samples)


MAP = dict(type='MapModality', key='parsing_maps', encoder='map')
LISTED = dict(video=dict(type='VideoModality'), parsing=MAP, landmarks=dict(MAP, key='landmark_maps'),
              caption=dict(type='CaptionModality', encoder=dict(ENCODER, arch=TEXT, context_length=248)))


def listed(**kwargs):
    parts = dict(map_encoder=None, caption_encoder=None, encoders=dict(map=VIT), modalities=LISTED)
    return build(**dict(parts, **kwargs))


@pytest.mark.parametrize('without', [[], ['parsing'], ['caption'], ['parsing', 'landmarks', 'caption']])
def test_listed_modalities_are_the_shorter_form(without):
    maps = [name for name in ('parsing', 'landmarks') if name not in without]
    short = build(maps=maps, **(dict(caption_encoder=None) if 'caption' in without else {}))
    model = listed(modalities=dict(LISTED, **{name: None for name in without}))
    assert list(model.state_dict()) == list(short.state_dict())
    pairs = zip(model.state_dict().values(), short.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    inputs, samples = batch()
    assert torch.equal(logits(model, inputs, samples), logits(short, inputs, samples))


def test_a_modality_may_go_through_the_frames_encoder_and_be_dropped_by_its_own_config():
    model = listed(modalities=dict(video=LISTED['video'], parsing=dict(MAP, encoder='backbone', drop=True)))
    assert not [name for name, _ in model.named_children() if name.endswith('_encoder')]
    inputs, samples = batch((True, True, True))
    with torch.no_grad():
        model.eval()
        kept, dropped = (model.extract_feat(inputs, 'neck', samples, test_mode=mode)[0] for mode in (False, True))
        expected = model.backbone((torch.stack([sample.parsing_maps for sample in samples]).float() - 120) / 60)
    assert list(kept) == ['video', 'parsing'] and list(dropped) == ['video']
    torch.testing.assert_close(kept['parsing'], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('kwargs, told', [
    (dict(maps=['depth']), "maps=.*'depth' is no kind of maps: choose one of landmarks, parsing"),
    (dict(drop_modalities=['captions']), "'captions' is no modality of this model: did you mean 'caption'"),
    (dict(modalities=LISTED), 'a shorter form of modalities: give one of both'),
])
def test_unknown_modalities_are_named(kwargs, told):
    with pytest.raises(ValueError, match=told):
        build(**kwargs)


@pytest.mark.parametrize('name, settings, told', [
    ('video', dict(type='VideoModallity'), "video.type='VideoModallity' is not known: did you mean 'VideoModality'"),
    ('parsing', dict(MAP, encoder='maps'), "parsing.encoder='maps': give its config, or a name: did you mean 'map'"),
    ('caption', dict(type='CaptionModality'), 'modalities.caption.encoder=None: give its config'),
    ('video', None, 'no modality goes through the backbone'),
])
def test_modalities_that_cannot_be_are_named(name, settings, told):
    with pytest.raises(ValueError, match=told):
        listed(modalities=dict(LISTED, **{name: settings}))


@pytest.mark.parametrize('equal, run', [(True, 1), (False, 3)])
def test_equal_test_views_are_run_once_beside_their_maps_and_caption(equal, run):
    """Maps and captions have no axis of views, so those that DistinctViewsHook leaves out must not shift them."""
    model, (inputs, samples) = build().eval(), batch((True, True, True))
    views = inputs.repeat(1, 3, 1, 1, 1, 1)
    if not equal:
        views = views + torch.arange(3.).reshape(1, 3, 1, 1, 1, 1)
    seen = []
    model.backbone.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))

    def predict():
        with torch.no_grad():
            return torch.stack([sample.pred_score for sample in model(views, copy.deepcopy(samples), mode='predict')])
    expected = predict()
    hook = DistinctViewsHook()
    hook.before_test_epoch(SimpleNamespace(model=model))
    with torch.no_grad():
        found = torch.stack([sample.pred_score for sample in
                             model(inputs=views, data_samples=copy.deepcopy(samples), mode='predict')])
    assert seen == [9, 3 * run]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
