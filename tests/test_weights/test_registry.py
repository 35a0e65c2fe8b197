"""Weights by name, from a server of this machine: resumed, whole or not there, and never another file."""
from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
import yaml

from mmdfer.apis.cli import run_command
from mmdfer.weights import CheckpointError, fetching, read_checkpoint
from mmdfer.weights.fetching import fetch, state_of
from mmdfer.weights.registry import Entry, is_name, known_weights

CONTENT = bytes(range(256)) * 3000


class Server(ThreadingHTTPServer):
    """Serves one file; cuts the first ``cuts`` answers short, and keeps what it was asked."""

    def __init__(self, content=CONTENT, cuts=0, ranges=True, status=200):
        super().__init__(('127.0.0.1', 0), Handler)
        self.content, self.cuts, self.ranges, self.fixed, self.asked = content, cuts, ranges, status, []
        threading.Thread(target=self.serve_forever, kwargs=dict(poll_interval=0.01), daemon=True).start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_port}/folder/best%20one.pth?key=1'


class Handler(BaseHTTPRequestHandler):

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get('Range'))
        if server.fixed != 200:
            self.send_error(server.fixed)
            return
        start = 0
        if server.ranges and self.headers.get('Range'):
            start = int(self.headers['Range'].removeprefix('bytes=').removesuffix('-'))
            if start >= len(server.content):
                self.send_response(416)
                self.send_header('Content-Range', f'bytes */{len(server.content)}')
                self.end_headers()
                return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{len(server.content) - 1}/{len(server.content)}')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if server.cuts > 0:
            server.cuts -= 1
            body = body[:len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(tmp_path, monkeypatch):
    monkeypatch.setenv('MMDFER_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(fetching.time, 'sleep', lambda seconds: None)
    servers = []

    def serve(**options):
        servers.append(Server(**options))
        return servers[-1]
    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def entry(server, content=CONTENT, **changes):
    fields = dict(name='mine', url=server.url, sha256=hashlib.sha256(content).hexdigest(), licence='MIT',
                  citation='nobody', size=len(content))
    return Entry(**dict(fields, **changes))


def test_a_file_is_fetched_once(serve):
    server = serve()
    path = fetch(entry(server))
    assert path.read_bytes() == CONTENT and path.name == 'best_one.pth'
    assert fetch(entry(server)) == path and server.asked == [None]
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('size', [len(CONTENT), None])
def test_a_cut_is_gone_on_with_from_where_it_was(serve, size):
    server = serve(cuts=2)
    assert fetch(entry(server, size=size)).read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert server.asked == [None, f'bytes={half}-', f'bytes={half + half // 2}-']


def test_a_server_that_knows_no_ranges_begins_again(serve):
    server = serve(cuts=1, ranges=False)
    assert fetch(entry(server)).read_bytes() == CONTENT and len(server.asked) == 2


def test_what_is_kept_of_a_fetch_that_failed_is_used_by_the_next(serve):
    server = serve(cuts=3)
    one = entry(server)
    with pytest.raises(CheckpointError, match='bytes are kept, run it again') as told:
        fetch(one)
    assert 'put the file at' in str(told.value) and state_of(one) == 'not fetched'
    assert fetch(one).read_bytes() == CONTENT
    assert server.asked[-1].startswith('bytes=')


def test_a_whole_part_of_unknown_size_is_done(serve):
    server = serve()
    one = entry(server, size=None)
    one.path.parent.mkdir(parents=True)
    one.path.with_name(f'{one.path.name}.part').write_bytes(CONTENT)
    assert fetch(one).read_bytes() == CONTENT


@pytest.mark.parametrize('content, message', [
    (CONTENT[:-1], 'bytes, expected'), (CONTENT + b'!', 'bytes, expected'), (CONTENT[::-1], 'is another file')])
def test_another_file_is_refused_and_not_kept(serve, content, message):
    server = serve(content=content)
    one = entry(server)
    with pytest.raises(CheckpointError, match=message):
        fetch(one)
    assert not one.path.exists() and sum(path.stat().st_size for path in one.path.parent.iterdir()) == 0
    server.content = CONTENT
    assert fetch(one).read_bytes() == CONTENT


def test_a_damaged_file_of_the_cache_is_told_and_fetched_again(serve, capsys, tmp_path):
    server = serve()
    one = entry(server)
    register(tmp_path, one)
    fetch(one).write_bytes(CONTENT[::-1])
    with pytest.raises(SystemExit) as status:
        run_command('weights', ['check', 'mine'])
    assert status.value.code == 1 and 'mine: wrong, not what the registry says' in capsys.readouterr().out
    run_command('weights', ['fetch', 'mine'])
    assert 'licence: MIT; please cite: nobody' in capsys.readouterr().out
    run_command('weights', ['check', 'mine'])
    assert capsys.readouterr().out.startswith('mine: right')


def test_an_address_that_is_not_there_is_asked_once(serve):
    server = serve(status=404)
    with pytest.raises(CheckpointError, match='mine: cannot be fetched from http.*Not Found'):
        fetch(entry(server))
    assert len(server.asked) == 1


def register(tmp_path, *entries):
    keys = dict(name='Name', url='URL', sha256='SHA256', licence='Licence', citation='Citation', size='Size',
                base='Base')
    (tmp_path / 'cache').mkdir(exist_ok=True)
    (tmp_path / 'cache' / 'weights.yaml').write_text(yaml.safe_dump(dict(Weights=[
        {told: getattr(one, key) for key, told in keys.items() if getattr(one, key) is not None} for one in entries])))


def test_a_name_stands_where_a_checkpoint_does_and_brings_its_base(serve, tmp_path, capsys):
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), tmp_path / 'a.pth')
    content = (tmp_path / 'a.pth').read_bytes()
    server = serve(content=content)
    register(tmp_path, entry(server, content, base='base'), entry(server, content, name='base'))
    assert is_name('mine') and not is_name(str(tmp_path / 'a.pth')) and not is_name('yours')
    run_command('weights', ['fetch', 'mine'])
    assert [line.split(':')[0] for line in capsys.readouterr().out.splitlines()[::2]] == ['base', 'mine']
    assert torch.equal(read_checkpoint('mine')['state_dict']['weight'], torch.ones(2))
    assert len(server.asked) == 2
    run_command('weights', ['list'])
    listed = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert listed['mine'][5] == 'yes' and listed['mine'][4] == 'base' and listed['clip_vitb16'][5] == 'no'


def test_a_config_keeps_the_name_so_that_a_tunable_file_tells_it(serve, tmp_path):
    from mmengine.config import Config

    from mmdfer.run_towers import set_image_checkpoint
    cfg = Config(dict(model=dict(backbone=dict(type='AdapterViT'))))
    set_image_checkpoint(cfg, 'clip_vitb16')
    assert cfg.model.backbone.init_cfg.checkpoint == 'clip_vitb16'
    with pytest.raises(ValueError, match='vit.pth: no such file, and no name of registered weights'):
        set_image_checkpoint(cfg, 'vit.pth')


def test_an_entry_is_made_of_a_file_and_reads_back(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('MMDFER_CACHE', str(tmp_path / 'cache'))
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), tmp_path / 'best.pth')
    run_command('weights', ['entry', str(tmp_path / 'best.pth'), '--url', 'https://example.org/best.pth', '--licence',
                            'MIT', '--base', 'clip_vitb16'])
    (tmp_path / 'own.yaml').write_text(capsys.readouterr().out)
    found = known_weights(tmp_path / 'own.yaml')['best']
    assert found.size == (tmp_path / 'best.pth').stat().st_size and found.base == 'clip_vitb16'
    assert found.sha256 == hashlib.sha256((tmp_path / 'best.pth').read_bytes()).hexdigest()


@pytest.mark.parametrize('change, message', [
    (dict(Name='a/b'), 'Name must be letters'), (dict(URL='file:///etc/passwd'), 'URL must be an address of http'),
    (dict(SHA256='12'), 'SHA256 must be 64'), (dict(Size=-1), 'Size must be a number'), (dict(Licence=None), 'Licence'),
    (dict(Licens='MIT'), "field Licens is not known"), (dict(Base='none'), "Base 'none' is in no registry")])
def test_a_registry_with_a_fault_is_refused_by_its_entry_and_field(change, message, tmp_path, monkeypatch):
    monkeypatch.setenv('MMDFER_CACHE', str(tmp_path / 'cache'))
    fields = dict(Name='one', URL='https://example.org/a.pth', SHA256='0' * 64, Licence='MIT', Citation='none')
    (tmp_path / 'own.yaml').write_text(yaml.safe_dump(dict(Weights=[dict(fields, **change)])))
    with pytest.raises(CheckpointError, match=message):
        known_weights(tmp_path / 'own.yaml')


def test_the_packages_own_addresses_tell_their_checksums(monkeypatch, tmp_path):
    monkeypatch.setenv('MMDFER_CACHE', str(tmp_path))
    for one in known_weights().values():
        assert one.sha256 in one.url
