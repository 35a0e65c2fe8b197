"""Weight files are read safely, and what cannot be used is named."""
import os

import pytest
import torch
from mmengine.runner import CheckpointLoader
from safetensors.torch import save_file

from mmdfer.weights import CheckpointError, find_state_dict, read_checkpoint


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path, )


def test_a_malicious_pickle_does_not_run_and_the_opt_in_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv('MMDFER_TRUST_CHECKPOINTS', raising=False)
    trap = tmp_path / 'ran'
    torch.save(dict(state_dict=dict(a=torch.zeros(1)), extra=Evil(str(trap))), tmp_path / 'evil.pth')
    for read in (read_checkpoint, lambda path: CheckpointLoader.load_checkpoint(str(path), 'cpu', None)):
        with pytest.raises(CheckpointError, match='refused.*MMDFER_TRUST_CHECKPOINTS=1.*--trust-checkpoint'):
            read(tmp_path / 'evil.pth')
    assert not trap.exists()
    monkeypatch.setenv('MMDFER_TRUST_CHECKPOINTS', '1')
    read_checkpoint(tmp_path / 'evil.pth')
    assert trap.exists()


def test_torch_and_safetensors_files_give_the_same_tensors(tmp_path):
    state = dict(a=torch.randn(3, 2), b=torch.arange(4))
    torch.save(dict(model=state), tmp_path / 'x.pth')
    save_file(state, tmp_path / 'x.safetensors')
    for name in ('x.pth', 'x.safetensors'):
        read = find_state_dict(read_checkpoint(tmp_path / name), name)
        assert read.keys() == state.keys()
        assert all(torch.equal(read[key], state[key]) for key in state)


@pytest.mark.parametrize('name, content, message', [
    ('missing.pth', None, 'no such checkpoint'),
    ('text.pth', b'hello there', 'not a readable torch file'),
    ('empty.pth', b'', 'not a readable torch file'),
    ('short.safetensors', b'\x10\x00', 'not a readable safetensors'),
])
def test_unreadable_files_are_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f'{name}.*{message}'):
        read_checkpoint(tmp_path / name)


def test_a_file_cut_short_is_named(tmp_path):
    torch.save(dict(a=torch.randn(1000)), tmp_path / 'whole.pth')
    data = (tmp_path / 'whole.pth').read_bytes()
    (tmp_path / 'cut.pth').write_bytes(data[:len(data) // 2])
    with pytest.raises(CheckpointError, match='cut.pth: not a readable torch file'):
        read_checkpoint(tmp_path / 'cut.pth')


def test_a_file_without_tensors_is_refused():
    with pytest.raises(CheckpointError, match='holds no tensors'):
        find_state_dict(dict(state_dict=dict(epoch=3)), 'x.pth')
