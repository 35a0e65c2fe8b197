"""Equal test views are run once, to the same prediction; different ones all are."""
import logging
from types import SimpleNamespace

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.registry import HOOKS

from mmdfer.engine import distinct_views_hook
from mmdfer.engine.distinct_views_hook import distinct_views

MODEL = dict(
    type='Recognizer3D',
    backbone=dict(type='AdapterViT', img_size=16, patch_size=8,
                  arch=dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48),
                  adapters=[dict(type='FEAdapter', slot='before_attn', width=4)]),
    cls_head=dict(type='LinearVideoHead', num_classes=3, in_channels=24, init_std=1.))


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = MODELS.build(MODEL).eval()
    model.cls_head.init_weights()
    model.seen = []
    model.backbone.register_forward_pre_hook(lambda module, args: model.seen.append(len(args[0])))
    return model


def predict(model, clips):
    samples = [ActionDataSample() for _ in clips]
    with torch.no_grad():
        return torch.stack([sample.pred_score for sample in model(inputs=clips, data_samples=samples, mode='predict')])


def views(*patterns):
    """Clips (B, V, 3, 2, 16, 16), a pattern of letters for each; the same letter is the same view."""
    torch.manual_seed(1)
    clips = []
    for pattern in patterns:
        letters = {letter: torch.randn(3, 2, 16, 16) for letter in 'abc'}
        clips.append(torch.stack([letters[letter] for letter in pattern]))
    return torch.stack(clips)


@pytest.mark.parametrize('patterns, kept', [
    (['aaaaaa'], [0]),                      # both windows and all crops
    (['ababab'], [0, 1]),                   # crops of square frames, two windows
    (['aabb', 'bbaa'], [0, 2]),
    (['aabb', 'aaaa'], [0, 2]),             # a short clip beside a long one
    (['abc'], None), (['aab'], None),       # all differ; unevenly often
    (['aa', 'ab'], None), (['a'], None)])
def test_which_views_stand_for_all(patterns, kept):
    assert distinct_views(views(*patterns)) == kept


@pytest.mark.parametrize('when', ['val', 'test'])
@pytest.mark.parametrize('pattern, run', [('aaaaaa', 1), ('ababab', 2), ('aabbcc', 3), ('aab', 3), ('abc', 3)])
def test_predictions_stay_and_forwards_are_fewer(model, monkeypatch, pattern, run, when):
    clips = views(pattern, pattern)
    expected = predict(model, clips)
    hook, runner = HOOKS.build(dict(type='DistinctViewsHook')), SimpleNamespace(model=model)
    getattr(hook, f'before_{when}_epoch')(runner)
    model.seen.clear()
    warnings = []
    monkeypatch.setattr(distinct_views_hook, 'print_log', lambda message, **kwargs: warnings.append((message, kwargs)))
    found = predict(model, clips)
    predict(model, clips)
    assert model.seen == [2 * run] * 2
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert len(warnings) == (run < len(pattern)), 'once, and only where views are left out'
    if warnings:
        assert f'{len(pattern)} views of a clip are tested, of which {run} differ' in warnings[0][0]
        assert warnings[0][1]['level'] == logging.WARNING
    getattr(hook, f'after_{when}_epoch')(runner)
    predict(model, clips)
    assert model.seen[-1] == 2 * len(pattern), 'off after the epoch'


def test_training_keeps_every_view(model):
    hook = HOOKS.build(dict(type='DistinctViewsHook'))
    hook.before_val_epoch(SimpleNamespace(model=model))
    clips = views('aa', 'aa')
    model(inputs=clips, mode='tensor')
    assert model.seen == [4]


def test_probabilities_of_views_are_averaged(model):
    clips = views('abc', 'bca')
    single = torch.stack([predict(model, clips[:, [view]]) for view in range(3)])
    torch.testing.assert_close(predict(model, clips), single.mean(dim=0))
    assert torch.allclose(predict(model, clips).sum(dim=1), torch.ones(2))
