"""Dilations, features, similarities and regions, against what they are made of."""
import sys

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from sklearn.metrics import silhouette_samples
from torch.nn.functional import conv3d

from mmdfer.explain import (
    check_features,
    density,
    dilation_maps,
    region_weights,
    silhouette,
    text_similarity,
    tsne,
    umap,
    video_features,
)
from mmdfer.ops import D2Conv3d

from .models import FE, FRAMES, LINEAR, POOLED, VIDEOMAE, clip, recognizer


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmaction')


@pytest.mark.parametrize('size_map, moves', [('xyz', (0, 1, 2)), ('xy', (1, 2)), ('x', (1, 2))])
def test_dilations_are_those_of_the_papers_formula(size_map, moves):
    """ELU(raw) + 1 of the predictor's convolution, on the axes that have a map."""
    model, read = recognizer(dict(FRAMES, adapters=dict(fe=dict(FE, size_map=size_map)))), []
    layers = [module for module in model.modules() if isinstance(module, D2Conv3d)]
    for layer in layers:
        layer.register_forward_pre_hook(lambda layer, args: read.append(args[0]))
    found = dilation_maps(model, clip())
    assert list(found) == ['layers.0.adapters.fe.conv', 'layers.1.adapters.fe.conv']
    for layer, x, maps in zip(layers, read, found.values()):
        raw = conv3d(x, layer.size_predictor.weight, layer.size_predictor.bias, padding=1)[0].detach()
        expected = torch.where(raw > 0, raw + 1, raw.exp()).expand(len(moves), -1, -1, -1)
        assert maps.shape == (3, 4, 2, 2) and float(maps[list(moves)].std()) > 0
        torch.testing.assert_close(maps[list(moves)], expected)
        assert size_map == 'xyz' or bool((maps[0] == 1).all())


def test_the_layers_own_dilation_is_a_factor():
    model = recognizer(FRAMES)
    layers = [module for module in model.modules() if isinstance(module, D2Conv3d)]
    before = dilation_maps(model, clip())['layers.0.adapters.fe.conv']
    layers[0].dilation, layers[0].padding = (1, 2, 2), (1, 2, 2)
    layers[0].size_predictor.dilation, layers[0].size_predictor.padding = (1, 1, 1), (1, 1, 1)
    after = dilation_maps(model, clip())['layers.0.adapters.fe.conv']
    torch.testing.assert_close(after, before * torch.tensor([1., 2, 2]).view(3, 1, 1, 1))


def test_models_without_d2conv3d_are_refused():
    with pytest.raises(ValueError, match='AdapterViT has no D2Conv3d'):
        dilation_maps(recognizer(dict(FRAMES, adapters={})), clip())


@pytest.mark.parametrize('backbone, head', [(FRAMES, LINEAR), (VIDEOMAE, POOLED)])
def test_features_are_what_the_classifier_reads(backbone, head):
    """The classifier of them gives the logits, averaged over views."""
    model = recognizer(backbone, head)
    clips = torch.cat([clip(seed=seed) for seed in range(4)]).reshape(2, 2, 3, 4, 16, 16)
    layer = model.cls_head.fc if head is LINEAR else model.cls_head.fc_cls
    features = video_features(model, clips)
    assert features.shape == (2, 24)
    logits = model.extract_feat(clips, stage='head')[0].unflatten(0, (2, 2)).mean(dim=1)
    torch.testing.assert_close(layer(features), logits, rtol=1e-4, atol=1e-5)


def test_heads_without_texts_have_no_similarities():
    with pytest.raises(ValueError, match='LinearVideoHead has no class texts'):
        text_similarity(recognizer(FRAMES), clip())


def learned(steps):
    """Features of clips of three classes, told apart by the brightness of their frames, before or after training."""
    torch.manual_seed(0)
    model = recognizer(dict(FRAMES, adapters={}, freeze=False))
    labels = torch.arange(24) % 3
    clips = torch.randn(24, 1, 3, 2, 16, 16) + 0.15 * (labels - 1).view(-1, 1, 1, 1, 1, 1)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model.extract_feat(clips, stage='head')[0], labels).backward()
        optimizer.step()
    return video_features(model, clips).numpy(), labels.numpy()


def test_the_silhouette_of_trained_features_is_above_that_of_untrained_ones():
    (before, labels), (after, _) = learned(0), learned(30)
    assert silhouette(before, labels) == pytest.approx(silhouette_samples(before, labels).mean())
    assert silhouette(after, labels) > silhouette(before, labels) + 0.2


def test_a_plane_has_a_point_a_clip_and_keeps_groups_apart():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 6)
    features = rng.normal(size=(12, 8)) + 20 * labels[:, None]
    points = tsne(features)
    assert points.shape == (12, 2) and silhouette(points, labels) > 0.5
    np.testing.assert_array_equal(points, tsne(features))
    for refused, match in ((lambda: tsne(features[:4]), 't-SNE of 4 clips'),
                           (lambda: silhouette(features, np.zeros(12)), '12 clips of 1 classes'),
                           (lambda: silhouette(features, np.arange(12)), '12 clips of 12 classes')):
        with pytest.raises(ValueError, match=match):
            refused()


def test_umap_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, 'umap', None)
    with pytest.raises(ImportError, match='pip install umap-learn'):
        umap(np.zeros((9, 3)))


def test_features_that_are_no_numbers_are_refused():
    features = np.zeros((3, 2))
    check_features(features, ['a', 'b', 'c'])
    features[1, 1] = np.nan
    with pytest.raises(ValueError, match='the features of 1 of 3 clips are no numbers .*, such as b: '):
        check_features(features, ['a', 'b', 'c'])


def test_weights_of_regions_are_shares_of_the_map_on_their_pixels():
    labels = np.zeros((2, 4, 4), int)
    labels[:, :2, :2], labels[1, 3, 3] = 1, 2
    maps = np.zeros((2, 2, 2))
    maps[:, 0, 0], maps[1, 1, 1] = 3, 2
    weights = region_weights(maps, labels, dict(corner=[1], dot=[2], both=[1, 2], none=[7]))
    # Cells of 4 pixels: 24 + 8 in all, 2 of them on the dot.
    assert weights['corner'] == pytest.approx((24 / 32, 8 / 32))
    assert weights['dot'] == pytest.approx((2 / 32, 1 / 32)) and weights['none'] == (0, 0)
    assert weights['both'] == pytest.approx((26 / 32, 9 / 32))
    even = region_weights(np.ones((2, 2, 2)), labels, dict(corner=[1], dot=[2]))
    assert density([even['corner']]) == density([even['dot']]) == pytest.approx(1)
    assert density([weights['corner'], even['corner']]) == pytest.approx((24 / 32 + 8 / 32) / (16 / 32))
    assert np.isnan(density([weights['none']]))
    with pytest.raises(ValueError, match='of one T'):
        region_weights(maps, labels[:1], {})
    with pytest.raises(ValueError, match='zero everywhere'):
        region_weights(0 * maps, labels, {})
