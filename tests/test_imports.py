"""``import mmdfer`` is light, and all that it has is there when somebody looks for it."""
import ast
import importlib
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from mmdfer import imports

from .conftest import ROOT
from .fresh import fresh_python

HEAVY = ('torch', 'mmengine', 'mmcv', 'mmaction', 'mmpretrain', 'torchvision', 'numpy', 'cv2', 'decord')
NOT_EVERYWHERE = {'fcntl', 'resource', 'decord', 'mediapipe', 'transformers', 'open_clip', 'nltk', 'simplejpeg', 'onnx',
                  'onnxruntime', 'h5py'}


def run_python(code, cwd):
    """The last words that a fresh interpreter prints for this code."""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)], cwd=cwd, capture_output=True,
                          text=True, timeout=300, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout.split('\n')[-2]


def run_fresh(code, cwd):
    """The last words that an interpreter prints for this code that has imported PyTorch, but nothing of OpenMMLab."""
    done = fresh_python(code, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.split('\n')[-2]


def environment():
    return dict(os.environ, PYTHONPATH=str(ROOT / 'projects'), OMP_NUM_THREADS='1')


def test_the_package_is_imported_without_the_stack(tmp_path):
    found = run_python(f'''
        import sys
        import mmdfer, mmdfer.apis, mmdfer.apis.cli, mmdfer.apis.options, mmdfer.files
        print([name for name in {HEAVY} if name in sys.modules])
    ''', tmp_path)
    assert found == '[]'


def test_what_some_machines_lack_is_imported_where_it_is_used():
    found = {}
    for path in (ROOT / 'projects/mmdfer').rglob('*.py'):
        names = set()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                names |= {alias.name.partition('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.partition('.')[0])
        if names & NOT_EVERYWHERE:
            found[path.name] = names & NOT_EVERYWHERE
    assert found == {}


BUILD = '''
    import sys
    {first}
    from mmengine.config import Config
    cfg = Config.fromfile('user.py')
    assert not any(name.startswith('mmdfer.backbones') for name in sys.modules), 'registered before it was needed'
    from mmengine.registry import HOOKS, METRICS, MODELS, init_default_scope
    init_default_scope(cfg.default_scope)
    hook, metric = HOOKS.get('EpochSeedHook'), METRICS.get('RecallMetric')
    backbone = MODELS.build(cfg.model)
    print(type(backbone).__module__, hook.__module__, metric.__module__)
'''
USER = '''
custom_imports = dict(imports=['mmdfer'])
default_scope = {scope!r}
model = dict(type={kind!r}, arch='tiny', img_size=32)
'''


@pytest.mark.slow
@pytest.mark.parametrize('first, scope, kind', [
    # a plain script: the config's line alone
    ('', 'mmaction', 'AdapterViT'),
    ('from mmengine.registry import HOOKS; HOOKS.get("IterTimerHook")', 'mmaction', 'AdapterViT'),    # after a look-up
    ('import mmdfer', 'mmpretrain', 'mmaction.AdapterViT'),                     # before anything of OpenMMLab
])
def test_one_line_registers_everything(tmp_path, first, scope, kind):
    (tmp_path / 'user.py').write_text(USER.format(scope=scope, kind=kind))
    found = run_fresh(BUILD.format(first=first), tmp_path)
    assert found == 'mmdfer.backbones.adapter_vit mmdfer.engine.dataset_hooks mmdfer.evaluation.recall_metric'


@pytest.mark.slow
def test_every_room_can_be_the_first(tmp_path):
    """Each in a child of a process that has the libraries, but nothing of the package."""
    found = run_fresh('''
        import importlib, os, pkgutil, sys
        import mmdfer
        import mmaction.models, mmpretrain.models, sklearn.metrics, matplotlib.pyplot
        assert 'mmdfer.everything' not in sys.modules

        failed = []
        for module in pkgutil.iter_modules(mmdfer.__path__, 'mmdfer.'):
            name = module.name
            child = os.fork()
            if child == 0:
                try:
                    importlib.import_module(name)
                    os._exit(0)
                except BaseException as error:
                    print(name, error, flush=True)
                    os._exit(1)
            if os.waitpid(child, 0)[1]:
                failed.append(name)
        print(failed)
    ''', tmp_path)
    assert found == '[]'


@pytest.fixture
def parcel(tmp_path, monkeypatch):
    """A package that writes down that it runs."""
    (tmp_path / 'parcel').mkdir()
    (tmp_path / 'parcel' / '__init__.py').write_text('import builtins\nbuiltins.parcel_runs.append("run")\n')
    monkeypatch.syspath_prepend(tmp_path)
    runs = []
    monkeypatch.setattr('builtins.parcel_runs', runs, raising=False)
    yield runs
    sys.modules.pop('parcel', None)
    imports._hooks().calls.pop('parcel', None)


def test_calls_come_after_the_module_in_order_and_once(parcel):
    imports.after_import('parcel', lambda: parcel.append('first'))
    imports.after_import('parcel', lambda: parcel.append('second'))
    assert importlib.util.find_spec('parcel') and parcel == []          # being looked for is not being imported
    module = importlib.import_module('parcel')
    assert parcel == ['run', 'first', 'second']
    assert module.__loader__ is module.__spec__.loader and type(module.__loader__).__name__ == 'SourceFileLoader'
    importlib.reload(module)
    assert parcel == ['run', 'first', 'second', 'run']
    imports.after_import('parcel', lambda: parcel.append('late'))
    assert parcel[-1] == 'late'


def test_an_import_that_fails_stays_an_error(parcel, tmp_path):
    (tmp_path / 'parcel' / '__init__.py').write_text('raise RuntimeError("broken parcel")\n')
    imports.after_import('parcel', lambda: parcel.append('after'))
    with pytest.raises(RuntimeError, match='broken parcel'):
        importlib.import_module('parcel')
    assert parcel == [] and 'parcel' not in sys.modules


def test_what_is_missing_is_explained(parcel, monkeypatch):
    monkeypatch.setitem(imports._hooks().missing, 'parcel', 'parcel is not there: get it')
    monkeypatch.setitem(imports._hooks().missing, 'no_such_parcel', 'no_such_parcel is not there: get it')
    assert importlib.import_module('parcel') and parcel == ['run']
    with pytest.raises(ModuleNotFoundError, match='no_such_parcel is not there: get it'):
        importlib.import_module('no_such_parcel')


@pytest.mark.parametrize('trouble, told', [
    (ImportError('No module named numba'), 0),
    (RuntimeError('cannot cache function: no locator available'), 1),
])
def test_without_numba_the_rest_works(monkeypatch, trouble, told):
    """A missing extra goes without a word, one that does not work with one."""
    def fail(name):
        assert name == 'mmdfer.ops._columns'
        raise trouble

    lines = []
    monkeypatch.setattr('mmengine.logging.print_log', lambda line, **where: lines.append(line))
    monkeypatch.setattr(imports, 'importlib', SimpleNamespace(import_module=fail))
    imports.compiled.cache_clear()
    try:
        for _ in range(2):
            assert imports.compiled('ops._columns', 'D2Conv3D is computed in plain PyTorch') is None
    finally:
        imports.compiled.cache_clear()
    assert lines == ['numba does not work here (cannot cache function: no locator available): D2Conv3D is computed in '
                     'plain PyTorch'] * told
