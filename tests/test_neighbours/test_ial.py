"""IAL: its released file, its loss, its auxiliary classifiers, short clips."""
import re

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn import functional as F

from mmdfer.backbones import IALNet
from mmdfer.datasets.transforms import SampleSegments
from mmdfer.heads import IALHead
from mmdfer.losses import IntensityAwareLoss
from mmdfer.weights import CheckpointError
from mmdfer.weights.neighbours.ial import convert

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
from .test_former_dfer import block

SMALL = dict(image_size=64, num_frames=16, channels=(16, 32, 64), head_channels=8, spatial_feedforward=64,
             temporal_feedforward=128)


def small(key, shape):
    """A quarter of the channels and frames of 64x64."""
    if key.endswith('pos_embedding_pos'):
        return 1, 4, 64
    if '.gc.' in key:
        return shape[0] // 4, 1, *{28: (16, 16), 14: (8, 8), 7: (4, 4)}[shape[-1]]
    if '.fc1.' in key or '.fc2.' in key:
        return shape[0] // 4, shape[1] // 4, 1, 1
    return tuple(256 if size == 4096 else size // 4 if size >= 64 else size for size in shape)


def release_logits(s, clips, auxiliary=None):
    batch, _, frames = clips.shape[:3]
    s = {key.removeprefix('s_former.'): value for key, value in s.items()}
    x = F.conv2d(clips.transpose(1, 2).flatten(0, 1), s['conv1.0.weight'], stride=2, padding=1)
    x = batch_norm(s, 'bn1', F.conv2d(batch_norm(s, 'conv1.1', x).relu(), s['conv1.3.weight'], padding=1)).relu()
    x = block(s, 'layer1.0', F.max_pool2d(x, 3, 2, 1), 1)
    for name in ('layer2.0', 'layer3.0'):
        out = F.conv2d(x, s[f'{name}.conv1.weight'], stride=2, padding=1)
        out = F.conv2d(batch_norm(s, f'{name}.bn1', out).relu(), s[f'{name}.conv2.weight'], padding=1)
        out = batch_norm(s, f'{name}.bn2', out)
        seen = (out * s[f'{name}.gc.0.weight'][:, 0]).sum((2, 3))                      # (B·T, C)
        if auxiliary is not None:
            mean = seen.reshape(batch, frames, -1).mean(1)
            auxiliary.append(linear(s, f'{name}.AUX_fc.1', linear(s, f'{name}.AUX_fc.0', mean)))
        down, up = (s[f'{name}.fc{index}.0.weight'][:, :, 0, 0] for index in (1, 2))
        w = F.linear(F.linear(seen, down).relu(), up)
        w = (2 * w.sigmoid()).reshape(batch, frames, -1)
        w = (w * w.mean(1, keepdim=True) + 1e-5).sqrt().flatten(0, 1)[..., None, None]
        skip = batch_norm(s, f'{name}.downsample.1', F.conv2d(x, s[f'{name}.downsample.0.weight'], stride=2))
        x = (out * w + skip).relu()
    maps = x.reshape(batch, frames, *x.shape[1:])
    static = F.conv2d(maps[:, :-1].flatten(0, 1), s['patch_embedding.0.weight'], stride=2, padding=1)
    static = batch_norm(s, 'patch_embedding.1', static).relu()
    tokens = static.flatten(2).transpose(1, 2) + s['pos_embedding_pos']
    tokens = pre_norm(s, 'pos_transformer', tokens, 4).transpose(1, 2).reshape(static.shape)
    moving = (maps[:, 1:] - maps[:, :-1]).flatten(0, 1)
    for index in (0, 1, 2):
        moving = block(s, f'layer4.{index}', moving, 2 if index == 0 else 1)
    x = (tokens + moving).reshape(batch, frames - 1, -1) + s['pos_embedding'][:, :frames - 1]
    return linear(s, 'fc_f', pre_norm(s, 'temporal_transformer', x, 4).mean(1))


def test_the_converted_file_gives_the_releases_logits_and_losses(tmp_path):
    state = random_state({key: small(key, shape) for key, shape in sheet('ial').items()})
    model, report = converted('ial', {f'module.{key}': value for key, value in state.items()}, tmp_path)
    assert 'mmdfer test configs/neighbours/ial_dfew.py' in report
    by_class = model.cls_head.class_axes()                      # what another order of the classes permutes
    assert all(model.cls_head.state_dict()[name].shape[axis] == 7 for name, axis in by_class.items())
    assert set(by_class) == {'fc.weight', 'fc.bias', *(f'aux.{index}.1.weight' for index in range(3))}
    generator, auxiliary = torch.Generator().manual_seed(1), []
    clips = torch.rand(3, 3, 16, 64, 64, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        expected = release_logits({key: value.double() for key, value in state.items()}, clips, auxiliary)
        assert expected.std() > 0.1
        torch.testing.assert_close(logits_of(model, clips), expected, rtol=1e-9, atol=1e-9)
        assert_alone_in_a_batch_and_in_another_order_agree(model, clips[:2])
    labels = torch.tensor([2, 0, 6])
    samples = [ActionDataSample().set_gt_label(int(label)) for label in labels]
    losses = model.loss(clips[:, None], samples)
    of_two = []
    for logits, label in zip(expected, labels, strict=True):
        rest = [value for index, value in enumerate(logits) if index != label]
        of_two.append(F.cross_entropy(torch.stack([logits[label], max(rest)])[None], torch.tensor([0])))
    torch.testing.assert_close(losses['loss_cls'], F.cross_entropy(expected, labels))
    torch.testing.assert_close(losses['loss_intensity'], 0.1 * torch.stack(of_two).mean())
    torch.testing.assert_close(losses['loss_aux_1'], 0.05 * F.cross_entropy(auxiliary[0], labels))
    assert 'loss_aux_2' not in losses
    sum(value for key, value in losses.items() if key.startswith('loss')).backward()
    idle = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    unused = r'bias[12]?$|\.glb\.|layer1\.(gc|fc1|fc2)|aux\.[02]\.'
    assert all(re.search(unused, name) for name in idle) and len(idle) == 17


def test_every_tensor_of_the_release_has_its_place():
    assert_every_tensor_has_its_place('ial')


def test_the_loss_of_soft_targets_is_the_mean_of_their_classes_losses():
    logits = torch.tensor([[2., -1., 0.5], [0., 0., 3.]], requires_grad=True)
    soft = torch.tensor([[0.7, 0.3, 0.], [0., 1., 0.]])
    loss = IntensityAwareLoss(loss_weight=2.)
    one, other = (loss(logits[:1], torch.tensor([label])) for label in (0, 1))
    alone = loss(logits[1:], torch.tensor([1]))
    torch.testing.assert_close(loss(logits, soft), (0.7 * one + 0.3 * other + alone) / 2)
    assert torch.autograd.gradcheck(lambda x: loss(x, soft.double()), logits.detach().double().requires_grad_())


def test_short_clips_are_padded_and_a_clip_of_16_frames_gives_them_all():
    """Where the release leaves the first out and takes frame 0 sixteen times of the second."""
    frames = SampleSegments(16, test_mode=True)
    given = {total: frames.transform(dict(total_frames=total, start_index=0))['frame_inds'].tolist()
             for total in (10, 16)}
    assert given == {10: [*range(10), *6 * [9]], 16: list(range(16))}


@pytest.mark.parametrize('make, message', [
    (lambda: IALNet(**SMALL)(torch.zeros(1, 3, 16, 32, 32)), 'of 2 to 16 frames, got (1, 3, 16, 32, 32)'),
    (lambda: IALNet(**SMALL)(torch.zeros(1, 3, 1, 64, 64)), 'of 2 to 16 frames, got (1, 3, 1, 64, 64)'),
    (lambda: IALHead(7, 16, aux_weights=(0.05, )), '1 aux_weights for 2 stages after the first'),
    (lambda: convert({'s_former.pos_embedding_pos': torch.zeros(1), 's_former.other': torch.zeros(1),
                      'clip.proj': torch.zeros(2)}, 'f.pth'), 'clip.proj (2,) is no tensor of ial'),
])
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises((CheckpointError, ValueError), match=re.escape(message)):
        make()
