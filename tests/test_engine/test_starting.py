"""What a training starts from: frozen towers have weights, and a file that is loaded fits."""
from __future__ import annotations

import argparse

import pytest
import torch
from mmengine.config import Config, ConfigDict

from mmdfer.apis import options
from mmdfer.engine import StartHook, allow_random_towers, check_start
from mmdfer.engine.starting import random_towers
from mmdfer.weights import CheckpointError

from .toy import ToyModel, toy_runner

GIVEN = dict(type='Pretrained', checkpoint='vit.pth')
VIT, TEXT = dict(type='AdapterViT', arch='base'), dict(type='CLIPTextEncoder', arch='base')


def model(tower=VIT, **head):
    return ConfigDict(type='Recognizer3D', backbone=tower, cls_head=dict(type='Head', **head))


@pytest.mark.parametrize('config, places', [
    (model(), ['model.backbone']),
    (model(text_encoder=TEXT), ['model.backbone', 'model.cls_head.text_encoder']),
    (model(dict(VIT, init_cfg=GIVEN), text_encoder=TEXT), ['model.cls_head.text_encoder']),
    (model(dict(VIT, init_cfg=None)), []),
    (model(dict(VIT, freeze=False)), []),
    (model(dict(type='ImageViT')), []),
    (model(dict(type='AdaptedBackbone', backbone=dict(type='VisionTransformer'))), ['model.backbone']),
    (model(dict(type='AdaptedBackbone', backbone=dict(type='VisionTransformer', init_cfg=None))), []),
    (model(dict(type='AdaptedBackbone', backbone=dict(type='ResNet3d', pretrained='r3d.pth'))), []),
    (model(dict(type='ResNet3d')), []),
])
def test_frozen_towers_without_a_file_are_found_by_their_place(config, places):
    assert [place for place, _ in random_towers(config)] == places


def test_they_are_refused_unless_they_are_meant_or_come_from_a_checkpoint(tmp_path):
    cfg = Config(dict(model=model(text_encoder=TEXT), work_dir=str(tmp_path)))
    refusal = r'model\.backbone: the frozen AdapterViT .* --image-checkpoint, .* --random-backbone, or by init_cfg=None'
    for resume in (False, True):                                # there is nothing yet to go on from
        cfg.resume = resume
        with pytest.raises(ValueError, match=refusal):
            check_start(cfg)
    (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
    check_start(cfg)
    with pytest.raises(ValueError, match=refusal):
        check_start(cfg, tmp_path / 'elsewhere')
    cfg.resume = False
    with pytest.raises(ValueError, match=refusal):
        check_start(cfg)
    allow_random_towers(cfg)
    check_start(cfg)
    assert cfg.model.backbone.init_cfg is None and cfg.model.cls_head.text_encoder.init_cfg is None


@pytest.mark.parametrize('words, places', [([], ['model.backbone']), (['--random-backbone'], [])])
def test_the_option_says_that_they_are_meant(words, places, tmp_path):
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    options.add_train_options(parser)
    words = ['fe_adapter_vitb_dfew', '--data-root', str(tmp_path), *words, '--workers', '0']
    cfg = options.train_config(parser.parse_args(words))
    assert [place for place, _ in random_towers(cfg.model)] == places
    assert all(cfg[name].num_workers == 0 for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'))


def load(tmp_path, change, tower=None):
    """Begin a toy run from a file of its own model's weights, changed."""
    runner = toy_runner(tmp_path, StartHook(), uars=(.5, ))
    if tower is not None:
        runner.cfg.model = model(tower)
    torch.save(dict(state_dict=change(ToyModel().state_dict()), meta={}), tmp_path / 'from.pth')
    runner._load_from = str(tmp_path / 'from.pth')
    runner.load_or_resume()
    return runner


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_weights_of_the_model_are_loaded_whole_or_in_part(tmp_path, prefix):
    runner = load(tmp_path, lambda state: {f'{prefix}{name}': torch.full_like(tensor, 7.)
                                           for name, tensor in state.items() if name.startswith('body')}, VIT)
    assert runner.model.body.weight.eq(7).all() and not runner.model.head.weight.eq(7).any()


@pytest.mark.parametrize('change, told', [
    (lambda state: {f'encoder.{name}': tensor for name, tensor in state.items()},
     r'from.pth: fits nothing of the model: it has 4 tensors, such as encoder.body.weight, the model 4'),
    (lambda state: {name: torch.zeros(9, 9) if tensor.ndim == 2 else torch.zeros(9) if 'body' in name else tensor
                    for name, tensor in state.items()},
     r'from.pth: is of another architecture: 3 of 4 tensors .* body.weight: \(9, 9\), not \(4, 3\)'),
    (lambda state: {name: tensor for name, tensor in state.items() if 'head' in name},
     r'from.pth: holds no weights of the frozen AdapterViT \(model.backbone\)'),
], ids=['other names', 'other shapes', 'no tower'])
def test_a_file_that_does_not_fit_is_refused(tmp_path, change, told):
    with pytest.raises(CheckpointError, match=told):
        load(tmp_path, change, VIT)


def test_a_head_alone_is_loaded_over_a_tower_that_is_meant_or_given(tmp_path):
    for tower in (dict(VIT, init_cfg=None), dict(VIT, init_cfg=GIVEN)):
        assert load(tmp_path, lambda state: {name: state[name] for name in state if 'head' in name}, tower)
