"""Former-DFER: its released file, its frames, and what it does not know of other clips."""
import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmdfer.backbones import FormerDFER
from mmdfer.datasets.transforms import SampleSnippets
from mmdfer.weights import CheckpointError

from .released import (
    assert_alone_in_a_batch_and_in_another_order_agree,
    assert_every_tensor_has_its_place,
    batch_norm,
    converted,
    linear,
    logits_of,
    pre_norm,
    random_state,
    sheet,
)


def small(key, shape):
    """An eighth of the channels, frames of 32x32 and clips of 6."""
    if key.endswith('s_former.pos_embedding'):
        return 1, 4, 32
    if key.endswith('t_former.pos_embedding'):
        return 1, 7, 64
    return tuple(size // 8 if size >= 64 else size for size in shape)


def block(s, name, x, stride):
    out = F.conv2d(x, s[f'{name}.conv1.weight'], stride=stride, padding=1)
    out = F.conv2d(batch_norm(s, f'{name}.bn1', out).relu(), s[f'{name}.conv2.weight'], padding=1)
    if f'{name}.downsample.0.weight' in s:
        x = batch_norm(s, f'{name}.downsample.1', F.conv2d(x, s[f'{name}.downsample.0.weight'], stride=stride))
    return (batch_norm(s, f'{name}.bn2', out) + x).relu()


def release_logits(s, clips):
    batch, _, frames = clips.shape[:3]
    x = F.conv2d(clips.transpose(1, 2).flatten(0, 1), s['s_former.conv1.weight'], stride=2, padding=3)
    x = F.max_pool2d(batch_norm(s, 's_former.bn1', x).relu(), 3, 2, 1)
    for stage in (1, 2, 3, 4):
        if stage == 4:
            tokens = x.flatten(2).transpose(1, 2) + s['s_former.pos_embedding']
            tokens = pre_norm(s, 's_former.spatial_transformer', tokens, 8)
            x = tokens.transpose(1, 2).reshape(x.shape)
        for index in (0, 1):
            x = block(s, f's_former.layer{stage}.{index}', x, 2 if stage > 1 and index == 0 else 1)
    x = torch.cat([s['t_former.cls_token'].expand(batch, -1, -1), x.mean((2, 3)).unflatten(0, (batch, frames))], 1)
    x = pre_norm(s, 't_former.spatial_transformer', x + s['t_former.pos_embedding'], 8)
    return linear(s, 'fc', x[:, 0])


@torch.no_grad()
def test_the_converted_file_gives_the_releases_logits_and_each_clip_its_own(tmp_path):
    state = random_state({key: small(key, shape) for key, shape in sheet('former_dfer').items()})
    model, report = converted('former_dfer', dict(
        epoch=3, best_acc=torch.tensor(66.), state_dict={f'module.{key}': value for key, value in state.items()}),
        tmp_path)
    assert 'mmdfer test configs/neighbours/former_dfer_dfew.py' in report
    clips = torch.rand(3, 3, 6, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = release_logits({key: value.double() for key, value in state.items()}, clips)
    assert expected.std() > 0.1
    torch.testing.assert_close(logits_of(model, clips), expected, rtol=1e-9, atol=1e-9)
    assert_alone_in_a_batch_and_in_another_order_agree(model, clips)


def test_every_tensor_of_the_release_has_its_place():
    assert_every_tensor_has_its_place('former_dfer')


@pytest.mark.parametrize('change, message', [
    (lambda state: state.pop('s_former.bn1.weight'), r'backbone.resnet.bn1.weight is missing in a former_dfer release'),
    (lambda state: state.update({'t_former.head.weight': torch.zeros(2)}), 't_former.head.weight .* is no tensor of'),
    (lambda state: state.update({'fc.weight': torch.zeros(9, 64), 'fc.bias': torch.zeros(9)}),
     r'has 9 classes, and former_dfer was released on dfew \(7\), ferv39k \(7\)'),
])
def test_another_file_is_refused_by_what_it_has(tmp_path, change, message):
    state = random_state({key: small(key, shape) for key, shape in sheet('former_dfer').items()})
    change(state)
    with pytest.raises((CheckpointError, ValueError), match=message):
        converted('former_dfer', state, tmp_path)


@pytest.mark.parametrize('clip, message', [
    (torch.zeros(1, 3, 4, 48, 48), 'expects clips (B, 3, T, 32, 32), got (1, 3, 4, 48, 48)'),
    (torch.zeros(1, 3, 5, 32, 32), 'with T <= 4, got (1, 5, 64)'),
])
def test_a_clip_of_another_size_or_of_more_frames_is_refused(clip, message):
    model = FormerDFER(image_size=32, num_frames=4, base_channels=8)
    with pytest.raises(ValueError, match=re.escape(message)):
        model(clip)


def test_snippets_are_neighbours_within_the_clip_and_the_same_at_every_test():
    sampler = SampleSnippets(num_segments=8, length=2, test_mode=True)
    assert sampler.frames(25).tolist() == [f for tick in range(8) for f in (int(1.5 + 3 * tick), int(2.5 + 3 * tick))]
    for total in (1, 2, 5, 9, 16, 300):
        frames = sampler.frames(total)
        assert (frames == sampler.frames(total)).all() and frames.max() < total and len(frames) == 16
        assert len(np.unique(frames)) == min(total, 16)
        training = SampleSnippets(8, 2).frames(total).reshape(8, 2)
        assert training.max() < total and (np.diff(training[:, 0]) >= 0).all()
        assert (training[:, 1] == np.minimum(training[:, 0] + 1, total - 1)).all()
    results = sampler.transform(dict(total_frames=25, start_index=100))
    assert results['frame_inds'][0] == 101 and (results['clip_len'], results['num_clips']) == (16, 1)


@pytest.mark.parametrize('segments, length, total, test_mode', [(8, 2, 9, True), (8, 2, 8, False), (16, 1, 16, True)])
def test_the_releases_frames_of_short_clips_are_an_option_that_warns(segments, length, total, test_mode):
    with pytest.warns(UserWarning, match='release=True: short clips are their first frames over and over'):
        sampler = SampleSnippets(segments, length, test_mode, release=True)
    assert set(sampler.frames(total)) == set(range(length))
    clean = SampleSnippets(segments, length, test_mode).frames(total)
    assert len(set(clean)) > length
