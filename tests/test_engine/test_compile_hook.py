"""A compiled backbone trains to the same numbers, under the same names; without a compiler training goes on."""
import importlib.util
import logging
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from mmdfer.backbones import AdapterViT
from mmdfer.engine import CompileBackboneHook
from mmdfer.heads import LinearVideoHead

ARCH = dict(embed_dims=24, num_layers=1, num_heads=4, feedforward_channels=48)


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


class Model(nn.Module):

    def __init__(self, adapter: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = AdapterViT(ARCH, img_size=16, patch_size=8,
                                   adapters=[dict(type=adapter, slot='before_attn', width=4)])
        self.cls_head = LinearVideoHead(3, 24)

    def forward(self, x):
        return self.cls_head(self.backbone(x))


def runner_of(model):
    return SimpleNamespace(model=model, logger=logging.getLogger('compile'))


def losses(adapter, hook=None, steps=3):
    model = Model(adapter).train()
    names = list(model.state_dict())
    if hook is not None:
        hook.before_train(runner_of(model))
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=.1)
    torch.manual_seed(1)
    found = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(torch.randn(2, 3, 3, 16, 16)), torch.tensor([0, 2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert list(model.state_dict()) == names
    return found


@pytest.mark.parametrize('adapter, backend', [
    ('STAdapter', 'eager'),
    ('FEAdapter', 'eager'),
    pytest.param('FEAdapter', 'aot_eager', marks=pytest.mark.slow),
])
def test_training_gives_the_same_losses(adapter, backend):
    plain = losses(adapter)
    assert not counters['stats']['unique_graphs']
    compiled = losses(adapter, CompileBackboneHook(backend=backend))
    assert counters['stats']['unique_graphs'] > 1, 'nothing was compiled but the trial'
    assert compiled == pytest.approx(plain, abs=1e-6)
    assert len(set(plain)) == 3


def test_named_classes_stay_out_of_the_graphs():
    def graphs(**kwargs):
        torch._dynamo.reset()
        counters.clear()
        losses('STAdapter', CompileBackboneHook(backend='eager', **kwargs), steps=1)
        return counters['stats']['unique_graphs']
    assert graphs(eager=('STAdapter', )) > graphs()


def test_a_compiler_that_is_not_there_is_a_warning(caplog):
    if importlib.util.find_spec('torch_xla') is not None:
        pytest.skip('torch_xla is installed')
    model = Model('STAdapter')
    with caplog.at_level(logging.WARNING):
        CompileBackboneHook(backend='openxla').before_train(runner_of(model))
    assert 'torch.compile does not work here' in caplog.text
    model(torch.zeros(1, 3, 2, 16, 16))


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="backend='inductr' is not known"):
        CompileBackboneHook(backend='inductr')
    with pytest.raises(ValueError, match='Linear has no backbone'):
        CompileBackboneHook(backend='eager').before_train(runner_of(nn.Linear(1, 1)))
