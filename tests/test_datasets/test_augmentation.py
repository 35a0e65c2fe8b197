"""Augmentation draws once a clip: the same over its frames, another for another clip."""
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, TRANSFORMS
from mmengine.dataset import Compose

from mmdfer.datasets.seeding import seeded
from mmdfer.engine.distinct_views_hook import distinct_views
from mmdfer.run_config import load_config

from ..conftest import ROOT, write_dfew

TRANSFORM_LINES = {
    'randaugment': dict(type='TorchVisionWrapper', op='RandAugment', num_ops=2, magnitude=9),
    'rotation': dict(type='TorchVisionWrapper', op='RandomRotation', degrees=20),
    'tv_jitter': dict(type='TorchVisionWrapper', op='ColorJitter', brightness=.4, contrast=.4, saturation=.4, hue=.1),
    'jitter': dict(type='ColorJitter', brightness=0.3, contrast=0.3, saturation=0.2, hue=0.05),
    'erasing': dict(type='RandomErasing', erase_prob=1., mode='const'),
    'crop': dict(type='RandomResizedCrop', area_range=(0.5, 0.9)),
    'flip': dict(type='Flip', flip_ratio=0.5),
}


def clip(seed, frames=6, size=32):
    """The same smooth frame again and again."""
    rng = np.random.default_rng(seed)
    frame = np.kron(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8), np.ones((size // 4, size // 4, 1), np.uint8))
    return dict(imgs=[frame.copy() for _ in range(frames)], img_shape=(size, size), modality='RGB')


def augmented(line, seed, picture=0):
    with seeded(seed):
        return TRANSFORMS.build(line)(clip(picture))['imgs']


@pytest.mark.parametrize('name', TRANSFORM_LINES)
def test_drawn_once_a_clip_and_anew_for_the_next(name):
    results = []
    for seed in range(12):
        frames = augmented(TRANSFORM_LINES[name], seed)
        assert all(np.array_equal(frame, frames[0]) for frame in frames), 'one draw for all frames'
        results.append(frames[0].tobytes())
    assert len(set(results)) >= (2 if name == 'flip' else 6)
    again = augmented(TRANSFORM_LINES[name], 3)
    assert again[0].tobytes() == results[3], 'a seed fixes the draw'


@pytest.mark.parametrize('config', ['_base_/datasets/dfew.py', '_base_/augment/dfew_randaugment.py',
                                    '_base_/augment/dfew_views.py'])
def test_the_configs_training_clips(config, still, monkeypatch):
    """A clip of one picture stays one picture; epochs and clips differ."""
    line = load_config(ROOT / 'configs' / config).train_dataloader.dataset
    dataset = DATASETS.build(dict(line, data_root=str(still)))

    def item(index, epoch):
        dataset.set_epoch(0, epoch)
        inputs = dataset[index]['inputs']
        assert inputs.shape == (1, 3, 16, 224, 224)
        assert (inputs == inputs[:, :, :1]).all(), 'one draw for all frames'
        return inputs[0, :, 0]
    seen = [item(0, epoch) for epoch in range(5)]
    assert len({tensor.numpy().tobytes() for tensor in seen}) == 5
    assert torch.equal(item(0, 2), seen[2])


@pytest.fixture(scope='module')
def still(tmp_path_factory):
    """A DFEW copy whose clips each show one picture all the time."""
    root = write_dfew(tmp_path_factory.mktemp('still') / 'DFEW', train=7, test=7, frames=1, folds=(1, ))
    for folder in (root / 'Clip' / 'clip_224x224').iterdir():
        for number in range(2, 21):
            shutil.copy(folder / '00001.jpg', folder / f'{number:05d}.jpg')
    return root


@pytest.mark.parametrize('frames, size, distinct', [(80, (40, 40), 2), (80, (40, 56), 6), (16, (40, 40), 1),
                                                    (16, (40, 56), 3)])
def test_two_windows_by_three_crops(tmp_path, frames, size, distinct):
    """Six views, of which square frames and clips no longer than a window make copies."""
    line = load_config(ROOT / 'configs/_base_/augment/dfew_views.py')
    folder = tmp_path / 'clip'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(frames):
        cv2.imwrite(str(folder / f'{index:03d}.png'), rng.integers(0, 255, (*size, 3), dtype=np.uint8))
    item = Compose([TRANSFORMS.build(step) for step in line.test_pipeline])(dict(
        clip=str(folder), label=0, video_id='1', modality='RGB'))
    inputs = item['inputs'][None]
    assert inputs.shape == (1, 6, 3, 16, 224, 224)
    views = {tuple(view.flatten()[::97].tolist()) for view in inputs[0]}
    assert len(views) == distinct
    assert len(distinct_views(inputs) or range(6)) == distinct
