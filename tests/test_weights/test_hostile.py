"""No weight file runs code, fills the memory or ends in anything but one line that names it, whatever option reads
it."""
import pytest
import torch
from mmengine.runner import CheckpointLoader

from mmdfer.apis.convert import convert_vit
from mmdfer.apis.convert_clip import convert_clip
from mmdfer.apis.convert_release import KINDS, convert_release
from mmdfer.apis.running import load_into
from mmdfer.backbones.injection import load_stock
from mmdfer.weights import CheckpointError, check_resumable, load_clip_text, load_vit, read_checkpoint

from ..fresh import fresh_python
from ..test_text import clip_models as clip
from .hostile import HOSTILE, LONG


def resume(path):
    check_resumable(CheckpointLoader.load_checkpoint(str(path), 'cpu'), path)


@pytest.fixture(scope='module')
def options():
    """What reads a file for each option that takes one."""
    vision, text, long_text = clip.our_vision(), clip.our_text(), clip.our_text(context=248)
    model = torch.nn.Linear(2, 2)
    return {
        '--image-checkpoint': lambda path, out: load_vit(vision, path),
        '--clip-checkpoint': lambda path, out: load_clip_text(text, path),
        '--long-clip-checkpoint': lambda path, out: load_clip_text(long_text, path),
        'test.py CHECKPOINT': lambda path, out: load_into(model, str(path)),
        '--resume': lambda path, out: resume(path),
        'load_from': lambda path, out: CheckpointLoader.load_checkpoint(str(path), 'cpu'),
        'init_cfg of a stock model': lambda path, out: load_stock(model, path),
        'convert vit': convert_vit, 'convert clip': convert_clip,
        **{f'convert release {kind}': lambda path, out, kind=kind: convert_release(kind, path, out) for kind in KINDS},
    }


@pytest.mark.parametrize('name', HOSTILE)
def test_a_hostile_file_is_refused_in_one_line_by_every_option(tmp_path, options, monkeypatch, name):
    monkeypatch.delenv('MMDFER_TRUST_CHECKPOINTS', raising=False)
    make, message = HOSTILE[name]
    (tmp_path / 'in').mkdir()
    path, mark = make(tmp_path / 'in', tmp_path / 'ran'), tmp_path / 'ran'
    for option, read in list(options.items())[:1 if name in LONG else None]:
        with pytest.raises(CheckpointError, match=message) as told:
            read(path, tmp_path / 'out.safetensors')
        line = str(told.value)
        assert str(path) in line and '\n' not in line and len(line) < 700, option
        assert not mark.exists() and not (tmp_path / 'out.safetensors').exists(), option


def test_the_table_of_hostile_files_is_long_and_of_small_files(tmp_path):
    assert len(HOSTILE) >= 120
    assert sum('call' in name or 'script' in name for name in HOSTILE) >= 15


READ_ALL = '''
    import resource, sys
    from pathlib import Path
    from mmdfer.weights import CheckpointError, load_vit, read_checkpoint
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    before, refused = peak(), 0
    for path in sys.argv[1:]:
        try:
            read_checkpoint(path)
        except CheckpointError:
            refused += 1
    print(refused, peak() - before)
'''


def test_reading_hostile_files_takes_little_memory(tmp_path):
    paths = []
    for index, (make, _) in enumerate(HOSTILE.values()):
        (tmp_path / str(index)).mkdir()
        paths.append(make(tmp_path / str(index), tmp_path / 'ran'))
    done = fresh_python(READ_ALL, *paths)
    assert done.returncode == 0, done.stderr
    refused, grown = map(int, done.stdout.split()[-2:])
    assert refused >= len(HOSTILE) - 8           # some are dicts without tensors, which their users refuse
    assert grown < 200                           # MiB; the largest claims 2 ** 62 bytes
    assert not (tmp_path / 'ran').exists()


def test_trust_runs_what_a_file_calls_and_nothing_of_a_script(tmp_path, monkeypatch):
    monkeypatch.setenv('MMDFER_TRUST_CHECKPOINTS', '1')
    for name, runs in (('call', True), ('call in a script', False), ('script with .PY', False)):
        folder = tmp_path / name
        folder.mkdir()
        path = HOSTILE[name][0](folder, folder / 'ran')
        try:
            read_checkpoint(path)
        except CheckpointError:
            assert not runs
        assert (folder / 'ran').exists() == runs
