"""FMix masks are what the paper says, and mixed targets cost what the two labels cost."""
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from torch.nn import functional as F

from mmdfer.blending import FMixBlending, fmix_mask
from mmdfer.run_config import load_config

from ..conftest import ROOT

BLENDINGS = {
    'mixup': dict(type='MixupBlending', num_classes=5, alpha=0.4),
    'cutmix': dict(type='CutmixBlending', num_classes=5, alpha=1.),
    'fmix': dict(type='FMixBlending', num_classes=5),
    'fmix_3d': dict(type='FMixBlending', num_classes=5, axes='thw'),
}


def samples(labels):
    return [ActionDataSample().set_gt_label(label) for label in labels]


def changes(mask, axis):
    """How often neighbours on an axis differ."""
    return mask.int().diff(dim=axis).abs().sum().item()


@pytest.mark.parametrize('shape', [(24, 24), (20, 32), (6, 24, 24)])
def test_masks_vary_along_every_axis(shape):
    for seed in range(20):
        torch.manual_seed(seed)
        mask = fmix_mask(shape, 0.5)
        assert all(changes(mask, axis) > 0 for axis in range(len(shape))), seed


def test_no_axis_is_preferred():
    torch.manual_seed(0)
    masks = [fmix_mask((32, 32), 0.5) for _ in range(300)]
    rows, columns = (sum(changes(mask, axis) for mask in masks) for axis in (0, 1))
    assert 0.9 < rows / columns < 1.1
    cubes = [fmix_mask((32, 32, 32), 0.5) for _ in range(40)]
    counts = [sum(changes(mask, axis) for mask in cubes) for axis in (0, 1, 2)]
    assert max(counts) / min(counts) < 1.2


@pytest.mark.parametrize('shape', [(7, 9), (3, 7, 9)])
@pytest.mark.parametrize('share', [0., 0.013, 0.5, 0.77, 1.])
def test_the_share_of_ones_is_exact(shape, share):
    torch.manual_seed(1)
    assert fmix_mask(shape, share).sum() == round(share * np.prod(shape))


@pytest.mark.parametrize('decay', [1., 3.])
def test_the_spectrum_falls_by_the_decay(decay):
    """The mask is the level set of the same noise filtered by NumPy on the full spectrum, in float64."""
    torch.manual_seed(3)
    mask = fmix_mask((16, 16), 0.4, decay)
    torch.manual_seed(3)
    frequency = np.fft.fftfreq(16)
    filter_ = np.maximum(np.hypot(frequency[:, None], frequency[None]), 1 / 16)**-decay
    field = np.fft.ifft2(np.fft.fft2(torch.randn(16, 16).double().numpy()) * filter_).real
    highest = field >= np.sort(field.ravel())[::-1][round(0.4 * 256) - 1]
    np.testing.assert_array_equal(mask.numpy(), highest)


def test_a_higher_decay_makes_larger_blobs():
    torch.manual_seed(0)
    rough, smooth = (sum(changes(fmix_mask((32, 32), 0.5, decay), 0) for _ in range(20)) for decay in (1., 3.))
    assert smooth < rough / 2


@pytest.mark.parametrize('axes', ['hw', 'thw'])
def test_pixels_come_from_the_two_clips_in_the_labels_shares(axes):
    torch.manual_seed(0)
    batch, classes = 5, 5
    clips = torch.arange(batch).float().view(-1, 1, 1, 1, 1, 1).expand(-1, 1, 3, 4, 12, 12).clone()
    mixed, after = FMixBlending(classes, axes=axes)(clips.clone(), samples(range(batch)))
    for index in range(batch):
        shares = torch.stack([(mixed[index] == other).float().mean() for other in range(batch)])
        torch.testing.assert_close(after[index].gt_label.float(), shares, atol=1e-6, rtol=0)
    own = (mixed == clips)[[not torch.equal(*pair) for pair in zip(mixed, clips)]]      # clips mixed with another
    assert len(own) >= 2 and (own == own[:1, :, :1]).all(), 'one mask for all clips and channels'
    assert bool((own == own[:, :, :, :1]).all()) == (axes == 'hw')


@pytest.mark.parametrize('smooth', [0., 0.1])
@pytest.mark.parametrize('kind', BLENDINGS)
@pytest.mark.parametrize('batch', [1, 4, 5])
def test_mixed_targets_cost_what_the_two_labels_cost(kind, batch, smooth):
    """λ·CE(y1) + (1 - λ)·CE(y2) of the mixed pictures; λ and the pairs are read off a second, coded picture."""
    torch.manual_seed(2)
    head = MODELS.build(dict(type='LinearVideoHead', num_classes=5, in_channels=6, label_smooth_eps=smooth))
    blending, labels = MODELS.build(BLENDINGS[kind]), torch.randint(5, (batch, ))
    code = torch.eye(batch).view(batch, 1, batch, 1, 1, 1).expand(-1, -1, -1, 2, 8, 8).clone()
    code, after = blending(code, samples(labels.tolist()))
    pairs = code.mean(dim=(1, 3, 4, 5))                                  # row i: how much of each clip is in clip i
    features = torch.randn(batch, 3, 6)
    loss = head.loss(features, after)['loss_cls']
    logits = head(features)
    one_label = torch.stack([F.cross_entropy(logits, labels[torch.full((batch, ), j)], reduction='none',
                                             label_smoothing=smooth) for j in range(batch)], dim=1)
    torch.testing.assert_close(loss, (pairs * one_label).sum(dim=1).mean(), atol=1e-6, rtol=1e-6)


def test_pe_clips_batches_are_mixed_four_times_in_ten_by_mixup_and_three_by_fmix():
    cfg = load_config(ROOT / 'configs/_base_/augment/pe_clip_mix.py').blending
    blending = MODELS.build(dict(cfg, augments=[dict(one, num_classes=7) for one in cfg.augments]))
    np.random.seed(0)
    torch.manual_seed(0)
    counts = dict(mixup=0, fmix=0, none=0)
    for _ in range(1000):
        clips = torch.tensor([0., 1., 2., 3.]).view(4, 1, 1, 1, 1, 1).expand(-1, 1, 1, 1, 4, 4).clone()
        mixed, after = blending(clips.clone(), samples(range(4)))
        soft = torch.stack([sample.gt_label for sample in after]).float()
        assert torch.allclose(soft.sum(dim=1), torch.ones(4))
        whole = (mixed == mixed.round()).all() and not torch.equal(mixed, clips)
        counts['none' if torch.equal(mixed, clips) else 'fmix' if whole else 'mixup'] += 1
    # A permutation of four clips is the identity once in 24, and a share of 0 or 1 changes nothing.
    assert 350 < counts['mixup'] < 420 and 230 < counts['fmix'] < 320 and 270 < counts['none'] < 400, counts


def test_a_seed_fixes_the_mixing():
    def run():
        torch.manual_seed(5)
        np.random.seed(5)
        blending = MODELS.build(Config(dict(type='RandomBatchAugment', augments=list(BLENDINGS.values())))._cfg_dict)
        clips = torch.randn(4, 1, 3, 2, 8, 8)
        return [blending(clips.clone(), samples(range(4)))[0] for _ in range(8)]
    first, second = run(), run()
    assert all(torch.equal(a, b) for a, b in zip(first, second))
    assert len({tuple(tensor.flatten().tolist()) for tensor in first}) > 4


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="axes='t' is not known"):
        FMixBlending(5, axes='t')
    with pytest.raises(ValueError, match='alpha=0'):
        FMixBlending(5, alpha=0)
    with pytest.raises(ValueError, match='share from 0 to 1'):
        fmix_mask((4, 4), 1.5)
    with pytest.raises(ValueError, match="use axes='hw'"):
        FMixBlending(5, axes='thw')(torch.zeros(2, 1, 3, 8, 8), samples([0, 1]))
