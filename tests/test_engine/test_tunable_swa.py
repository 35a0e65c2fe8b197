"""The mean of the epochs' ends is torch's, is what validation and files carry, and outlives a kill."""
import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from mmdfer.engine import TunableSWAHook
from mmdfer.weights import read_checkpoint

from .test_tunable_ema import Recorder, close
from .toy import Killer, ToyModel, toy_runner

UARS = (.1, .2, .3, .4, .5)


@pytest.mark.parametrize('begin, interval', [(1, 1), (3, 1), (2, 2), (6, 1)])
def test_validation_sees_torchs_average_of_the_epochs_ends(tmp_path, begin, interval):
    recorder = Recorder()
    runner = toy_runner(tmp_path, TunableSWAHook(begin, interval), recorder, uars=UARS)
    runner.train()
    ends, model = recorder.weights[3::4], ToyModel()
    average, begun = AveragedModel(model), False
    for epoch, seen in enumerate(runner.model.seen, 1):
        if epoch >= begin and (epoch - begin) % interval == 0:
            model.head.weight.data.copy_(ends[epoch - 1])
            average.update_parameters(model)
            begun = True
        assert close(seen, average.module.head.weight if begun else ends[epoch - 1]), epoch
    assert torch.equal(runner.model.head.weight, ends[-1]), 'training goes on from its own weights'
    saved = read_checkpoint(tmp_path / 'last.safetensors')['state_dict']
    assert set(saved) == {'head.weight', 'head.bias'} and torch.equal(saved['head.weight'], runner.model.seen[-1])


@pytest.mark.parametrize('epoch, at', [(2, 'training'), (4, 'training'), (4, 'validation')])
def test_a_killed_run_goes_on_as_if_it_had_not_been(tmp_path, epoch, at):
    whole = toy_runner(tmp_path / 'whole', TunableSWAHook(2), uars=UARS)
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        toy_runner(tmp_path / 'killed', Killer(epoch, at), TunableSWAHook(2), uars=UARS).train()
    resumed = toy_runner(tmp_path / 'killed', TunableSWAHook(2), uars=UARS, resume=True)
    resumed.train()
    assert torch.equal(resumed.model.seen[-1], whole.model.seen[-1])
    assert torch.equal(resumed.model.head.weight, whole.model.head.weight)


def test_trained_batch_norms_are_warned_about(tmp_path, monkeypatch):
    model, said = ToyModel(), []
    model.norm = torch.nn.BatchNorm1d(4)
    monkeypatch.setattr('mmdfer.engine.tunable_swa.print_log', lambda message, **kwargs: said.append(message))
    runner = toy_runner(tmp_path, TunableSWAHook(1), uars=(.1, ), model=model)
    runner.train()
    assert len(said) == 1 and 'such as norm' in said[0]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match='begin_epoch=0 and interval=1'):
        TunableSWAHook(0)
