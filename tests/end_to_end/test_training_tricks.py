"""Mixing, balanced epochs, counted losses and test views in real runs."""
import json
import logging
from itertools import count

import pytest
import torch
from mmengine.config import Config

from mmdfer.apis import running
from mmdfer.run_config import load_config
from mmdfer.runs.log import read_scalars

from ..conftest import ROOT, write_dfew
from ..test_engine.test_training_options import readme_options

pytestmark = pytest.mark.usefixtures('unpainted')
COUNTS = [8, 4, 2, 2, 2, 1, 2]
_numbers = count()


@pytest.fixture(scope='module')
def uneven(tmp_path_factory):
    """Fold 1 of a DFEW of uneven classes; its frames are square, its clips of 16 frames."""
    root = write_dfew(tmp_path_factory.mktemp('uneven') / 'DFEW', train=sum(COUNTS), test=7, frames=16, folds=(1, ))
    lines = [f'{number + 1},{label}' for number, label in enumerate(
        label for label, times in enumerate(COUNTS, 1) for _ in range(times))]
    (root / 'EmoLabel_DataSplit' / 'train(single-labeled)' / 'set_1.csv').write_text(
        '\n'.join(['video_name,label', *lines]) + '\n')
    return root


def config(root, work_dir, *parts):
    """The demo's second stage, small, with ``parts`` of a config written over it."""
    cfg = load_config(ROOT / 'configs/demo/temporal_aggregation.py', {
        'model.backbone.init_cfg': None, 'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 2,
        'default_hooks.logger.interval': 1})
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[name].update(batch_size=4, num_workers=0, persistent_workers=False)
        cfg[name].dataset.data_root = str(root)
    for part in parts:
        cfg.merge_from_dict(part)
    cfg.work_dir, cfg.experiment_name = str(work_dir), f'tricks{next(_numbers)}'
    cfg.vis_backends = cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.visualizer.name = cfg.experiment_name
    return cfg


def blending():
    return dict(model=dict(data_preprocessor=dict(
        blending=load_config(ROOT / 'configs/_base_/augment/pe_clip_mix.py').blending.to_dict())))


def losses(work_dir):
    return [record['loss'] for record in read_scalars(work_dir) if 'loss' in record]


@pytest.mark.parametrize('loss', ['ClassWeightedLoss', 'SoftmaxFocalLoss', 'LogitAdjustedLoss'])
def test_counts_come_from_the_training_set(uneven, tmp_path, loss):
    weighting = dict(weighting='effective') if loss == 'SoftmaxFocalLoss' else {}
    cfg = config(uneven, tmp_path, dict(model=dict(cls_head=dict(loss_cls=dict(type=loss, **weighting)))), blending())
    runner = running.build_runner(cfg)
    runner.train()
    assert runner.model.cls_head.loss_cls.class_counts.tolist() == COUNTS
    assert len(losses(tmp_path)) == 6 and all(0 < value < 20 for value in losses(tmp_path))


def test_a_seed_fixes_mixed_and_balanced_runs(uneven, tmp_path):
    def run(name):
        cfg = config(uneven, tmp_path / name, blending(), dict(
            train_dataloader=dict(sampler=dict(type='BalancedSampler'))))
        running.build_runner(cfg).train()
        return losses(tmp_path / name)
    first = run('first')
    assert first == run('second') and len(set(first)) == len(first) == 6


def test_views_that_are_equal_are_run_once(uneven, tmp_path, monkeypatch):
    """2 x 3 views of square frames and 16-frame clips: one forward, and the same metrics as one view's."""
    def figures(name, pipeline, distinct=True):
        cfg = config(uneven, tmp_path / name, dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
        if not distinct:
            cfg.default_hooks.pop('views')
        runner = running.build_runner(cfg)
        torch.manual_seed(0)
        torch.nn.init.normal_(runner.model.cls_head.fc.weight)
        runner.model.backbone.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
        seen, before = [], len(warnings)
        return runner.test(), sum(seen), len(warnings) - before
    warnings = []
    monkeypatch.setattr('mmdfer.engine.distinct_views_hook.print_log',
                        lambda message, level=0, **kwargs: warnings.append(level == logging.WARNING))
    many = [dict(step) for step in load_config(ROOT / 'configs/_base_/augment/dfew_views.py').test_pipeline]
    many[3], many[4] = dict(type='Resize', scale=(-1, 48)), dict(type='ThreeCrop', crop_size=48)
    one = [dict(step) for step in many]
    one[1], one[4] = dict(one[1], num_windows=1), dict(type='CenterCrop', crop_size=48)
    single, forwards, warned = figures('one', one)
    assert (forwards, warned) == (7, 0)
    assert figures('many', many) == (single, 7, 1)
    assert figures('all', many, distinct=False)[1:] == (42, 0)


@pytest.mark.parametrize('lines', [
    ['Layer-wise learning rates', 'No weight decay on norms and biases', 'SWA of the tunable parameters',
     'Gradient accumulation', 'Gradient clipping', 'Early stopping', 'Less memory, more time'],
    ['FMix, a mask that changes over time', 'Label smoothing', 'Epochs balanced by square roots',
     'Class-balanced focal loss']])
def test_the_readmes_lines_train(uneven, tmp_path, lines):
    table = dict(readme_options('schedules'), **readme_options('augment'))
    parts = [Config.fromstring(table[line], '.py')._cfg_dict.to_dict() for line in lines]
    adapters = dict(model=dict(backbone=dict(adapters=[dict(type='FEAdapter', slot='before_attn', width=4)])))
    cfg = config(uneven, tmp_path, adapters, *parts)
    runner = running.build_runner(cfg)
    runner.train()
    assert len(losses(tmp_path)) == 6 and runner.val_evaluator.metrics[0].confusion_matrix.sum() == 7


def test_a_blending_part_stands_beside_a_run(tmp_path):
    """A config of a user's own, as the part's first lines say."""
    (tmp_path / 'mine.py').write_text(
        f"_base_ = ['{ROOT}/configs/fe_adapter_vitb_dfew.py', '{ROOT}/configs/_base_/augment/pe_clip_mix.py']\n"
        'model = dict(data_preprocessor=dict(blending=_base_.blending))\n')
    cfg = Config.fromfile(tmp_path / 'mine.py')
    found = cfg.model.data_preprocessor.blending
    assert found.probs == [0.4, 0.3] and [part.type for part in found.augments] == ['MixupBlending', 'FMixBlending']
    assert json.dumps(found.to_dict())
