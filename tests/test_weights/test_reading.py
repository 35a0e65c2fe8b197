"""Weight files of every form give their tensors bit for bit, without running what else is in them."""
import argparse
import json
import pathlib
from collections import OrderedDict, namedtuple
from http.server import HTTPServer, SimpleHTTPRequestHandler
from threading import Thread

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from safetensors.torch import save_file
from torch import nn

from mmdfer.weights import CheckpointError, find_state_dict, read_checkpoint, read_metadata
from mmdfer.weights.pickle_parts import Record

from ..conftest import ROOT
from .forging import Entry, archive, tensor, whole, zipped

KEYS = ROOT.parent / 'shared' / 'data' / 'checkpoint_keys'
Notes = namedtuple('Notes', 'lr epochs')


class Meter:
    """An object of a training script, with what such objects hold."""

    def __init__(self):
        self.losses, self.best, self.place = np.zeros((2, 3), np.float32), np.float64(71.5), pathlib.Path('a/b')


def values(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(len(shape))
    return (torch.randn(shape, generator=generator) * 50).to(dtype)


def every_kind() -> dict[str, torch.Tensor]:
    base = values(torch.float32, 6, 5)
    return {
        **{f'{dtype}': values(dtype, 3, 4) for dtype in (
            torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
            torch.int8,
            torch.uint8, torch.bool, torch.complex64, torch.complex128)},
        'one': torch.tensor(3.5), 'none': torch.zeros(0, 3), 'part': base[1:4, 2:], 'turned': base.T, 'row': base[2],
        'spread': torch.tensor(2.).expand(4, 3), 'steps': base[::2],
        'nan': torch.tensor([float('nan'), -0., float('inf')])}


def bits(tensor: torch.Tensor) -> list[int]:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).tolist()


def assert_same(read: dict, expected: dict) -> None:
    assert read.keys() == expected.keys()
    for name, value in expected.items():
        assert read[name].dtype == value.dtype and read[name].shape == value.shape, name
        assert bits(read[name]) == bits(value), name


SAVERS = {f'{form} {protocol}': dict(_use_new_zipfile_serialization=form == 'zip', pickle_protocol=protocol)
          for form in ('zip', 'legacy') for protocol in range(1, 6)}        # torch itself reads no 0 of its own


@pytest.mark.parametrize('how', SAVERS)
def test_torch_files_of_every_format_and_protocol(tmp_path, how):
    state = every_kind()
    content = dict(state_dict=state, epoch=3, name='ü\n"', rates=[1e-3, (2, None, True, -5, 2**40)], big=2**70,
                   kept={'a', 'b'}, notes=OrderedDict(b=1, a=b'\xff'), shape=torch.Size([2, 3]), dtype=torch.bfloat16)
    torch.save(content, tmp_path / 'x.pth', **SAVERS[how])
    read = read_checkpoint(tmp_path / 'x.pth')
    assert_same(read['state_dict'], state)
    assert {key: value for key, value in read.items() if key != 'state_dict'} == {
        key: value for key, value in content.items() if key != 'state_dict'}
    assert list(read['notes']) == ['b', 'a'] and isinstance(read['notes'], OrderedDict)


@pytest.mark.parametrize('how', ['zip 2', 'legacy 2', 'legacy 4'])
def test_what_shares_memory_in_a_file_shares_it_when_read(tmp_path, how):
    table = torch.randn(5, 3)
    torch.save(dict(table=table, head=table, row=table[2]), tmp_path / 'x.pth', **SAVERS[how])
    read = read_checkpoint(tmp_path / 'x.pth')
    read['table'].mul_(2)
    assert_same(read, dict(table=table * 2, head=table * 2, row=table[2] * 2))


def test_safetensors(tmp_path):
    state = {name: value.contiguous().clone() for name, value in every_kind().items()
             if name not in ('torch.complex64', 'torch.complex128')}
    save_file(state, tmp_path / 'x.safetensors', metadata=dict(mmdfer=json.dumps(dict(format='ours', note=[1]))))
    read = read_checkpoint(tmp_path / 'x.safetensors')
    assert_same(read['state_dict'], state)
    assert read['meta'] == read_metadata(tmp_path / 'x.safetensors') == dict(format='ours', note=[1])
    save_file(state, tmp_path / 'y', metadata=dict(format='pt'))
    assert read_checkpoint(tmp_path / 'y')['meta'] == dict(format='pt')


@pytest.mark.parametrize('write', [
    lambda state, path: torch.save(state, path), lambda state, path: save_file(state, path),
    lambda state, path: torch.save(state, path, _use_new_zipfile_serialization=False)])
@pytest.mark.parametrize('name', ['x.pth', 'x.safetensors', 'x.bin', 'x'])
def test_a_file_is_known_by_what_it_is_and_not_by_its_name(tmp_path, write, name):
    state = dict(a=torch.randn(3, 2), b=torch.arange(4))
    write(state, tmp_path / name)
    assert_same(find_state_dict(read_checkpoint(tmp_path / name), name), state)


@pytest.mark.parametrize('how', ['zip 2', 'legacy 2', 'zip 1', 'zip 4'])
def test_objects_of_training_scripts_are_left_out_and_told(tmp_path, how, monkeypatch):
    state, told = dict(w=torch.randn(2)), []
    monkeypatch.setattr('mmdfer.weights.reading.print_log', lambda line, **kwargs: told.append(line))
    torch.save(dict(model=state, args=argparse.Namespace(lr=1e-3, parts=[1]), recorder=Meter(), notes=Notes(1, 2),
                    epoch=7, optimizer=None), tmp_path / 'x.pth', **SAVERS[how])
    read = read_checkpoint(tmp_path / 'x.pth')
    assert_same(find_state_dict(read, 'x.pth'), state)
    assert read['epoch'] == 7 and isinstance(read['args'], Record) and isinstance(read['recorder'], Record)
    assert read['args'].state == dict(lr=1e-3, parts=[1])
    assert len(told) == 1 and 'x.pth: holds objects of argparse.Namespace, ' in told[0] and 'left out' in told[0]


def test_the_history_of_an_older_mmengine_file_is_left_out(tmp_path):
    torch.save(dict(state_dict=dict(w=torch.ones(2)),
                    message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.], [1])))),
               tmp_path / 'x.pth')
    assert_same(read_checkpoint(tmp_path / 'x.pth')['state_dict'], dict(w=torch.ones(2)))


def test_trust_reads_objects_whole_where_their_class_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv('MMDFER_TRUST_CHECKPOINTS', '1')
    torch.save(dict(w=torch.ones(2), args=argparse.Namespace(lr=1)), tmp_path / 'x.pth')
    assert read_checkpoint(tmp_path / 'x.pth')['args'].lr == 1


class Tied(nn.Module):

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.GELU())
        self.table = nn.Embedding(3, 3)
        self.head = nn.Linear(3, 3)
        self.head.weight = self.table.weight
        self.register_buffer('kept', torch.arange(3))
        self.register_buffer('passing', torch.arange(4), persistent=False)

    def forward(self, x):
        return self.head(self.blocks(x))


@pytest.mark.parametrize('how', ['zip 2', 'legacy 2'])
def test_a_module_pickled_whole_gives_its_state_dict(tmp_path, how):
    model = Tied().half()
    torch.save(model, tmp_path / 'x.pth', **SAVERS[how])
    assert_same(read_checkpoint(tmp_path / 'x.pth')['state_dict'], model.state_dict())
    torch.save(dict(epoch=1, model=model), tmp_path / 'y.pth', **SAVERS[how])
    assert_same(find_state_dict(read_checkpoint(tmp_path / 'y.pth'), 'y.pth'), model.state_dict())


def test_versions_of_modules_stay_with_a_state_dict(tmp_path):
    model = Tied()
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'x.pth')
    assert read_checkpoint(tmp_path / 'x.pth')['state_dict']._metadata['blocks.1'] == dict(version=2)


def tree(state: dict[str, torch.Tensor]) -> nn.Module:
    """Modules in a tree with these names."""
    root = nn.Module()
    for name, value in state.items():
        *path, leaf = name.split('.')
        module = root
        for part in path:
            if not hasattr(module, part):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        if value.is_floating_point():
            module.register_parameter(leaf, nn.Parameter(value))
        else:
            module.register_buffer(leaf, value)
    return root


def openai_state(name: str, shrink: int) -> dict[str, torch.Tensor]:
    path = KEYS / f'{name}.json'
    if not path.is_file():
        pytest.skip(f'names and shapes of public checkpoints are not at {KEYS}')
    generator = torch.Generator().manual_seed(0)
    state = {key: torch.randn([-(-size // shrink) for size in shape], generator=generator).half()
             for key, shape in json.loads(path.read_text())['keys'].items()}
    return dict(state, input_resolution=torch.tensor(224), context_length=torch.tensor(77),
                vocab_size=torch.tensor(49408))


@pytest.mark.parametrize('name, shrink', [
    ('openai_clip_vit_b32', 64), ('openai_clip_vit_b16', 64), ('openai_clip_vit_l14', 64),
    pytest.param('openai_clip_vit_b32', 1, marks=pytest.mark.slow)])
def test_archives_under_openais_names_load_bit_equal(tmp_path, monkeypatch, name, shrink):
    state = openai_state(name, shrink)
    torch.jit.script(tree(state)).save(str(tmp_path / 'clip.pt'))
    monkeypatch.setattr(torch.jit, 'load', None)
    monkeypatch.setattr(torch, 'load', None)
    read = find_state_dict(read_checkpoint(tmp_path / 'clip.pt'), 'clip.pt')
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key], value) and read[key].dtype == value.dtype for key, value in state.items())


def test_an_archive_with_lists_and_shared_parts_gives_what_torch_gives(tmp_path):

    class Parts(nn.Module):

        def __init__(self):
            super().__init__()
            self.first, self.names, self.sizes = nn.Linear(2, 2), {'a': 1}, [3, 4]
            self.again = self.first
            self.extra = [torch.ones(2)]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.again(x) + self.extra[0]

    module = torch.jit.script(Parts())
    module.save(str(tmp_path / 'x.pt'))
    assert_same(read_checkpoint(tmp_path / 'x.pt')['state_dict'], module.state_dict())


@pytest.mark.parametrize('form', ['safetensors', 'bin'])
def test_a_folder_in_parts_by_an_index(tmp_path, form):
    state = {f'module.layers.{index}.w': torch.randn(2, 2) for index in range(4)}
    stem, write = {'safetensors': ('model', save_file), 'bin': ('pytorch_model', torch.save)}[form]
    places = {name: f'{stem}-0000{1 + index // 2}-of-00002.{form}' for index, name in enumerate(state)}
    for place in set(places.values()):
        write({name: state[name] for name in state if places[name] == place}, tmp_path / place)
    (tmp_path / f'{stem}.{form}.index.json').write_text(json.dumps(dict(metadata=dict(total_size=64),
                                                                        weight_map=places)))
    for path in (tmp_path, tmp_path / f'{stem}.{form}.index.json'):
        assert_same(read_checkpoint(path)['state_dict'], state)
        assert set(find_state_dict(read_checkpoint(path), path)) == {f'layers.{index}.w' for index in range(4)}


def test_a_file_whose_writer_left_checksums_out_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(dict(w=torch.arange(9.)), tmp_path / 'x.pth')
    finally:
        torch.serialization.set_crc32_options(True)
    assert_same(read_checkpoint(tmp_path / 'x.pth'), dict(w=torch.arange(9.)))


def test_a_forged_archive_without_a_fault_is_read(tmp_path):
    """The forger's own files are good ones until it puts a fault in."""
    (tmp_path / 'x.pth').write_bytes(archive(whole(b'}' + b'X\1\0\0\0w' + tensor() + b's')))
    assert_same(read_checkpoint(tmp_path / 'x.pth'), dict(w=torch.tensor([1., 2.])))
    assert_same(torch.load(tmp_path / 'x.pth'), dict(w=torch.tensor([1., 2.])))
    (tmp_path / 'y.pth').write_bytes(zipped(Entry('x/data.pkl', whole(b'}')), Entry('x/other', b'')))
    assert read_checkpoint(tmp_path / 'y.pth') == {}


def test_tensors_go_to_the_device_that_is_named(tmp_path):
    torch.save(dict(w=torch.ones(2)), tmp_path / 'x.pth', _use_new_zipfile_serialization=False)
    for where in (None, 'cpu', torch.device('cpu'), lambda storage, place: storage):
        assert read_checkpoint(tmp_path / 'x.pth', where)['w'].device.type == 'cpu'


class Silent(SimpleHTTPRequestHandler):

    def log_message(self, *args):
        pass


def test_mmengine_reads_addresses_and_files_of_any_wrapper_by_the_same_reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    state = dict(w=torch.randn(2))
    torch.save(dict(model=state, args=argparse.Namespace()), tmp_path / 'x.pth')
    server = HTTPServer(('127.0.0.1', 0), Silent)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f'http://127.0.0.1:{server.server_port}'
        for path in ('x.pth', f'{address}/x.pth'):
            assert_same(CheckpointLoader.load_checkpoint(path, 'cpu')['state_dict'], state)
        with pytest.raises(CheckpointError, match='gone.pth: cannot be fetched .*404'):
            CheckpointLoader.load_checkpoint(f'{address}/gone.pth', 'cpu')
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize('length', [0x80, 0x180, 0x280])
def test_a_safetensors_header_whose_length_begins_as_a_pickle_does(length, tmp_path):
    """Its first bytes are then 80 00, 80 01, 80 02, the second of which a pickle's protocol may be, too."""
    path, padding = tmp_path / 'a.safetensors', 0
    while True:
        save_file({'a': torch.ones(2)}, path, metadata={'note': 'x' * padding})
        if int.from_bytes(path.read_bytes()[:8], 'little') >= length:
            break
        padding += 1
    assert path.read_bytes()[:8] == length.to_bytes(8, 'little')
    assert torch.equal(read_checkpoint(path)['state_dict']['a'], torch.ones(2))
