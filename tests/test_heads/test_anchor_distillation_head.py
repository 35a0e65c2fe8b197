"""S2D's emotion anchors: queues of real clips, targets by the paper's sum, the weights' epochs, and resumed runs."""
import copy

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.logging import MessageHub
from torch.nn import functional as F

from mmdfer.heads import AnchorDistillationHead
from mmdfer.run_config import load_config
from mmdfer.runs.loading import load_into
from mmdfer.weights import fit_classes

from ..conftest import ROOT, write_dfew

CLASSES, WIDTH, FRAMES, QUEUE = 3, 6, 4, 4


def head(**settings):
    return AnchorDistillationHead(**dict(dict(num_classes=CLASSES, in_channels=WIDTH, anchors=QUEUE, fill_from=2,
                                              fill_every=2, schedule=[(3, 0.5), (6, 1.)]), **settings))


@pytest.fixture
def epoch():
    """Sets the run's epoch."""
    hub = MessageHub.get_current_instance()
    yield lambda number: hub.update_info('epoch', number)
    hub.runtime_info.pop('epoch', None)


def batch(labels, seed=0):
    features = torch.randn(len(labels), FRAMES, WIDTH, generator=torch.Generator().manual_seed(seed))
    samples = [ActionDataSample().set_gt_label(label) for label in labels]
    return features, samples


def expected_target(feature, queues):
    """y by loops over anchors (feature, probabilities) of each class."""
    top, bottom = torch.zeros(CLASSES), 0.
    for anchors in queues:
        cosines = sorted(((float(F.cosine_similarity(feature, anchor, dim=0)), p) for anchor, p in anchors),
                         key=lambda one: -one[0])[:2]
        for cosine, p in cosines:
            top, bottom = top + max(cosine, 1e-6) * p, bottom + max(cosine, 1e-6)
    return top / bottom


def test_queues_are_first_in_first_out_and_targets_the_papers_sum(epoch):
    torch.manual_seed(0)
    one = head(num_classes=CLASSES).eval()
    epoch(2)
    queues = [[] for _ in range(CLASSES)]
    for step, labels in enumerate([[0, 1, 2, 0], [0, 0, 1], [2, 0, 1, 2, 0]]):
        features, samples = batch(labels, step)
        losses = one.loss(features, samples)
        assert 'loss_anchors' not in losses                                     # w is 0 before epoch 3
        for feature, label in zip(features.mean(dim=1), labels):
            queues[label] = [*queues[label], (feature, one.fc(feature).softmax(-1).detach())][-QUEUE:]
    assert one.anchor_counts.tolist() == [6, 3, 3]
    epoch(3)
    features, samples = batch([1, 2], 9)
    losses = one.loss(features, samples)
    expected = torch.stack([expected_target(feature, queues) for feature in features.mean(dim=1)])
    torch.testing.assert_close(one.soft_targets(features.mean(dim=1)), expected)
    logits = one(features)
    bce = -(expected * logits.sigmoid().log() + (1 - expected) * (1 - logits.sigmoid()).log()).mean()
    torch.testing.assert_close(losses['loss_anchors'], 0.5 * bce)
    torch.testing.assert_close(losses['loss_cls'], F.cross_entropy(logits, torch.tensor([1, 2])))
    assert one.anchor_counts.tolist() == [6, 3, 3]                              # epoch 3 fills nothing
    epoch(6)
    torch.testing.assert_close(one.loss(features, samples)['loss_anchors'], bce)


def test_nothing_is_learned_from_anchors_that_are_not_there_and_mixtures_become_none(epoch, caplog):
    one = head()
    epoch(4)
    losses = one.loss(*batch([0, 0, 1, 1, 2], 1))
    assert 'loss_anchors' not in losses and one.anchor_counts.tolist() == [2, 2, 1]
    features, samples = batch([0, 1], 2)
    mixed = [ActionDataSample().set_gt_label(torch.tensor([0.2, 0.8, 0.])) for _ in samples]
    assert 'loss_anchors' not in one.loss(features, mixed) and one.anchor_counts.sum() == 5
    one.loss(*batch([2], 3))
    assert 'loss_anchors' in one.loss(features, mixed)
    assert [one.weight(number) for number in (0, 2, 3, 5, 6, 99)] == [0, 0, 0.5, 0.5, 1, 1]
    assert [number for number in range(8) if one.fills(number)] == [2, 4, 6]


def test_the_releases_noise_is_used_with_a_warning_alone(epoch):
    with pytest.warns(UserWarning, match='release=True starts the anchors as random numbers'):
        one = head(release=True, fill_every=100)
    assert one.anchors.min() >= 0 and one.anchor_scores.std() > 0.2
    epoch(50)
    assert 'loss_anchors' in one.loss(*batch([0, 1]))
    assert not one.anchor_counts.any()


@pytest.mark.parametrize('settings, message', [
    (dict(anchors=1), 'anchors=1, neighbours=2'), (dict(fill_every=0), 'fill_every=0'),
    (dict(schedule=[(5, 1.), (3, 0.5)]), 'not in the order of its epochs')])
def test_what_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        head(**settings)


def test_of_classes_in_another_order_probabilities_go_along_twice():
    one = head()
    one.anchor_scores.copy_(torch.arange(CLASSES * QUEUE * CLASSES).view(CLASSES, QUEUE, CLASSES))
    moved = fit_classes(one.state_dict(), ('a', 'b', 'c'), ('c', 'a', 'b'), one, 'file.pth')
    order = [2, 0, 1]
    assert moved['anchor_scores'].equal(one.anchor_scores[order][:, :, order])
    assert moved['fc.weight'].equal(one.fc.weight[order])


SMALL = {
    **{f'{place}.1.num_frames': FRAMES for place in (
        'train_dataloader.dataset.pipeline', 'val_dataloader.dataset.pipeline', 'test_dataloader.dataset.pipeline',
        'test_pipeline')},
    **{f'{place}.3.scale': (32, 32) for place in (
        'train_dataloader.dataset.pipeline', 'val_dataloader.dataset.pipeline', 'test_dataloader.dataset.pipeline',
        'test_pipeline')},
    'train_dataloader.dataset.pipeline.6.scale': (32, 32),
    'model.backbone.arch': dict(_delete_=True, embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64),
    'model.backbone.img_size': 32, 'model.backbone.patch_size': 8, 'model.backbone.temporal_embedding': FRAMES,
    'model.backbone.landmarks.checkpoint': 'random', 'model.backbone.init_cfg': None,
    'model.cls_head.in_channels': 32, 'model.cls_head.schedule': [(1, 0.5)], 'model.cls_head.fill_from': 0,
    'model.cls_head.fill_every': 2, 'default_hooks.logger.interval': 1, 'auto_scale_lr.enable': False}


def test_a_run_of_s2d_fills_goes_on_and_leaves_a_file_that_is_tested(tmp_path):
    """Epoch 1 fills from whole clips, epoch 2 mixes and distils; a resumed run has the anchors, a test needs none."""
    from mmdfer.apis import running
    root = write_dfew(tmp_path / 'DFEW', train=14, test=7, frames=5, folds=(1, ))

    def run(epochs, **more):
        options = copy.deepcopy(SMALL) | {'train_cfg.max_epochs': epochs, 'param_scheduler': []} | more
        cfg = load_config(ROOT / 'configs/neighbours/s2d_dfew.py', options)
        for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            cfg[name].update(batch_size=7, num_workers=0, persistent_workers=False)
            cfg[name].dataset.data_root = str(root)
        cfg.work_dir, cfg.experiment_name = str(tmp_path / 'run'), f'anchors{epochs}'
        cfg.vis_backends = cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
        cfg.visualizer.name = cfg.experiment_name
        runner = running.build_runner(cfg)
        labels = []
        loss = runner.model.cls_head.loss

        def watched(feats, samples, **kwargs):
            losses = loss(feats, samples, **kwargs)
            labels.append((runner.epoch, samples[0].gt_label.numel(), 'loss_anchors' in losses))
            return losses

        runner.model.cls_head.loss = watched
        runner.train()
        return runner, labels

    first, labels = run(2)
    assert labels == [(0, 1, False)] * 2 + [(1, 7, True)] * 2
    assert first.model.cls_head.anchor_counts.tolist() == [2] * 7
    second, labels = run(3, resume=True)
    assert labels == [(2, 1, True)] * 2 and second.model.cls_head.anchor_counts.tolist() == [4] * 7
    assert second.model.cls_head.anchors[:, :2].equal(first.model.cls_head.anchors[:, :2])
    third = copy.deepcopy(first.model)
    third.cls_head.anchor_counts.zero_()
    load_into(third, str(tmp_path / 'run' / 'last.safetensors'))           # on the same frozen weights
    assert third.cls_head.fc.weight.equal(second.model.cls_head.fc.weight) and not third.cls_head.anchor_counts.any()
