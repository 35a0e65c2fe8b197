"""A run resumes from a whole file, of any wrapper, and from nothing less."""
import argparse

import pytest
import torch

from mmdfer.weights import CheckpointError

from .toy import toy_runner


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A run of three epochs, and the file it left after the second."""
    folder = tmp_path_factory.mktemp('whole')
    runner = toy_runner(folder)
    runner.train()
    return runner, torch.load(folder / 'epoch_2.pth', weights_only=True)


def resume(folder, content):
    torch.save(content, folder / 'from.pth')
    runner = toy_runner(folder / 'run', resume=True)
    runner._load_from = str(folder / 'from.pth')
    runner.train()
    return runner


@pytest.mark.parametrize('part', ['optimizer', 'message_hub', 'meta'])
def test_a_file_without_a_part_is_refused_by_name(tmp_path, trained, part):
    content = {name: value for name, value in trained[1].items() if name != part}
    with pytest.raises(CheckpointError, match=f'from.pth: cannot be resumed from, for it lacks {part} '):
        resume(tmp_path, content)


@pytest.mark.parametrize('wrap', [
    dict, lambda content: dict(content, args=argparse.Namespace(lr=1)),
    lambda content: dict(content,
                         state_dict={f'module.{name}': value for name, value in content['state_dict'].items()})])
def test_a_whole_file_goes_on_as_never_stopped(tmp_path, trained, wrap):
    whole, content = trained
    resumed = resume(tmp_path, wrap(content))
    assert resumed.epoch == 3 and len(resumed.model.seen) == 1
    assert torch.equal(resumed.model.head.weight, whole.model.head.weight)


def test_a_configs_text_in_a_file_is_not_run(tmp_path, trained):
    """mmengine runs ``meta['config']``, of its older files, when it resumes."""
    content = dict(trained[1], meta=dict(trained[1]['meta'], config=f"open({str(tmp_path / 'ran')!r}, 'w')"))
    assert resume(tmp_path, content).epoch == 3
    assert not (tmp_path / 'ran').exists()
