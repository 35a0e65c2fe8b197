"""Which way D2Conv3D goes, and the table of the kernels' blocks."""
import json

import pytest
import torch

from mmdfer.ops import _triton, _triton_blocks as blocks, choosing
from mmdfer.ops.choosing import runs_on_triton


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """No answer of another test, no table of another run."""
    choosing._trouble.cache_clear()
    choosing._say_once.cache_clear()
    monkeypatch.delenv('MMDFER_D2CONV3D', raising=False)
    monkeypatch.delenv('TRITON_INTERPRET', raising=False)
    monkeypatch.setenv('MMDFER_CACHE', str(tmp_path / 'cache'))
    yield
    choosing._trouble.cache_clear()


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(choosing, 'print_log', lambda line, logger: lines.append(line))
    return lines


def test_elsewhere_than_on_cuda_pytorch_runs_and_nothing_is_said(said):
    assert not runs_on_triton('cpu', torch.float32) and not runs_on_triton('mps', torch.float16)
    assert not said


@pytest.mark.parametrize('value, message', [
    ('cuda', "MMDFER_D2CONV3D='cuda' is not known: set it to one of torch, triton"),
    ('triton', 'MMDFER_D2CONV3D=triton, but .* on cpu, not on a CUDA device'),
])
def test_variable_that_cannot_be_followed_is_an_error(value, message, monkeypatch):
    monkeypatch.setattr(_triton, 'TROUBLE', None)
    monkeypatch.setenv('MMDFER_D2CONV3D', value)
    with pytest.raises(ValueError, match=message):
        runs_on_triton('cpu', torch.float32)


def test_variable_forces_a_way(monkeypatch):
    monkeypatch.setenv('MMDFER_D2CONV3D', ' Torch ')
    assert not runs_on_triton('cuda:0', torch.float32)
    monkeypatch.setattr(_triton, 'TROUBLE', None)
    monkeypatch.setenv('TRITON_INTERPRET', '1')
    monkeypatch.setenv('MMDFER_D2CONV3D', 'triton')
    assert runs_on_triton('cpu', torch.bfloat16)
    with pytest.raises(ValueError, match='its kernels have no float64'):
        runs_on_triton('cpu', torch.float64)


def test_broken_triton_is_said_once_and_pytorch_runs(said, monkeypatch):
    monkeypatch.setattr(_triton, 'TROUBLE', 'ImportError: libtriton.so: no such file')
    assert not any(runs_on_triton('cuda:0', torch.float16) for _ in range(3))
    assert len(said) == 1 and 'libtriton.so' in said[0] and "PyTorch's operators" in said[0]
    assert not runs_on_triton('cuda:0', torch.float64)
    assert len(said) == 2 and 'float64' in said[1]


def test_kernel_that_does_not_start_is_said_and_pytorch_runs(said, monkeypatch):
    def fail(device):
        raise RuntimeError('\nno C compiler was found\nmore')

    monkeypatch.setattr(_triton, 'TROUBLE', None)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (9, 0))
    monkeypatch.setattr('mmdfer.ops._triton_probe.probe', fail)
    assert not runs_on_triton('cuda:1', torch.float32)
    assert 'RuntimeError: no C compiler was found' in said[0]
    choosing._trouble.cache_clear()
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: 'Old Card')
    assert not runs_on_triton('cuda:1', torch.float32) and 'Old Card has compute capability 7.5' in said[1]


def test_table_keeps_what_was_found():
    blocks._remember('a', dict(M=1))
    blocks._remember('b', dict(M=2))
    assert blocks._remembered('a', [dict(M=3), dict(M=1)]) == dict(M=1)
    assert blocks._remembered('b', [dict(M=3), dict(M=1)]) is None          # no longer a choice
    assert blocks._remembered('c', [dict(M=1)]) is None


@pytest.mark.parametrize('content', ['', '{', '[]', '{"version": 0, "blocks": {"a": {"M": 1}}}',
                                     '{"version": 2, "blocks": 3}', '{"version": 2, "blocks": {"a": [1]}}', '\x00'])
def test_broken_table_is_no_table(content):
    blocks.table_file().parent.mkdir(parents=True)
    blocks.table_file().write_text(content)
    assert blocks._remembered('a', [dict(M=1)]) is None
    blocks._remember('a', dict(M=1))
    assert json.loads(blocks.table_file().read_text())['blocks']['a'] == dict(M=1)


def test_table_that_cannot_be_written_is_done_without(monkeypatch, tmp_path):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('MMDFER_CACHE', str(tmp_path / 'file'))
    blocks._remember('a', dict(M=1))
    assert blocks._remembered('a', [dict(M=1)]) is None


def test_off_a_gpu_the_first_choice_is_taken():
    tried = []
    assert blocks.best_blocks('k', (1, ), torch.ones(1), [dict(M=1), dict(M=2)], tried.append) == dict(M=1)
    assert not tried


def test_classes_of_shapes():
    classes = [blocks.shape_class(number) for number in (0, 1, 4, 5, 16, 17, 25088)]
    assert classes == sorted(classes) and classes[0] == classes[2] and classes[-1] >= 25088 > classes[-1] // 16
