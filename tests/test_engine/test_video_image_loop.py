"""Epochs of clips and images in turn: all of the former, a share of the latter, in an order of seed and epoch."""
from __future__ import annotations

from itertools import count

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmdfer.registry import MODELS, TRANSFORMS
from mmdfer.run_config import load_config

from .toy import ToyData, ToyModel

NUMBERS = count()


class Images(ToyData):
    """Twelve rows, told by their first number; it notes the epochs that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.x = torch.cat([1000. + torch.arange(12)[:, None], torch.zeros(12, 2)], dim=1)
        self.y, self.epochs = torch.zeros(12, 1), []

    def set_epoch(self, seed: int, epoch: int) -> None:
        self.epochs.append((seed, epoch))


class Noting(ToyModel):
    """What the batches were of, and which rows of the images they held."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[str] = []
        self.rows: list[int] = []

    def train_step(self, data, optim_wrapper):
        images = data['x'][:, 0] >= 1000
        self.turns.append('image' if images.all() else 'clip')
        self.rows += [int(value) - 1000 for value in data['x'][images, 0]]
        return super().train_step(data, optim_wrapper) if not images.all() else dict(loss=torch.zeros(()))


def train(work_dir, share=0.5, epochs=2, seed=3):
    """Four batches of clips an epoch, three of images."""
    loader = dict(num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
                  collate_fn=dict(type='default_collate'))
    runner = Runner(
        Noting(), str(work_dir), train_dataloader=dict(loader, batch_size=2, dataset=ToyData()),
        train_cfg=dict(type='VideoImageTrainLoop', max_epochs=epochs, image_share=share, image_dataloader=dict(
            loader, batch_size=4, dataset=Images())),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.01)),
        param_scheduler=[dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True, T_max=epochs)],
        custom_hooks=[dict(type='EpochSeedHook')], experiment_name=f'two{next(NUMBERS)}', log_level='WARNING',
        randomness=dict(seed=seed))
    runner.train()
    return runner


def test_an_epoch_has_all_clips_and_the_share_of_the_images_in_turn(tmp_path):
    runner = train(tmp_path)
    first, second = runner.model.turns[:6], runner.model.turns[6:]
    assert sorted(first) == sorted(second) == 4 * ['clip'] + 2 * ['image']          # round(0.5 · 3) = 2
    assert runner.train_loop.max_iters == runner.iter == 12 and len(runner.train_dataloader) == 6
    assert len(set(runner.model.rows[:8])) == 8
    assert runner.train_dataloader.images.dataset.epochs == [(3, 0), (3, 1)]
    assert runner.optim_wrapper.get_lr()['lr'][0] < 1e-3                            # the cosine ends with the last step
    assert runner.train_dataloader.dataset.metainfo == ToyData.metainfo


def test_seed_and_epoch_alone_decide_the_order(tmp_path):
    one, same, other = (train(tmp_path / str(index), seed=seed, epochs=3).model for index, seed in enumerate((3, 3, 4)))
    assert one.turns == same.turns and one.rows == same.rows
    assert (one.turns, one.rows) != (other.turns, other.rows)
    assert one.turns[:6] != one.turns[6:12] or one.turns[:6] != one.turns[12:]


def test_a_share_over_one_begins_the_images_again(tmp_path):
    rows = train(tmp_path, share=2., epochs=1).model.rows
    assert len(rows) == 24 and sorted(rows) == sorted(2 * list(range(12)))


@pytest.mark.parametrize('share', [0., -1., 0.1])
def test_a_share_that_leaves_no_batch_is_refused(tmp_path, share):
    with pytest.raises(ValueError, match=f'image_share={share} of 3 batches of images leaves'):
        train(tmp_path, share=share)


def test_a_picture_becomes_a_clip_of_one_frame_that_the_joint_config_packs():
    init_default_scope('mmaction')
    steps = load_config('neighbours/s4d_joint_mafw').train_cfg.image_dataloader.dataset.pipeline[2:]
    picture = np.zeros((50, 40, 3), np.uint8)
    picture[..., 0] = 200                                                           # blue, in BGR
    clip = TRANSFORMS.build(steps[0]).transform(dict(img=picture.copy(), gt_label=4))
    assert clip['label'] == 4 and (clip['imgs'][0][..., 2] == 200).all() and 'img' not in clip
    for step in steps[1:]:
        clip = TRANSFORMS.build(step).transform(clip)
    assert clip['inputs'].shape == (1, 3, 1, 160, 160) and clip['data_samples'].gt_label.item() == 4


def test_mixed_labels_of_images_are_those_of_their_own_classes():
    """Of a run of 11 classes the preprocessor mixes 11; images have 7."""
    init_default_scope('mmaction')
    cfg = load_config('neighbours/s4d_mafw').model
    cfg.backbone.update(arch=dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=24), img_size=16,
                        patch_size=8, num_frames=4)
    cfg.backbone.adapters.experts = None
    cfg.cls_head.in_channels = cfg.image_head.in_channels = 24
    model = MODELS.build(cfg)
    images = [torch.randint(0, 255, (1, 3, 1, 16, 16), dtype=torch.uint8) for _ in range(4)]
    samples = [ActionDataSample().set_gt_label(label) for label in range(3, 7)]
    data = model.data_preprocessor(dict(inputs=images, data_samples=samples), training=True)
    assert data['data_samples'][0].gt_label.shape == (11, )
    model(**data, mode='loss')['loss_cls'].backward()
    assert model.image_head.fc.weight.grad.abs().sum() > 0 and data['data_samples'][0].gt_label.shape == (7, )
