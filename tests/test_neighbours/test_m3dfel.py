"""M3DFEL: its released file, its frames, a bag of one clip, and the Kinetics file that it starts from."""
import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.models.video import r3d_18

from mmdfer.backbones import M3DFEL
from mmdfer.backbones.m3dfel import DMIN
from mmdfer.datasets.transforms import SampleJittered
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.weights import CheckpointError

from .released import (
    assert_alone_in_a_batch_and_in_another_order_agree,
    assert_every_tensor_has_its_place,
    attend,
    batch_norm,
    converted,
    linear,
    logits_of,
    random_state,
    sheet,
)


def small(shape):
    """An eighth of the channels."""
    return tuple(size // 8 if size >= 64 else size for size in shape)


def resnet(s, x):
    """torchvision's R3D-18 up to its mean, (N, C, T, H, W) -> (N, D)."""
    def conv(name, x, stride, padding):
        x = F.conv3d(x, s[f'{name}.0.weight'], stride=stride, padding=padding)
        return batch_norm(s, f'{name}.1', x)

    x = conv('features.0', x, (1, 2, 2), (1, 3, 3)).relu()
    for stage in (1, 2, 3, 4):
        for index in (0, 1):
            name, stride = f'features.{stage}.{index}', 2 if stage > 1 and index == 0 else 1
            out = conv(f'{name}.conv2', conv(f'{name}.conv1', x, stride, 1).relu(), 1, 1)
            x = conv(f'{name}.downsample', x, stride, 0) if f'{name}.downsample.0.weight' in s else x
            x = (out + x).relu()
    return x.mean((2, 3, 4))


def lstm(s, x):
    """Two bidirectional layers, step by step."""
    for layer in (0, 1):
        directions = []
        for way in ('', '_reverse'):
            w, u, b, c = (s[f'lstm.{part}_l{layer}{way}'] for part in ('weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'))
            steps, hidden = list(x.unbind(1)), x.new_zeros(len(x), u.shape[1])
            cell, outputs = hidden, []
            for step in reversed(steps) if way else steps:
                i, f, g, o = (step @ w.T + b + hidden @ u.T + c).chunk(4, -1)
                cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
                hidden = o.sigmoid() * cell.tanh()
                outputs.append(hidden)
            directions.append(torch.stack(outputs[::-1] if way else outputs, 1))
        x = torch.cat(directions, -1)
    return x


def dmin(s, x):
    """In the release's own axes, (B, C, N)."""
    z = x.transpose(1, 2)
    mean, var = z.mean(-1, keepdim=True), ((z - z.mean(-1, keepdim=True))**2).sum(-1, keepdim=True) / (z.shape[-1] - 1)
    of_layer = mean.mean(1, keepdim=True)
    var_of_layer = (var + mean**2).mean(1, keepdim=True) - of_layer**2
    a, b = (s[f'norm.{name}_weight'].exp() / s[f'norm.{name}_weight'].exp().sum() for name in ('mean', 'var'))
    z = (z - a[0] * mean - a[1] * of_layer) / (b[0] * var + b[1] * var_of_layer + 1e-5)**0.5
    return (z * s['norm.weight'] + s['norm.bias']).transpose(1, 2)


def release_logits(s, clips):
    batch = len(clips)
    instances = torch.cat([clip[:, start:start + 4][None] for clip in clips for start in (0, 4, 8, 12)])
    y = lstm(s, resnet(s, instances).reshape(batch, 4, -1))
    z = dmin(s, attend(*F.linear(y, s['to_qkv.weight']).chunk(3, -1), 8))
    x = y * z.sigmoid()
    f = F.conv1d(x, s['pwconv.weight'], s['pwconv.bias'], padding=1)[:, 0]
    return linear(s, 'fc', f)


@torch.no_grad()
def test_the_converted_file_gives_the_releases_logits_and_one_clip_is_a_batch_too(tmp_path):
    state = random_state({key: small(shape) for key, shape in sheet('m3dfel').items()})
    state['norm.mean_weight'], state['norm.var_weight'] = torch.tensor([0.3, -0.9]), torch.tensor([-0.4, 0.7])
    model, report = converted('m3dfel', dict(epoch=2, best_wa=0.6, state_dict=state), tmp_path)
    assert 'mmdfer test configs/neighbours/m3dfel_dfew.py' in report
    clips = torch.rand(3, 3, 16, 24, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = release_logits({key: value.double() for key, value in state.items()}, clips)
    assert expected.std() > 0.1
    torch.testing.assert_close(logits_of(model, clips), expected, rtol=1e-9, atol=1e-9)
    assert_alone_in_a_batch_and_in_another_order_agree(model, clips)


def test_every_tensor_of_the_release_has_its_place():
    assert_every_tensor_has_its_place('m3dfel')


def test_a_set_whose_order_the_release_does_not_tell_is_asked_for(tmp_path):
    state = random_state({key: small(shape) for key, shape in sheet('m3dfel').items()})
    with pytest.raises(ValueError, match='in which order m3dfel lists its classes is not known; .*--class-order'):
        converted('m3dfel', state, tmp_path, dataset='ferv39k')
    with pytest.raises(CheckpointError, match=r'pwconv.bias .*missing|backbone.conv.bias is missing'):
        converted('m3dfel', {key: value for key, value in state.items() if key != 'pwconv.bias'}, tmp_path)


@torch.no_grad()
def test_torchvisions_kinetics_file_fills_the_3d_network(tmp_path):
    """An eighth of it, under the names that torchvision's model has."""
    names = {key: re.sub(r'features\.([1-4])', r'layer\1', key).replace('features.0', 'stem')
             for key in sheet('m3dfel') if key.startswith('features')}
    with torch.device('meta'):
        assert {*names.values(), 'fc.weight', 'fc.bias'} == set(r3d_18().state_dict())
    s = random_state({key: small(sheet('m3dfel')[key]) for key in names})
    theirs = {names[key]: value for key, value in s.items()}
    path = tmp_path / 'r3d_18.pth'
    torch.save(dict(theirs, **{'fc.weight': torch.zeros(400, 64), 'fc.bias': torch.zeros(400)}), path)
    cfg = load_config('neighbours/m3dfel_dfew').model.backbone
    cfg.update(resnet=dict(cfg.resnet, base_channels=8), resnet_channels=64, hidden=8,
               init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    model, clip = MODELS.build(cfg).eval(), torch.rand(1, 3, 4, 24, 24)
    model.init_weights()
    torch.testing.assert_close(model.resnet(clip).mean((2, 3, 4)), resnet(s, clip), rtol=1e-5, atol=1e-5)
    for content, message in (
            ({key: value for key, value in theirs.items() if 'layer4' not in key},
             'layer4.*is missing.*another depth'),
            ({key: value[:4] if value.ndim else value for key, value in theirs.items()}, 'expected.*another width'),
            ({'conv1.weight': torch.zeros(1)}, 'no 3D ResNet of torchvision')):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=message):
            model.init_weights()


SMALL = dict(type='ResNet3d', depth=18, pretrained=None, base_channels=8, inflate_style='3x3x3')


@pytest.mark.parametrize('make, message', [
    (lambda: M3DFEL(SMALL, num_frames=14), '14 frames make no two or more whole instances of 4'),
    (lambda: M3DFEL(SMALL, num_frames=4), '4 frames make no two or more whole instances of 4'),
    (lambda: M3DFEL(SMALL, hidden=6), 'num_heads=8 does not divide 12'),
    (lambda: M3DFEL(SMALL, resnet_channels=64, hidden=8)(torch.zeros(1, 3, 8, 16, 16)),
     'expects clips (B, 3, 16, H, W), got (1, 3, 8, 16, 16)'),
    (lambda: DMIN(4)(torch.zeros(2, 1, 4)), 'a bag of 1 instance has no variance'),
])
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_frames_are_moved_in_training_alone_but_for_the_releases_option():
    test = SampleJittered(test_mode=True)
    assert test.frames(24).tolist() == [int(24 * i / 16) for i in range(16)]
    assert test.frames(3).tolist() == [int(3 * i / 16) for i in range(16)] and test.frames(1).max() == 0
    np.random.seed(0)
    moved = np.stack([SampleJittered().frames(200) - test.frames(200) for _ in range(50)])
    assert moved.min() == 0 and moved.max() == 11 + 4 and 6 < moved[:, :-1].mean() < 9
    with pytest.warns(UserWarning, match='no two tests give the same figures'):
        release = SampleJittered(test_mode=True, release=True)
    assert (release.frames(200) != test.frames(200)).any()
