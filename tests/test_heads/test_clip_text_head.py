"""The text head against its formula, alone and under a backbone; what it keeps and what it recomputes."""
import math

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn import functional as F

from mmdfer.datasets import class_names
from mmdfer.registry import MODELS
from mmdfer.text import class_texts, tokenize

from ..test_text.clip_models import TEXT

CFG = dict(type='CLIPTextHead', num_classes=7, text_encoder=dict(type='CLIPTextEncoder', arch=TEXT),
           texts=dict(dataset='dfew'))


def build(**kwargs):
    torch.manual_seed(0)
    head = MODELS.build(dict(CFG, **kwargs))
    head.init_weights()
    return head


def samples(labels):
    return [ActionDataSample().set_gt_label(label) for label in labels]


@torch.no_grad()
def test_logits_are_cosines_over_the_temperature():
    head, x = build(temperature=0.05), torch.randn(3, 4, 32)
    texts = head.text_encoder.encode_text(tokenize([texts[0] for texts in class_texts('dfew')]))
    expected = F.cosine_similarity(x.mean(1)[:, None], texts[None], dim=-1) / 0.05
    torch.testing.assert_close(head(x), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(head(x.mean(1)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('reduce', ['mean', 'max'])
@torch.no_grad()
def test_several_texts_count_by_mean_or_max(reduce):
    texts = dict(dataset='dfew', source='descriptions')
    head, x = build(texts=texts, reduce=reduce), F.normalize(torch.randn(5, 32), dim=-1)
    expected = []
    for of in class_texts(**texts):
        features = F.normalize(head.text_encoder.encode_text(tokenize(of)), dim=-1)
        expected.append(x @ F.normalize(features.mean(0), dim=0) if reduce == 'mean' else (x @ features.T).amax(1))
    torch.testing.assert_close(head.similarity(x), torch.stack(expected, 1), rtol=0, atol=1e-5)


def test_the_loss_of_mixed_targets_is_the_two_label_form():
    head, x = build(temperature=0.5), torch.randn(2, 32)
    first, second, share = torch.tensor([1, 2]), torch.tensor([3, 3]), 0.3
    mixed = share * F.one_hot(first, 7) + (1 - share) * F.one_hot(second, 7)
    loss = head.loss(x, [ActionDataSample().set_gt_label(row) for row in mixed])['loss_cls']
    logits = head(x)
    torch.testing.assert_close(
        loss, share * F.cross_entropy(logits, first) + (1 - share) * F.cross_entropy(logits, second))


def test_label_smoothing_is_pytorchs():
    head, x = build(temperature=0.5, label_smooth_eps=0.1), torch.randn(3, 32)
    loss = head.loss(x, samples([0, 4, 6]))['loss_cls']
    torch.testing.assert_close(loss, F.cross_entropy(head(x), torch.tensor([0, 4, 6]), label_smoothing=0.1))


@pytest.mark.parametrize('prompts, runs', [(None, 1), (dict(context=2), 3)])
def test_texts_are_encoded_once_a_step_and_kept_while_nothing_trains(prompts, runs):
    calls, head = [], build(prompts=prompts)
    head.text_encoder.register_forward_hook(lambda *_: calls.append(1))
    for _ in range(3):
        head(torch.randn(8, 32))
    assert len(calls) == runs


@torch.no_grad()
def test_conditional_texts_are_each_clips_own():
    head, x = build(prompts=dict(context=2, conditional=True)), torch.randn(4, 32)
    together = head(x)
    for index in range(4):
        torch.testing.assert_close(head(x[index:index + 1])[0], together[index], rtol=1e-4, atol=1e-3)
    assert (together[0] / together[1] - 1).abs().max() > 1e-4


@pytest.mark.parametrize('learn', [False, True])
def test_temperature_is_fixed_or_learned(learn):
    head = build(learn_temperature=learn, temperature=1 / 50, texts=dict(dataset='dfew', source='adjective'),
                 in_channels=20, projection=True)
    head.loss(torch.randn(4, 20), samples([0, 1, 2, 3]))['loss_cls'].backward()
    assert (head.log_scale.grad is not None) == learn
    assert head.log_scale.item() == pytest.approx(math.log(50))
    assert head.projection.weight.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in head.text_encoder.parameters())


def test_it_stands_on_a_stock_backbone():
    model = MODELS.build(dict(
        type='Recognizer3D',
        backbone=dict(type='C3D', out_dim=512), cls_head=dict(CFG, in_channels=4096, projection=True)))
    model.cls_head.init_weights()
    losses = model.cls_head.loss(torch.randn(2, 4096), samples([0, 1]))
    assert losses['loss_cls'].requires_grad


@pytest.mark.parametrize('kwargs, told', [
    (dict(num_classes=6), 'texts are of 7 classes, num_classes=6'),
    (dict(in_channels=40), 'set projection=True'),
    (dict(reduce='median'), 'reduce='),
    (dict(texts=dict(dataset='dfew', templates=['word ' * 90 + '{}'])), 'over the context of 77'),
])
def test_bad_settings_are_named(kwargs, told):
    with pytest.raises(ValueError, match=told):
        build(**kwargs)


def test_features_of_another_width_are_named():
    with pytest.raises(ValueError, match=r'\(B, T, 32\) or \(B, 32\), got \(2, 33\)'):
        build()(torch.randn(2, 33))


def test_cached_texts_follow_the_class_order():
    head = build()
    assert head.text_features().shape == (len(class_names('dfew')), 32)
