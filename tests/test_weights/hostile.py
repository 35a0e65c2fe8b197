"""Files that are no weight files, are damaged, or were made to run code, to mislead or to fill the memory.

Each maker gets a folder to write into and the path of a mark that its code, if it ran, would leave. It gives the path
to read; what the reader should say of it stands beside it.
"""
from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from .forging import (
    TWO,
    Entry,
    W,
    archive,
    bomb,
    call,
    legacy,
    listed,
    made,
    name,
    noted,
    number,
    row,
    safetensors,
    script,
    state,
    storage,
    table,
    tensor,
    text,
    whole,
    zipped,
)

_MKDIR = name('os', 'mkdir')


def _run(mark: Path) -> bytes:
    return call(_MKDIR, text(str(mark)))


def _file(content: bytes | Callable[[Path], bytes], suffix: str = '.pth') -> Callable[[Path, Path], Path]:
    def make(folder: Path, mark: Path) -> Path:
        path = folder / f'file{suffix}'
        path.write_bytes(content(mark) if callable(content) else content)
        return path
    return make


def _saved(value, **options) -> Callable[[Path, Path], Path]:
    def make(folder: Path, mark: Path) -> Path:
        torch.save(value() if callable(value) else value, folder / 'file.pth', **options)
        return folder / 'file.pth'
    return make


def _changed(change: Callable[[bytes], bytes], **options) -> Callable[[Path, Path], Path]:
    """A whole file of torch, changed."""
    def make(folder: Path, mark: Path) -> Path:
        torch.save(dict(w=torch.arange(1000.)), folder / 'file.pth', **options)
        (folder / 'file.pth').write_bytes(change((folder / 'file.pth').read_bytes()))
        return folder / 'file.pth'
    return make


def _folder(files: dict[str, bytes]) -> Callable[[Path, Path], Path]:
    def make(folder: Path, mark: Path) -> Path:
        for file, data in files.items():
            (folder / file).write_bytes(data)
        return folder
    return make


def _tar(folder: Path, mark: Path) -> Path:
    with tarfile.open(folder / 'file.pth', 'w') as tar:
        info = tarfile.TarInfo('pickle')
        info.size = 3
        tar.addfile(info, io.BytesIO(b'abc'))
    return folder / 'file.pth'


def _npz(folder: Path, mark: Path) -> Path:
    np.savez(folder / 'file.npz', a=np.zeros(2))
    return folder / 'file.npz'


def _packed_once_more(folder: Path, mark: Path) -> Path:
    torch.save(dict(w=torch.zeros(2)), folder / 'inner.pth')
    with zipfile.ZipFile(folder / 'file.zip', 'w') as packed:
        packed.write(folder / 'inner.pth', 'inner.pth')
    return folder / 'file.zip'


def _pipe(folder: Path, mark: Path) -> Path:
    os.mkfifo(folder / 'file.pth')
    return folder / 'file.pth'


def _lost_link(folder: Path, mark: Path) -> Path:
    (folder / 'file.pth').symlink_to(folder / 'gone.pth')
    return folder / 'file.pth'


class Stateful(torch.nn.Module):
    """A module whose archive holds a program to run when it is read by torch.jit."""

    @torch.jit.export
    def __getstate__(self):
        return (torch.zeros(1), self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        self.training = state[1]

    def forward(self, x):
        return x


def _script_with_program(rename: Callable[[str], list[str]]) -> Callable[[Path, Path], Path]:
    def make(folder: Path, mark: Path) -> Path:
        torch.jit.script(Stateful()).save(str(folder / 'first.pt'))
        with zipfile.ZipFile(folder / 'first.pt') as source, zipfile.ZipFile(folder / 'file.pt', 'w') as target:
            for entry in source.namelist():
                for new in rename(entry):
                    target.writestr(new, source.read(entry))
        return folder / 'file.pt'
    return make


def _twice(entry: str) -> list[str]:
    return [entry, entry] if entry.endswith('.py') else [entry]


def _tree(levels: int) -> bytes:
    """Modules each of which holds the one below twice: 2 ** levels names of tensors."""
    kind, part = name('__torch__', 'M'), made(name('__torch__', 'M'), table(w=tensor()))
    for level in range(levels):
        part = made(kind, table(a=part + b'q' + bytes([level]), b=b'h' + bytes([level])))
    return part


def _flip(data: bytes) -> bytes:
    at = data.index(struct.pack('<f', 500.))
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1:]


_REFUSED = 'refused, because reading it would run code .*{}.*MMDFER_TRUST_CHECKPOINTS=1.*--trust-checkpoint'
_INDEX = 'model.safetensors.index.json'


def _index(places: object) -> bytes:
    return json.dumps(dict(metadata={}, weight_map=places)).encode()


HOSTILE: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    # no weight files
    'missing': (lambda folder, mark: folder / 'file.pth', 'no such checkpoint file; check the path'),
    'lost link': (_lost_link, 'no such checkpoint file'),
    'pipe': (_pipe, 'is no file but a device or a pipe'),
    'empty': (_file(b''), 'not a readable torch file, for it is empty'),
    'zeros': (_file(bytes(4096)), 'nothing but zeros; its download or copy did not end'),
    'text': (_file(b'hello there\n'), 'it is a text'),
    'page': (_file(b'<!DOCTYPE html><html><body>Sign in'), 'it is a web page; the download asks for a login'),
    'json': (_file(b'{"a": 1}'), 'it is a text'),
    'lfs': (_file(b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n'), 'pointer of Git LFS'),
    'hdf5': (_file(b'\x89HDF\r\n\x1a\n' + bytes(600), '.h5'), 'an HDF5 file, as Keras writes'),
    'gguf': (_file(b'GGUF' + bytes(60)), 'a GGUF file'),
    'npy': (_file(b'\x93NUMPY\1\0' + bytes(60)), 'a NumPy array'),
    'npz': (_npz, "a zip archive of NumPy's arrays"),
    'gzip': (_file(b'\x1f\x8b\x08' + bytes(60)), 'packed by gzip; unpack it'),
    'tar': (_tar, 'a tar archive; where it was written by torch before 0.1.10'),
    'picture': (_file(b'\x89PNG\r\n\x1a\n' + bytes(60)), 'a picture'),
    'noise': (_file(bytes(range(7, 255)) * 9), 'of an unknown kind'),
    'empty zip': (_file(zipped()), 'a zip archive without entries'),
    'other zip': (_file(zipped(Entry('a.txt', b'a'))), 'a zip archive that torch did not write .a.txt'),
    'weights zipped once more': (_packed_once_more, 'packed once more: unpack it'),
    'empty folder': (_folder({}), 'a folder without model.safetensors'),
    'other folder': (_folder({'a.bin': b''}), 'a folder without model.safetensors.*it has a.bin'),
    'pickle of another program': (_file(pickle.dumps(dict(a=1))), 'a pickle that torch.save did not write'),
    # code
    'call': (_file(lambda mark: state(x=_run(mark))), _REFUSED.format('calls os.mkdir')),
    'call in legacy': (_file(lambda mark: legacy(whole(table(w=tensor(), x=_run(mark))))),
                       _REFUSED.format('calls os.mkdir')),
    'call in the first pickle': (_file(lambda mark: whole(_run(mark))), _REFUSED.format('calls os.mkdir')),
    'call in the list of storages': (_file(lambda mark: legacy(whole(table(w=tensor())), whole(_run(mark)))),
                                     _REFUSED.format('calls os.mkdir')),
    'call by protocol 0': (_file(lambda mark: state(x=f'(ios\nmkdir\nV{mark}\nt'.encode()[:-1])),
                           _REFUSED.format('calls os')),
    'call by INST': (_file(lambda mark: state(x=b'(' + text(str(mark)) + b'ios\nmkdir\n')),
                     _REFUSED.format('calls os.mkdir')),
    'call by OBJ': (_file(lambda mark: state(x=b'(' + _MKDIR + text(str(mark)) + b'o')),
                    _REFUSED.format('calls os.mkdir')),
    'call by STACK_GLOBAL': (_file(lambda mark: archive(whole(table(
        w=tensor(), x=text('os') + text('mkdir') + b'\x93' + row(text(str(mark))) + b'R'), 4))),
        _REFUSED.format('calls os.mkdir')),
    'call by Python 2 names': (_file(lambda mark: state(x=call(name('__builtin__', 'eval'),
                                                               text(f'open({str(mark)!r}, "w")')))),
                               _REFUSED.format('calls builtins.eval')),
    'call of exec': (_file(lambda mark: state(x=call(name('builtins', 'exec'), text(f'open({str(mark)!r}, "w")')))),
                     _REFUSED.format('calls builtins.exec')),
    'call of what getattr gives': (_file(lambda mark: state(x=call(call(
        name('builtins', 'getattr'), name('os', 'path'), text('mkdir')), text(str(mark))))),
        _REFUSED.format('calls builtins.getattr')),
    'call of a partial': (_file(lambda mark: state(x=call(name('functools', 'partial'),
                                                          _MKDIR) + row(text(str(mark))) + b'R')),
                          _REFUSED.format('calls functools.partial')),
    'call of torch.load': (_file(lambda mark: state(x=call(name('torch', 'load'), text(str(mark))))),
                           _REFUSED.format('torch.load')),
    'call of torch.jit.load': (_file(lambda mark: state(x=call(name('torch.jit', 'load'), text(str(mark))))),
                               _REFUSED.format('torch.jit.load')),
    'call as a tensor': (_file(lambda mark: state(x=call(name('torch._tensor', '_rebuild_from_type_v2'), _MKDIR,
                                                         name('torch', 'Tensor'),
                                                         row(text(str(mark))), b'N'))),
                                                         'a tensor of a class of its own'),
    'call as a parameter': (_file(lambda mark: state(x=call(name('torch._utils', '_rebuild_parameter'), text(str(mark)),
                                                            b'\x88', b'N'))),
                            'a parameter that is no tensor'),
    'call in a script': (_file(lambda mark: script(whole(made(name('__torch__', 'M'),
                                                              table(w=tensor(), x=_run(mark))))), '.pt'),
                         r'would run code \(it calls os.mkdir\); save the state_dict'),
    'extension': (_file(state(x=b'\x82\1')), 'its pickle is damaged'),
    'buffers from outside': (_file(state(x=b'\x97')), 'its pickle is damaged'),
    'reference that is a text': (_file(state(x=b'P123\n')), 'refers to something that is no storage'),
    'script with a program': (_script_with_program(lambda entry: [entry]), 'whose state is no mapping of names'),
    'script with .PY': (_script_with_program(lambda entry: [entry.replace('.py', '.PY')]),
                        'whose state is no mapping of names'),
    'script with a program twice': (_script_with_program(_twice), 'two of its entries have the name'),
    'script of a tensor': (_file(script(whole(tensor())), '.pt'), 'a TorchScript archive without a module'),
    'script of numbered parts': (_file(script(whole(made(name('__torch__', 'M'), b'}(' + number(1) + tensor() + b'u'))),
                                       '.pt'),
                                 'whose state is no mapping of names'),
    'object of a class': (_file(archive(whole(made(name('subprocess', 'Popen'), table(w=tensor()))))),
                          'holds an object of subprocess.Popen, where a dict .* belongs; save model.state_dict'),
    # made to fill the memory
    'deflated zeros': (_file(lambda mark: archive(whole(table(w=tensor((1 << 28, ), where=storage(count=1 << 28)))),
                                                  Entry(
        'x/data/0', bomb(1024), 8, 1 << 30), storages={})), 'x/data/0 is compressed, which torch never does'),
    'deflated pickle': (_file(lambda mark: zipped(Entry('x/data.pkl', bomb(1024), 8, 1 << 30))),
                        'x/data.pkl is compressed'),
    'storage of 2 ** 60 values': (_file(archive(whole(table(w=tensor((2**60, ), where=storage(count=2**60)))))),
                                  'where its pickle says'),
    'legacy storage of 2 ** 60 values': (_file(legacy(whole(table(w=tensor(where=storage(count=2**60)))),
                                                      storages=struct.pack('<q', 2**60))),
                                                      'not of the size that its pickle says'),
    'tensor repeated': (_file(archive(whole(table(w=tensor((1 << 40, ), (0, )))))), 'repeat their values so often'),
    'tensors repeated': (_file(archive(whole(table(**{f'w{k}': tensor((1 << 27, ), (0, )) for k in range(8)})))),
                         'repeat their values'),
    'text of 2 ** 62 bytes': (_file(state(x=b'\x8d' + struct.pack('<Q', 2**62))), 'its pickle ends too early'),
    'bytes of 2 ** 31': (_file(state(x=b'B' + struct.pack('<I', 2**31))), 'its pickle ends too early'),
    'number of 2 ** 31 bytes': (_file(state(x=b'\x8b' + struct.pack('<I', 2**31 - 1))),
                                'a number of thousands of digits'),
    'number of 5000 digits': (_file(state(x=b'L' + b'9' * 5000 + b'L\n')), 'a number of thousands of digits'),
    'many containers': (_file(state(x=listed(b'}' * 600_000))), 'more than 500,000 containers'),
    'many steps': (_file(state(x=listed(b'N0' * 1_500_000))), 'more than 2,000,000 steps'),
    'copies of copies': (_file(state(x=b'0'.join([text('x' * 50_000) + b'q\7', *[call(
        name('_codecs', 'encode'), b'h\7', text('latin1'))] * 2000]))), 'copies more than it holds'),
    'nested lists': (_file(archive(whole(b']' * 30_000 + b'a' * 29_999))), 'a bare list'),
    'tree of modules': (_file(script(whole(_tree(60))), '.pt'), 'nested beyond measure'),
    'names of numbers': (_file(archive(whole(b'}(' + number(2**80) + tensor() + b'u'))),
                         'a name that is a number of more than 64 bits'),
    'names of rows': (_file(archive(whole(b'}(' + row(row(), row()) + tensor() + b'u'))), 'a name that is a tuple'),
    'directory of 1 GiB': (_file(archive(whole(table(w=tensor())), directory=1 << 30)),
                           'list of entries takes 1024 MiB'),
    'safetensors header of 2 ** 31': (_file(safetensors(dict(w=W), length=2**31), '.safetensors'), 'header would take'),
    # damaged, or not what it says
    'cut short': (_changed(lambda data: data[:len(data) // 2]), 'may be cut short'),
    'legacy cut short': (_changed(lambda data: data[:len(data) // 2], _use_new_zipfile_serialization=False),
                         'may be cut short'),
    'cut within its pickle': (_file(legacy(whole(table(w=tensor())))[:150]), 'its pickle ends too early'),
    'safetensors cut short': (_file(safetensors(dict(w=W), TWO[:4]), '.safetensors'),
                              'not a readable safetensors file: .*cut short'),
    'safetensors cut in its header': (_file(safetensors(dict(w=W))[:20], '.safetensors'),
                                      'header would take .* cut short'),
    'more behind it': (_file(archive(whole(table(w=tensor())), behind=b'more')),
                       'may be cut short, or have more behind it'),
    'bit flipped': (_changed(_flip), 'data/0 is damaged, for its checksum is another'),
    'two entries of one name': (_file(archive(whole(table(w=tensor())), Entry('x/data/0', TWO))),
                                'two of its entries have the name x/data/0'),
    'entry over another': (_file(archive(whole(table(w=tensor())), Entry('x/data/0', TWO, at=1), storages={'0': TWO})),
                           'two of its entries'),
    'entries in one place': (_file(zipped(Entry('x/data.pkl', whole(table(w=tensor()))), Entry('x/data/0', TWO), Entry(
        'x/data/0', TWO, at=1, local_name='y'))), 'two of its entries'),
    'entry within another': (_file(zipped(Entry('x/data.pkl', whole(table(w=tensor()))),
                                          Entry('x/data.pk2', b'abc', at=0))),
                             'another than its list says'),
    'another name in its place': (_file(zipped(Entry('x/data.pkl', whole(table(w=tensor())), local_name='x/other.pk'))),
                                  'another than its list says'),
    'encrypted': (_file(zipped(Entry('x/data.pkl', whole(table(w=tensor())), flags=1))), 'its entries are encrypted'),
    'two pickles': (_file(zipped(Entry('x/data.pkl', whole(table())), Entry('y/data.pkl', whole(table())))),
                    'it holds 2 pickles'),
    'no storage': (_file(archive(whole(table(w=tensor())), storages={})), 'lacks the entry x/data/0'),
    'storage too small': (_file(archive(whole(table(w=tensor())), storages={'0': TWO[:4]})),
                          'has 4 bytes, where its pickle says 8'),
    'storage of two sizes': (_file(state(x=tensor(where=storage(count=1)))), 'gives storage 0 two sizes'),
    'storage of a strange type': (_file(state(x=tensor(where=storage(kind='QUInt8Storage')))),
                                  'a storage of torch.QUInt8Storage'),
    'storage elsewhere': (_file(archive(whole(table(w=tensor(where=storage('../version')))))),
                          'lacks the entry x/data/../version'),
    'big-endian': (_file(archive(whole(table(w=tensor())), Entry('x/byteorder', b'big'))), 'numbers are big-endian'),
    'legacy big-endian': (_file(legacy(whole(table(w=tensor())), sizes=dict(little_endian=False))),
                          'numbers are big-endian'),
    'legacy with other storages': (_file(legacy(whole(table(w=tensor())), pickle.dumps(['1'], 2))),
                                   'list of storages is not'),
    'legacy with a bad magic': (_file(legacy(whole(table(w=tensor())), magic=7)), 'torch.save did not write'),
    'stride too long': (_file(state(x=tensor((2, ), (2, )))), 'reaches beyond its storage of 2 values'),
    'stride below zero': (_file(state(x=tensor((2, ), (-1, ), 1))), 'an impossible shape'),
    'offset beyond': (_file(state(x=tensor((1, ), (1, ), 2))), 'reaches beyond its storage'),
    'offset below zero': (_file(state(x=tensor(offset=-1))), 'an impossible shape'),
    'length below zero': (_file(state(x=tensor((-1, )))), 'an impossible shape'),
    'shape without strides': (_file(state(x=tensor((2, ), ()))), 'an impossible shape'),
    'forty dimensions': (_file(state(x=tensor((1, ) * 40, (1, ) * 40))), 'an impossible shape'),
    'tensor to be conjugated': (_file(state(x=tensor(more=(table(conj=b'\x88'), )))), 'to be conjugated'),
    'sparse': (_saved(lambda: dict(w=torch.eye(2).to_sparse())), 'holds a sparse tensor, which no model here has'),
    'quantised': (_saved(lambda: dict(w=torch.quantize_per_tensor(torch.zeros(2), .1, 0, torch.qint8))),
                  'quantised|QInt8Storage'),
    'meta': (_saved(lambda: dict(w=torch.zeros(2, device='meta'))), 'a tensor without values'),
    'bare tensor': (_saved(torch.zeros(2)),
                    'a bare Tensor, where a dict of names and tensors belongs; save model.state_dict'),
    'bare list': (_saved([torch.zeros(2)]), 'a bare list'),
    'bare number': (_saved(3), 'a bare int'),
    'only numbers': (_saved(dict(state_dict=dict(epoch=3))), 'holds no tensors'),
    'empty dict': (_saved({}), 'holds no tensors'),
    'weights in a list': (_saved(dict(state_dict=[torch.zeros(2)])), 'holds no tensors'),
    'numbers as names': (_saved({0: torch.zeros(2)}), 'holds no tensors'),
    'nothing on the stack': (_file(archive(whole(b''))), 'its pickle is damaged'),
    'unknown step': (_file(archive(whole(b'\xff'))), 'its pickle is damaged'),
    'protocol 9': (_file(archive(whole(table(w=tensor()), 9))), 'a protocol after 5'),
    'memo without an entry': (_file(state(x=b'h\x63')), 'its pickle is damaged'),
    'safetensors header that is a list': (_file(safetensors(b'{', length=1), '.safetensors'), 'its header is no JSON'),
    'safetensors with a name twice': (_file(safetensors(b'{"w":%s,"w":%s}' % ((json.dumps(W).encode(), ) * 2)),
                                            '.safetensors'),
                                      'it names w twice'),
    'safetensors beyond its end': (_file(safetensors(dict(w=dict(W, data_offsets=[0, 800], shape=[200]))),
                                         '.safetensors'),
                                   'not a readable safetensors file'),
    'metadata that are a list': (_file(noted('[1]'), '.safetensors'),
                                 "metadata 'mmdfer' are a list, where an object belongs"),
    'metadata that are deep': (_file(noted('[' * 100_000), '.safetensors'), "metadata 'mmdfer' are nested too deeply"),
    'metadata that are no JSON': (_file(noted('{'), '.safetensors'), "metadata 'mmdfer' are no JSON"),
    'metadata with a number of 5000 digits': (_file(noted('{"a": %s}' % ('9' * 5000)), '.safetensors'),
                                              "metadata 'mmdfer' are no JSON"),
    'index to elsewhere': (_folder({_INDEX: _index(dict(w='../w.safetensors'))}), 'which is no weight file beside it'),
    'index to itself': (_folder({_INDEX: _index(dict(w=_INDEX))}), 'which is no weight file beside it'),
    'index to what is missing': (_folder({_INDEX: _index(dict(w='a.safetensors'))}),
                                 'a.safetensors, which is not there'),
    'index of what is not there': (_folder({_INDEX: _index(dict(v='a.safetensors')),
                                            'a.safetensors': safetensors(dict(w=W))}),
                                   'lacks 1 tensors that .* places there, such as v'),
    'index of a list': (_folder({_INDEX: _index([1])}), 'no weight_map of names and files'),
}
# Each takes a second or more to be refused.
LONG = ('many containers', 'many steps')
