"""Sharded training on two CPU processes: the numbers of DDP, whole checkpoints, exact resuming."""
import json

import pytest
import torch
from mmaction.registry import MODELS

from mmdfer import run_config as config
from mmdfer.runs.log import read_scalars
from mmdfer.weights import load_weights, read_checkpoint

from ..commands import together
from ..conftest import ROOT

pytestmark = pytest.mark.usefixtures('unpainted')
CONFIG = 'configs/demo/fe_adapter.py'
OPTIONS = ['model.backbone.init_cfg=None', 'train_cfg.max_epochs=2', 'train_cfg.val_interval=1',
           'default_hooks.logger.interval=1', 'train_dataloader.batch_size=4', 'train_dataloader.num_workers=0',
           'train_dataloader.persistent_workers=False', 'val_dataloader.num_workers=0',
           'val_dataloader.persistent_workers=False']


def train(dfew, work_dir, *more):
    together(2, 'train', CONFIG, '--no-report', '--data-root', dfew, '--work-dir', work_dir, *more, '--cfg-options',
             *OPTIONS)
    return json.loads((work_dir / 'result.json').read_text())


def scalars(work_dir):
    return {record['step']: (record['loss'], record['grad_norm']) for record in read_scalars(work_dir)
            if 'loss' in record}


def close(ours, theirs):
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, atol=1e-5, rtol=1e-4, msg=lambda text: f'{name}: {text}')


@pytest.mark.slow
def test_sharded_training_is_ddps(dfew, tmp_path):
    plain, sharded = train(dfew, tmp_path / 'ddp'), train(dfew, tmp_path / 'fsdp', '--fsdp')
    for key in ('tunable', 'total', 'uar', 'war'):
        assert sharded[key] == plain[key], key
    ours, theirs = scalars(tmp_path / 'fsdp'), scalars(tmp_path / 'ddp')
    assert set(ours) == set(theirs) == {1, 2, 3, 4}
    for step, values in theirs.items():                 # the norm that clipping goes by is the whole gradient's
        assert ours[step] == pytest.approx(values, rel=1e-4), step
    ours, theirs = (read_checkpoint(tmp_path / name / 'epoch_2.pth')['state_dict'] for name in ('fsdp', 'ddp'))
    close(ours, theirs)
    ours, theirs = (read_checkpoint(tmp_path / name / 'last.safetensors') for name in ('fsdp', 'ddp'))
    close(ours['state_dict'], theirs['state_dict'])
    assert ours['meta']['frozen_digest'] == theirs['meta']['frozen_digest']
    model = MODELS.build(config.load_config(ROOT / CONFIG, {'model.backbone.init_cfg': None}).model)
    load_weights(model, tmp_path / 'fsdp' / 'best.pth')

    train(dfew, tmp_path / 'resumed', '--fsdp', '--resume', tmp_path / 'fsdp' / 'epoch_1.pth')
    close(read_checkpoint(tmp_path / 'resumed' / 'epoch_2.pth')['state_dict'],
          read_checkpoint(tmp_path / 'fsdp' / 'epoch_2.pth')['state_dict'])
    assert scalars(tmp_path / 'resumed') == {step: values for step, values in scalars(tmp_path / 'fsdp').items()
                                             if step > 2}


def test_mistakes_are_named():
    cfg = config.load_config(ROOT / CONFIG)
    with pytest.raises(ValueError, match='mmdfer train CONFIG --gpus N'):
        config.use_fsdp(cfg)
    cfg.launcher, cfg.default_hooks.ema = 'pytorch', dict(type='TunableEMAHook')
    with pytest.raises(ValueError, match='TunableEMAHook averages whole weights'):
        config.use_fsdp(cfg)
