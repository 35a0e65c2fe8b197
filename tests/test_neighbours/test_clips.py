"""Clips go through the whole pipelines of the convolutional systems and EmoCLIP's, the same ones at each test."""
import numpy as np
import pytest
import torch

from mmdfer.registry import DATASETS
from mmdfer.run_config import load_config, set_data


@pytest.mark.parametrize('name, frames, size', [
    ('former_dfer', 16, 112), ('m3dfel', 16, 112), ('ial', 16, 112), ('emoclip', 32, 224)])
def test_a_clip_is_whole_in_training_and_the_same_at_each_test(dfew, name, frames, size):
    cfg = load_config(f'neighbours/{name}_dfew')
    set_data(cfg, str(dfew), 1)
    train, test = (DATASETS.build(cfg[f'{split}_dataloader'].dataset) for split in ('train', 'test'))
    np.random.seed(0)
    drawn = [train[0]['inputs'] for _ in range(6)]                      # flipped and not
    assert {tuple(clip.shape) for clip in drawn} == {(1, 3, frames, size, size)}
    assert not any(torch.equal(drawn[0], clip) for clip in drawn[1:])
    assert torch.equal(test[0]['inputs'], test[0]['inputs']) and test[0]['inputs'].dtype == torch.uint8
    assert test[0]['inputs'].shape == drawn[0].shape and test[0]['inputs'].float().std() > 1
