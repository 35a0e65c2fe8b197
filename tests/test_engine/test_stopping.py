"""SIGTERM ends a training at the next iteration, and what is resumed from there is as if it had never come."""
import os
import signal

import pytest
import torch
from mmengine.hooks import Hook
from torch import nn

from mmdfer.engine import EpochSeedHook, StopHook, TunableEMAHook
from mmdfer.weights import CheckpointError, read_checkpoint

from .toy import ToyModel, toy_runner

ENDED = 143


class Noisy(ToyModel):
    """Every iteration draws."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Dropout(.5), nn.Linear(4, 1))
        self.losses: list[float] = []

    def forward(self, x, y, mode):
        if mode != 'loss':
            return list(self.head(self.body(x)))
        loss = (self.head(self.body(x)) + torch.rand(()) - y).square().mean()
        self.losses.append(float(loss.detach()))
        return dict(loss=loss)


class Sender(Hook):
    """Send SIGTERM to this very process after an iteration, or after a batch of a validation."""

    def __init__(self, after: int | None = None, validation: int | None = None) -> None:
        self.after, self.validation = after, validation

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if runner.iter + 1 == self.after:
            os.kill(os.getpid(), signal.SIGTERM)

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if runner.epoch == self.validation:
            os.kill(os.getpid(), signal.SIGTERM)


def train(folder, sender=None, resume=False, status=None, accumulate=1, seeded=True, interval=1):
    """The runner when it has ended, with a status where one is expected."""
    stop, model = StopHook(), Noisy()
    hooks = [TunableEMAHook(.1), *([EpochSeedHook()] if seeded else []), *([sender] if sender else [])]
    runner = toy_runner(folder, *hooks, resume=resume, model=model, uars=(.5, .9, .7), optim_wrapper=dict(
        type='OptimWrapper', constructor='TunableOptimWrapperConstructor', accumulative_counts=accumulate,
        optimizer=dict(type='Adam', lr=.05)))
    for hook in runner.hooks:
        if type(hook).__name__ == 'AdapterCheckpointHook':
            hook.interval = interval
    runner.register_hook(stop)
    runner.set_randomness(seed=3)
    before = signal.getsignal(signal.SIGTERM)
    with stop.listening():
        if status is None:
            runner.train()
        else:
            with pytest.raises(SystemExit) as ended:
                runner.train()
            assert ended.value.code == status
    assert signal.getsignal(signal.SIGTERM) is before
    return runner


def kept(folder):
    """All that decides how a run goes on."""
    found = read_checkpoint(folder / 'epoch_3.pth')
    return {name: found[name] for name in ('state_dict', 'ema_state_dict', 'optimizer')}, found['meta']['iter']


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if torch.is_tensor(one) else one == other


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    return folder, train(folder).model.losses


@pytest.mark.parametrize('after', [1, 3, 4, 5, 8, 11])
def test_a_run_that_was_ended_goes_on_as_if_never_stopped(tmp_path, whole, after):
    folder, losses = whole
    first = train(tmp_path, Sender(after), status=ENDED).model.losses
    assert len(first) == after and (tmp_path / 'last_checkpoint').read_text().endswith('stopped.pth')
    rest = train(tmp_path, resume=True).model.losses
    assert first + rest == losses and same(kept(tmp_path), kept(folder))
    assert not (tmp_path / 'stopped.pth').exists()
    names, expected = ({path.name for path in place.glob('*[!y]')} for place in (tmp_path, folder))
    assert {name for name in names ^ expected if not name.startswith('20')} == set()


def test_it_may_end_twice_in_an_epoch_and_draw_from_no_seed_of_the_epoch(tmp_path):
    losses = train(tmp_path / 'whole', seeded=False).model.losses
    parts = [train(tmp_path / 'parts', Sender(5), seeded=False, status=ENDED),
             train(tmp_path / 'parts', Sender(7), resume=True, seeded=False, status=ENDED),
             train(tmp_path / 'parts', resume=True, seeded=False)]
    assert [loss for part in parts for loss in part.model.losses] == losses
    assert same(kept(tmp_path / 'parts'), kept(tmp_path / 'whole'))


def test_gradients_that_wait_for_a_step_are_not_lost(tmp_path):
    train(tmp_path / 'whole', accumulate=3)
    assert len(train(tmp_path / 'parts', Sender(4), accumulate=3, status=ENDED).model.losses) == 6
    train(tmp_path / 'parts', resume=True, accumulate=3)
    assert same(kept(tmp_path / 'parts'), kept(tmp_path / 'whole'))


@pytest.mark.parametrize('interval, left', [(1, 'epoch_2.pth'), (5, 'stopped.pth')])
def test_a_validation_ends_at_its_next_batch_and_is_done_again(tmp_path, whole, interval, left):
    losses = train(tmp_path, Sender(validation=2), status=ENDED, interval=interval).model.losses
    assert (tmp_path / 'last_checkpoint').read_text().endswith(left)
    runner = train(tmp_path, resume=True, interval=interval)
    assert losses + runner.model.losses == whole[1] and same(kept(tmp_path), kept(whole[0]))
    assert runner.message_hub.get_info('best_score') == .9


def test_before_a_training_begins_sigterm_ends_it_at_once():
    with pytest.raises(SystemExit) as ended, StopHook().listening():
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.code == ENDED


def test_another_number_of_batches_is_refused(tmp_path):
    train(tmp_path, Sender(5), status=ENDED)
    content = torch.load(tmp_path / 'stopped.pth', weights_only=True)
    content['within_epoch']['processes'] = 2
    torch.save(content, tmp_path / 'stopped.pth')
    with pytest.raises(CheckpointError, match='4 batches in each of 2 processes, and there are 4 in each of 1 now'):
        train(tmp_path, resume=True)
    del content['within_epoch']['draws']
    torch.save(content, tmp_path / 'stopped.pth')
    with pytest.raises(CheckpointError, match='stopped.pth: its place in the epoch is not what training writes'):
        train(tmp_path, resume=True)
