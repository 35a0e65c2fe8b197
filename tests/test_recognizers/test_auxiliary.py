"""Losses that adapters ask for are in the recognizer's, and one that would leave them out is refused."""
import pytest
import torch
from mmaction.structures import ActionDataSample
from torch import nn

from mmdfer.adapters import Adapter
from mmdfer.recognizers import SumsAuxiliaryLosses
from mmdfer.recognizers.auxiliary import check_auxiliary_losses
from mmdfer.registry import MODELS


class Balanced(Adapter):
    """Adds a vector, and asks for half its square."""

    def __init__(self, dim):
        super().__init__()
        self.vector = nn.Parameter(torch.ones(dim))

    def forward(self, x, grid):
        return self.vector.expand_as(x)

    def auxiliary_loss(self):
        return self.vector.square().sum() / 2


def build(recognizer, kind=Balanced):
    torch.manual_seed(0)
    arch = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=48)
    return MODELS.build(dict(
        type=recognizer, cls_head=dict(type='LinearVideoHead', num_classes=3, in_channels=24),
        backbone=dict(type='AdapterViT', arch=arch, img_size=16, patch_size=8, adapters=dict(
            a=dict(type=kind, slot='before_attn'), plain=dict(type='BottleneckAdapter', slot='ffn_out')))))


def losses(model):
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 2)]
    clips = torch.randn(2, 1, 3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return model.train()(clips, samples, mode='loss')


def test_they_are_summed_and_trained():
    model, plain = build('AdapterRecognizer3D'), build('Recognizer3D')
    found, without = losses(model), losses(plain)
    assert found.pop('loss_auxiliary') == 2 * 24 / 2            # a block has one each
    torch.testing.assert_close(found, without, rtol=0, atol=0)
    total, logged = model.parse_losses(losses(model))
    torch.testing.assert_close(total, without['loss_cls'] + 24.)
    total.backward()
    plain.parse_losses(losses(plain))[0].backward()
    ours, theirs = (one.backbone.layers[0].adapters['a'].vector.grad for one in (model, plain))
    torch.testing.assert_close(ours, theirs + 1., rtol=1e-5, atol=1e-5)
    assert logged['loss_auxiliary'].detach() == 24.


def test_recognizers_of_texts_sum_them():
    assert all(issubclass(MODELS.get(name), SumsAuxiliaryLosses) for name in ('VideoTextRecognizer', 'FineCLIPER'))


def test_a_recognizer_that_leaves_them_out_is_refused():
    check_auxiliary_losses(build('AdapterRecognizer3D'))
    check_auxiliary_losses(build('Recognizer3D', 'BottleneckAdapter'))
    with pytest.raises(
            ValueError, match='layers.0.adapters.a: a Balanced has an auxiliary loss, which Recognizer3D does '
            'not add.*model.type="AdapterRecognizer3D"'):
        check_auxiliary_losses(build('Recognizer3D'))


def test_without_any_it_is_the_stock_recognizer():
    assert set(losses(build('AdapterRecognizer3D', 'BottleneckAdapter'))) == set(losses(build('Recognizer3D',
                                                                                              'BottleneckAdapter')))
