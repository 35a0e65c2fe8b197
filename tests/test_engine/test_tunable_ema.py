"""Averages are the formula's, are what validation and files carry, and outlive a kill."""
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import ExponentialMovingAverage, MomentumAnnealingEMA

from mmdfer.engine import TunableEMAHook
from mmdfer.weights import read_checkpoint

from .toy import Killer, ToyModel, toy_runner


class Recorder(Hook):
    """The head's weight after each iteration, and what mmengine's own average makes of it."""
    priority = 'VERY_HIGH'

    def __init__(self, average=None) -> None:
        self.weights, self.average = [], average

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.weights.append(runner.model.head.weight.detach().clone())
        if self.average is not None:
            self.average.update_parameters(runner.model)


def exponential_average(weights, momentum=.3, warmup=None, interval=1, begin=0):
    """The average after each iteration, worked out in float64."""
    average, averages, updates = None, [], 0
    for number, weight in enumerate(weights, 1):
        if number < begin or updates == 0:
            average = weight.double()
        elif updates % interval == 0:
            m = max(momentum, warmup / (warmup + updates)) if warmup else momentum
            average = (1 - m) * average + m * weight.double()
        updates += number >= begin
        averages.append(average)
    return averages


def close(a, b):
    return torch.allclose(a.double(), b.double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize('options', [
    dict(), dict(warmup=5), dict(interval=2), dict(warmup=3, interval=3), dict(begin_iter=6), dict(begin_epoch=2)])
def test_validation_sees_the_hand_computed_average(tmp_path, options):
    recorder = Recorder()
    runner = toy_runner(tmp_path, TunableEMAHook(momentum=.3, **options), recorder)
    runner.train()
    formula = dict(options)
    begin = formula.pop('begin_iter', 0) or 4 * (formula.pop('begin_epoch', 1) - 1) + 1
    expected = exponential_average(recorder.weights, begin=begin, **formula)
    assert len(runner.model.seen) == 3
    for epoch, seen in enumerate(runner.model.seen, 1):
        assert close(seen, expected[4 * epoch - 1]), epoch
    assert torch.equal(runner.model.head.weight, recorder.weights[-1]), 'training goes on from its own weights'
    assert not close(runner.model.seen[-1], recorder.weights[-1])


@pytest.mark.parametrize('options, reference', [
    (dict(), lambda model: ExponentialMovingAverage(model, momentum=.3)),
    (dict(warmup=7), lambda model: MomentumAnnealingEMA(model, momentum=.3, gamma=7)),
    (dict(interval=3), lambda model: ExponentialMovingAverage(model, momentum=.3, interval=3)),
])
def test_averages_are_mmengines(tmp_path, options, reference):
    model = ToyModel()
    recorder = Recorder(reference(model))
    toy_runner(tmp_path, TunableEMAHook(momentum=.3, **options), recorder, model=model).train()
    assert close(model.seen[-1], recorder.average.module.head.weight)


def test_only_what_is_tuned_is_copied(tmp_path):
    hook = TunableEMAHook()
    runner = toy_runner(tmp_path, hook)
    body = runner.model.body.weight.clone()
    runner.train()
    assert set(hook._averages) == {'head.weight', 'head.bias'}
    assert torch.equal(runner.model.body.weight, body)


def test_files_hold_what_was_evaluated(tmp_path):
    recorder = Recorder()
    runner = toy_runner(tmp_path, TunableEMAHook(momentum=.3), recorder)
    runner.train()
    seen = runner.model.seen                                            # epoch 2 has the best UAR
    best = read_checkpoint(tmp_path / 'best.safetensors')
    assert best['meta']['step'] == 2 and set(best['state_dict']) == {'head.weight', 'head.bias'}
    assert torch.equal(best['state_dict']['head.weight'], seen[1])
    assert torch.equal(read_checkpoint(tmp_path / 'best.pth')['state_dict']['head.weight'], seen[1])
    assert torch.equal(read_checkpoint(tmp_path / 'last.safetensors')['state_dict']['head.weight'], seen[2])
    full = torch.load(tmp_path / 'epoch_3.pth', weights_only=True)
    assert torch.equal(full['state_dict']['head.weight'], seen[2])
    assert set(full['ema_state_dict']) == {'steps', 'module.head.weight', 'module.head.bias'}
    assert full['ema_state_dict']['steps'] == 12
    assert torch.equal(full['ema_state_dict']['module.head.weight'], recorder.weights[-1])


def test_without_the_hook_files_hold_the_parameters(tmp_path):
    runner = toy_runner(tmp_path)
    runner.train()
    for name in ('last.safetensors', 'epoch_3.pth'):
        checkpoint = read_checkpoint(tmp_path / name)
        assert torch.equal(checkpoint['state_dict']['head.weight'], runner.model.head.weight)
        assert 'ema_state_dict' not in checkpoint


@pytest.mark.parametrize('at', ['training', 'validation'])
def test_killed_and_resumed_is_as_never_stopped(tmp_path, at):
    hooks = dict(momentum=.3, warmup=4, interval=2)
    whole = toy_runner(tmp_path / 'whole', TunableEMAHook(**hooks))
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        toy_runner(tmp_path / 'cut', TunableEMAHook(**hooks), Killer(2, at)).train()
    resumed = toy_runner(tmp_path / 'cut', TunableEMAHook(**hooks), resume=True)
    resumed.train()
    assert len(resumed.model.seen) == 2
    for ours, theirs in zip(resumed.model.seen, whole.model.seen[1:]):
        assert torch.equal(ours, theirs)
    assert torch.equal(resumed.model.head.weight, whole.model.head.weight)
    ours, theirs = (torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True) for name in ('cut', 'whole'))
    for part in ('state_dict', 'ema_state_dict'):
        assert all(torch.equal(ours[part][key], theirs[part][key]) for key in theirs[part]), part


def test_averaging_begins_with_a_checkpoint_that_has_none(tmp_path):
    toy_runner(tmp_path, uars=(.5, )).train()
    hook, recorder = TunableEMAHook(momentum=.3), Recorder()
    runner = toy_runner(tmp_path, hook, recorder, resume=True)
    runner.train()
    assert close(runner.model.seen[-1], exponential_average(recorder.weights)[-1])


def test_averages_of_other_parameters_are_refused(tmp_path):
    toy_runner(tmp_path, TunableEMAHook(), uars=(.5, )).train()
    model = ToyModel()
    model.body.requires_grad_(True)
    with pytest.raises(ValueError, match='lacks 2, such as body.weight'):
        toy_runner(tmp_path, TunableEMAHook(), resume=True, model=model).train()


def test_a_test_sees_the_average_after_training_and_else_the_model_as_it_is(tmp_path):
    runner = toy_runner(tmp_path, TunableEMAHook(momentum=.3))
    weight = runner.model.head.weight.detach().clone()
    runner.test()
    assert torch.equal(runner.model.seen.pop(), weight) and torch.equal(runner.model.head.weight, weight)
    runner.train()
    weight = runner.model.head.weight.detach().clone()
    runner.test()
    assert torch.equal(runner.model.seen[-1], runner.model.seen[-2]) and torch.equal(runner.model.head.weight, weight)


@pytest.mark.parametrize('options, message', [
    (dict(momentum=0.), 'momentum=0.0'), (dict(momentum=1), 'momentum=1'), (dict(warmup=0), 'warmup > 0'),
    (dict(interval=0), 'interval >= 1'), (dict(begin_iter=2, begin_epoch=2), 'not both'),
])
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        TunableEMAHook(**options)
