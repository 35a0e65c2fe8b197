"""Clips are taken, augmented and tested as the masked-autoencoder line does it."""
from __future__ import annotations

import random

import numpy as np
import pytest
from mmengine.dataset import Compose
from PIL import Image
from timm.data.auto_augment import rand_augment_transform

from mmdfer.datasets.transforms import ClipRandAugment, SampleStridedWindow
from mmdfer.run_config import load_config

from ..conftest import ROOT, write_clip


def frames(total: int, start_index: int = 0, **kwargs) -> list[list[int]]:
    results = SampleStridedWindow(**kwargs)(dict(total_frames=total, start_index=start_index))
    assert results['clip_len'] == kwargs.get('num_frames', 16)
    return results['frame_inds'].reshape(results['num_clips'], -1).tolist()


@pytest.mark.parametrize('total, stride', [(66, 4), (90, 4), (17, 1), (40, 1)])
def test_a_long_clip_is_trained_on_by_windows_anywhere_in_it(total, stride):
    starts = set()
    for seed in range(400):
        np.random.seed(seed)
        window, = frames(total, 5, stride=stride)
        start, span = window[0] - 5, 16 * stride
        # 16 points from one end of the window to the other, of which the last is the window's last frame.
        points = [min(int(start + span * k / 15 + 1e-9), start + span - 1) for k in range(16)]
        assert [frame - 5 for frame in window] == points and 0 <= start and points[-1] < total
        starts.add(start)
    assert starts == set(range(total - 16 * stride + 1))


@pytest.mark.parametrize('total, stride, expected', [
    (16, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
    (5, 1, [0, 1, 2, 3] + [4] * 12),
    (21, 4, [0, 5, 10, 15] + [20] * 12),
    (1, 4, [0] * 16),
])
def test_a_short_clip_is_padded_with_its_last_frame(total, stride, expected):
    assert frames(total, stride=stride) == [expected]


def test_test_windows_are_the_first_and_the_last_of_the_strided_frames():
    assert frames(100, stride=4, num_windows=2, test_mode=True) == [list(range(0, 64, 4)), list(range(36, 100, 4))]
    assert frames(20, 3, stride=1, num_windows=2, test_mode=True) == [list(range(3, 19)), list(range(7, 23))]
    short = list(range(0, 30, 4)) + [28] * 8
    assert frames(30, stride=4, num_windows=2, test_mode=True) == [short, short]
    assert frames(1, stride=4, test_mode=True) == [[0] * 16]


def test_what_is_drawn_for_a_frame_is_done_to_all():
    augment, rng = ClipRandAugment(), np.random.default_rng(0)
    one = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
    changed = 0
    for seed in range(12):
        np.random.seed(seed)
        clip = augment(dict(imgs=[one, 255 - one, one]))['imgs']
        np.testing.assert_array_equal(clip[0], clip[2])
        changed += not np.array_equal(clip[0], one)
    assert changed > 6
    # Two clips of one epoch are not alike: the generators go on.
    drawn = [augment(dict(imgs=[one]))['imgs'][0].tobytes() for _ in range(8)]
    assert len(set(drawn)) > 3


def test_randaugment_is_timms():
    augment = ClipRandAugment('rand-m9-n3-mstd0.5', 'bilinear')
    theirs = rand_augment_transform('rand-m9-n3-mstd0.5', dict(interpolation=Image.Resampling.BILINEAR))
    picture = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    for seed in range(10):
        for draw in (random, np.random):
            draw.seed(seed)
        ours = augment(dict(imgs=[picture]))['imgs'][0]
        for draw in (random, np.random):
            draw.seed(seed)
        np.testing.assert_array_equal(ours, np.asarray(theirs(Image.fromarray(picture))))


@pytest.mark.parametrize('piece, size, frames_apart', [('dfew_mae_160', 160, 4), ('ferv39k_mae_224', 224, 1)])
def test_a_sets_pipelines_give_clips_of_the_size(tmp_path, piece, size, frames_apart):
    write_clip(tmp_path / 'clip', 70, size=48)
    cfg = load_pieces(tmp_path, piece)
    for pipeline, views in ((cfg.train_pipeline, 1), (cfg.test_pipeline, 2)):
        sample = dict(clip=str(tmp_path / 'clip'), modality='RGB', label=1, video_id='clip')
        packed = Compose(pipeline)(sample)
        assert packed['inputs'].shape == (views, 3, 16, size, size)
    assert cfg.train_dataloader.dataset.pipeline == cfg.train_pipeline
    assert cfg.val_dataloader.dataset.pipeline == cfg.test_dataloader.dataset.pipeline == cfg.test_pipeline
    assert cfg.test_pipeline[1].stride == frames_apart


def load_pieces(folder, piece):
    config = folder / 'config.py'
    bases = [str(ROOT / 'configs' / '_base_' / name) for name in (f'datasets/{piece}.py', 'default_runtime.py',
                                                                  'models/videomae_vitb.py')]
    config.write_text(f'_base_ = {bases}\n', encoding='utf-8')
    return load_config(config)


@pytest.mark.parametrize('build, said', [
    (lambda: SampleStridedWindow(stride=0), 'SampleStridedWindow: .*stride=0'),
    (lambda: SampleStridedWindow(num_windows=2), 'num_windows=2 is for testing'),
    (lambda: ClipRandAugment('augmix-m3'), "policy='augmix-m3' is no description"),
    (lambda: ClipRandAugment(interpolation='cubic'), "interpolation='cubic'; expected one of .*bicubic"),
])
def test_mistakes_are_named(build, said):
    with pytest.raises(ValueError, match=said):
        build()
