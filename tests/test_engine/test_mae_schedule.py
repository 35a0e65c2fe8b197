"""The masked-autoencoder line's optimizer: rates by layer, decay of matrices alone, warm-up and cosine by step."""
from __future__ import annotations

import math

import pytest
import torch
from mmaction.models.backbones import VisionTransformer
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmdfer.engine.layer_depth import depth_by_name, has_layers_by_name
from mmdfer.registry import PARAM_SCHEDULERS

from ..conftest import ROOT

SCHEDULE = Config.fromfile(ROOT / 'configs' / '_base_' / 'schedules' / 'mae_finetune_100e.py')


@pytest.fixture(scope='module')
def model() -> nn.Module:
    whole = nn.Module()
    whole.backbone = VisionTransformer(img_size=16, patch_size=8, embed_dims=16, depth=3, num_heads=2, num_frames=4)
    whole.backbone.cls_token = nn.Parameter(torch.zeros(1, 1, 16))
    whole.cls_head = nn.Linear(16, 7)
    return whole


def test_rates_fall_from_block_to_block_and_matrices_alone_decay(model):
    optimizer = build_optim_wrapper(model, SCHEDULE.optim_wrapper).optimizer
    found = {id(one): (group['lr'], group['weight_decay']) for group in optimizer.param_groups
             for one in group['params']}
    for name, parameter in model.named_parameters():
        place = name.split('.')
        layer = 4
        if 'patch_embed' in name or 'cls_token' in name:
            layer = 0
        elif place[1] == 'blocks':
            layer = int(place[2]) + 1
        decays = parameter.ndim > 1 and 'cls_token' not in name
        expected = (1e-3 * 0.75 ** (4 - layer), 0.05 if decays else 0.)
        assert found[id(parameter)] == pytest.approx(expected), name
    assert any('q_bias' in name for name, _ in model.named_parameters())


def test_a_layer_is_told_by_name_alone_where_there_is_no_other_way(model):
    assert has_layers_by_name(model.backbone) and not has_layers_by_name(model.cls_head)
    assert depth_by_name(model.backbone, 'backbone.blocks.2.norm1.weight', 'backbone.') == (3, 5)
    assert depth_by_name(model.backbone, 'backbone.fc_norm.weight', 'backbone.') == (4, 5)
    assert depth_by_name(model.backbone, 'cls_head.weight', 'backbone.') == (4, 5)


@pytest.mark.parametrize('epochs', [100, 30])
def test_the_rate_rises_from_nothing_and_falls_by_step_to_a_thousandth(model, epochs):
    """The number of epochs is one entry: the cosine ends with training."""
    steps, base = 3, 0.7
    optimizer = torch.optim.SGD(model.cls_head.parameters(), lr=base)
    schedulers = []
    for cfg in SCHEDULE.param_scheduler:
        cfg = dict(cfg, end=cfg.get('end', epochs))                  # as mmengine's runner sets it
        kind = PARAM_SCHEDULERS.get(cfg.pop('type'))
        cfg.pop('convert_to_iter_based')
        schedulers.append(kind.build_iter_from_epoch(optimizer, epoch_length=steps, **cfg))
    warm, total = 5 * steps, epochs * steps
    for step in range(total):
        if step < warm:
            expected = base * step / (warm - 1)
        else:
            expected = base * (0.001 + 0.999 * (1 + math.cos(math.pi * (step - warm) / (total - warm))) / 2)
        assert optimizer.param_groups[0]['lr'] == pytest.approx(expected, rel=1e-4, abs=1e-5), step
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
