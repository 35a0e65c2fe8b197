"""A modality of one's own, sound: one file beside a config, trained for a step, dropped in testing."""
import sys

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config

from mmdfer.recognizers.finecliper import modalities_of
from mmdfer.registry import MODELS

from ..test_heads.test_finecliper_head import ENCODER
from .test_finecliper import VIT

MODULE = '''
import torch
from torch import nn

from mmdfer.recognizers import Modality
from mmdfer.registry import MODALITIES, MODELS


@MODALITIES.register_module()
class SoundModality(Modality):
    """Log-mel frames (T, F) of the sample's ``sound``."""

    def of(self, sample):
        return getattr(sample, 'sound', None)

    def blank(self, inputs):
        return inputs.new_zeros(6, 10)


@MODELS.register_module()
class SoundEncoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Linear(10, width)

    def forward(self, frames):
        return self.proj(frames)
'''
CONFIG = """
custom_imports = dict(imports=['mmdfer', 'own_sound'])
modalities = dict(
    video=dict(type='VideoModality'),
    sound=dict(type='SoundModality', colour='#123456', encoder=dict(type='SoundEncoder', width=32)))
"""


@pytest.fixture
def cfg(tmp_path, monkeypatch):
    (tmp_path / 'own_sound.py').write_text(MODULE)
    (tmp_path / 'config.py').write_text(CONFIG)
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = Config.fromfile(tmp_path / 'config.py')
    yield dict(type='FineCLIPER', backbone=VIT, modalities=cfg.modalities.to_dict(), cls_head=dict(
        type='FineCLIPERHead', num_classes=7, text_encoder=ENCODER, texts=dict(dataset='dfew'), temperature=0.2),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[120.] * 3, std=[60.] * 3))
    from mmdfer.registry import MODALITIES
    for registry, name in ((MODALITIES, 'SoundModality'), (MODELS, 'SoundEncoder')):
        registry.module_dict.pop(name)
    sys.modules.pop('own_sound')


def build(cfg, **kwargs):
    torch.manual_seed(0)
    model = MODELS.build(dict(cfg, **kwargs))
    model.init_weights()
    return model


def batch(sounds=(True, False, True)):
    torch.manual_seed(1)
    samples = [ActionDataSample().set_gt_label(index) for index in range(len(sounds))]
    for sample, there in zip(samples, sounds, strict=True):
        if there:
            sample.set_field(torch.randn(6, 10), 'sound')
    return torch.randn(len(sounds), 1, 3, 4, 32, 32), samples


def predict(model, inputs, samples):
    return torch.stack([sample.pred_score for sample in model.predict(inputs, samples)])


def test_a_step_trains_it_and_the_log_names_it(cfg):
    model, (inputs, samples) = build(cfg).train(), batch()
    losses = model.loss(inputs, samples)
    assert {'loss_sound', 'weight_sound', 'loss_video'} <= set(losses)
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    before = model.sound_encoder.proj.weight.detach().clone()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.).step()
    assert (model.sound_encoder.proj.weight - before).abs().max() > 0
    # A clip without sound has no part in it.
    model.zero_grad()
    silent = model.extract_feat(inputs, 'neck', samples)[1]['present']['sound']
    assert silent.tolist() == [True, False, True]


@torch.no_grad()
def test_testing_can_do_without_it(cfg):
    inputs, samples = batch()
    full, dropped = build(cfg).eval(), build(cfg, drop_modalities=['sound']).eval()
    one, two = (predict(model, inputs, samples) for model in (full, dropped))
    assert (one - two).abs().amax(dim=1)[[0, 2]].min() > 1e-4
    torch.testing.assert_close(one[1], two[1])
    video = build(cfg, modalities=dict(cfg['modalities'], sound=None)).eval()
    video.load_state_dict(dropped.state_dict(), strict=False)
    torch.testing.assert_close(two, predict(video, inputs, samples))


def test_plots_get_its_name_and_colour_from_it(cfg):
    found = modalities_of(cfg)
    assert {name: modality.colour for name, modality in found.items()} == dict(video='#4169b0', sound='#123456')
