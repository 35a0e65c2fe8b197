"""A run killed at the moment that mmengine names its last checkpoint goes on from it."""
import pytest
from mmengine.hooks import Hook

from .toy import Killer, toy_runner


class Recorder(Hook):
    """The epochs that are trained, counted from 0."""

    def __init__(self) -> None:
        self.epochs = []

    def before_train_epoch(self, runner) -> None:
        self.epochs.append(runner.epoch)


def test_an_empty_pointer_is_completed(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        toy_runner(tmp_path, Killer(3, 'training'), uars=(.1, .2, .3)).train()
    pointer, recorder = tmp_path / 'last_checkpoint', Recorder()
    assert pointer.read_text().endswith('epoch_2.pth')
    pointer.write_text('')
    toy_runner(tmp_path, recorder, uars=(.1, .2, .3), resume=True).train()
    assert recorder.epochs == [2] and pointer.read_text().endswith('epoch_3.pth')


def test_without_a_checkpoint_the_run_begins_anew(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('')
    recorder = Recorder()
    toy_runner(tmp_path, recorder, uars=(.1, ), resume=True).train()
    assert recorder.epochs == [0]
