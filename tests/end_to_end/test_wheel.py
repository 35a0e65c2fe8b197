"""The package as its wheel installs it: alone, outside the checkout, with the libraries that are there."""
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from ..conftest import ROOT

pytestmark = pytest.mark.slow
PARTS = ('setup.py', 'pyproject.toml', 'requirements.txt', 'README.md', 'LICENSE', 'projects', 'configs', 'tools')

SCRIPT = '''
import json, os, sys
import mmdfer
heavy = sorted({'torch', 'mmengine'} & set(sys.modules))
from mmengine.config import Config
from mmengine.hub import get_config
by_name = get_config('mmdfer::fe_adapter_vitb_dfew.py')
with open('mine.py', 'w') as file:
    file.write("_base_ = 'mmdfer::fe_adapter_vitb_dfew.py'\\nmodel = dict(cls_head=dict(dropout_ratio=0.25))\\n")
mine = Config.fromfile('mine.py')
from mmdfer.apis.cli import run_command
run_command('demo-clips', '--out data --subjects 5 --clips 35 --static 0 --size 48 --workers 1'.split())
runner = mmdfer.train('demo/fe_adapter', data_root='data', fold=1, work_dir='run', seed=0, cfg_options={
    'model.backbone.init_cfg': None, 'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 30,
    'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False, 'val_dataloader.num_workers': 0,
    'val_dataloader.persistent_workers': False})
video = sorted(os.listdir('data/videos'))[0]
cfg = mmdfer.load_config('demo/fe_adapter')
cfg.model.backbone.init_cfg = None
seen = mmdfer.DFERInferencer(cfg, 'run/epoch_1.pth', 'cpu')(f'data/videos/{video}', region='frame')
print()
print(json.dumps(dict(file=mmdfer.__file__, heavy=heavy, backbone=by_name.model.backbone.type,
                      dropout=mine.model.cls_head.dropout_ratio, same=mine.model.backbone == by_name.model.backbone,
                      steps=runner.iter, classes=len(seen['clip']['probabilities']), left=sorted(os.listdir('run')))))
'''


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """An environment with the wheel, and an empty folder to work in."""
    place = tmp_path_factory.mktemp('wheel')
    source = place / 'source'
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        source.mkdir(exist_ok=True)
        copy(ROOT / name, source / name, **(dict(ignore=shutil.ignore_patterns('__pycache__', '.mim', '*.egg-info'))
                                            if (ROOT / name).is_dir() else {}))
    pip(sys.executable, 'wheel', '--no-deps', '--no-build-isolation', '--wheel-dir', place, source)
    venv.create(place / 'env', symlinks=os.name != 'nt')
    python = place / 'env' / 'bin' / 'python'
    library = Path(sysconfig.get_path('purelib', vars=dict(base=str(place / 'env'), platbase=str(place / 'env'))))
    # The libraries' own .pth files are not followed; setuptools' one gives Python 3.12 and later their distutils.
    shim = "import importlib.util as u; u.find_spec('_distutils_hack') and __import__('_distutils_hack').add_shim()"
    (library / 'libraries.pth').write_text(f'{sysconfig.get_path("purelib")}\n{shim}\n')
    wheel, = place.glob('*.whl')
    pip(sys.executable, '--python', python, 'install', '--no-deps', '--no-index', '--ignore-installed', wheel)
    shutil.rmtree(source)
    (place / 'work').mkdir()
    return place


def pip(python, *args):
    done = subprocess.run([python, '-m', 'pip', '--disable-pip-version-check', *map(str, args)], capture_output=True,
                          text=True, env=clean_environment())
    assert done.returncode == 0, done.stdout + done.stderr


def clean_environment():
    """No path to the checkout."""
    environment = {key: value for key, value in os.environ.items() if key not in ('PYTHONPATH', 'VIRTUAL_ENV')}
    return dict(environment, OMP_NUM_THREADS='1', MMDFER_D2CONV3D='torch')      # one step is not worth compiling


def run(place, *words):
    done = subprocess.run([str(place / 'env' / 'bin' / words[0]), *map(str, words[1:])], cwd=place / 'work',
                          capture_output=True, text=True, timeout=300, env=clean_environment())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_wheel_works_alone(place):
    assert 'summarize' in run(place, 'mmdfer', '--help')
    assert 'fe_adapter_vitb_dfew' in run(place, 'mmdfer', 'configs')
    (place / 'work' / 'script.py').write_text(SCRIPT)
    found = json.loads(run(place, 'python', '-W', 'ignore', 'script.py').splitlines()[-1])
    assert Path(found['file']).is_relative_to(place / 'env')
    assert found['heavy'] == [] and found['backbone'] == 'AdapterViT' and found['dropout'] == 0.25 and found['same']
    assert found['steps'] == 1 and {'epoch_1.pth', 'last.safetensors', 'result.json'} <= set(found['left'])
    assert found['classes'] == 7
