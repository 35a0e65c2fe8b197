"""Each mend does nothing where upstream works, and repairs where it does not."""
import io
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine import utils
from mmengine.config import Config, ConfigDict
from mmengine.fileio.backends import LocalBackend
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.registry import Registry
from mmengine.utils import package_utils

from mmdfer import compat, openmmlab

from .conftest import ROOT


def run_python(code: str, path=None) -> str:
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, (path and str(path), str(ROOT / 'projects')))))
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', textwrap.dedent(code)], env=env, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_installing_again_changes_nothing():
    before = [Registry.import_from_location, MessageHub.state_dict, LocalBackend.put, Config._get_cfg_path,
              list(sys.meta_path)]
    compat.install()
    openmmlab.install()
    assert before == [Registry.import_from_location, MessageHub.state_dict, LocalBackend.put, Config._get_cfg_path,
                      sys.meta_path]


@pytest.mark.slow
@pytest.mark.parametrize('broken', [True, False])
def test_torchvision_schemas_are_defined_only_where_missing(tmp_path, broken):
    package = tmp_path / 'torchvision'
    package.mkdir()
    define = '' if broken else "L = torch.library.Library('torchvision', 'DEF'); " \
        "L.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'); " \
        "L.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
    (package / '__init__.py').write_text(
        f"import torch\nfrom . import part\n{define}for name in ('nms', 'qnms'):\n"
        "    torch.library.register_fake(f'torchvision::{name}')(lambda dets, scores, iou_threshold: dets)\n")
    (package / 'part.py').write_text("name = 'part'\n")
    out = run_python('''
        import sys
        import mmdfer
        assert 'torch' not in sys.modules
        import torchvision, torch
        print(hasattr(torchvision, '_schemas_of_mmdfer'), hasattr(torch.ops.torchvision, 'nms'), torchvision.part.name)
        print(type(torchvision.__loader__).__name__, type(torchvision.__spec__.loader).__name__)
    ''', tmp_path)
    assert out.split() == [str(broken), 'True', 'part', 'SourceFileLoader', 'SourceFileLoader']


def test_drn_stand_in(monkeypatch, tmp_path):
    name = 'mmaction.models.localizers.drn'
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delitem(sys.modules, f'{name}.drn', raising=False)
    (tmp_path / 'models' / 'localizers').mkdir(parents=True)
    monkeypatch.setattr(compat.importlib.util, 'find_spec',
                        lambda _: SimpleNamespace(origin=str(tmp_path / '__init__.py')))
    assert compat.mend_missing_drn()
    with pytest.raises(ImportError, match='mmaction2#2714'):
        sys.modules[f'{name}.drn'].DRN()
    monkeypatch.delitem(sys.modules, name)
    (tmp_path / 'models' / 'localizers' / 'drn').mkdir()
    assert not compat.mend_missing_drn()
    assert name not in sys.modules


def test_multimodal_switch(monkeypatch):
    from mmaction.utils import dependency
    monkeypatch.setattr(dependency, 'WITH_MULTIMODAL', True)
    monkeypatch.setitem(sys.modules, 'mmaction.models.multimodal.vindlu', SimpleNamespace())
    assert not compat.mend_multimodal_imports('mmaction')    # the models are imported: too late to matter
    assert dependency.WITH_MULTIMODAL
    monkeypatch.delitem(sys.modules, 'mmaction.models.multimodal.vindlu')
    assert compat.mend_multimodal_imports('mmaction')
    assert not dependency.WITH_MULTIMODAL
    assert not compat.mend_multimodal_imports('mmaction')


def test_pkg_resources_replacements(monkeypatch):
    from mmengine.config import config as config_module
    originals = [(module, name, getattr(module, name)) for module in (package_utils, utils, config_module)
                 for name in ('is_installed', 'get_installed_path')]
    for module, name, value in originals:
        monkeypatch.setattr(module, name, value)             # restored at the end, whatever the mend sets
    real_find = compat.importlib.util.find_spec
    monkeypatch.setattr(package_utils, 'is_installed', len)
    monkeypatch.setattr(compat.importlib.util, 'find_spec',
                        lambda name: object() if name == 'pkg_resources' else real_find(name))
    assert not compat.mend_pkg_resources()
    assert package_utils.is_installed is len
    monkeypatch.setattr(compat.importlib.util, 'find_spec',
                        lambda name: None if name == 'pkg_resources' else real_find(name))
    assert compat.mend_pkg_resources()
    assert utils.get_installed_path is package_utils.get_installed_path is config_module.get_installed_path
    assert package_utils.is_installed('numpy') and not package_utils.is_installed('no-such-package')
    assert config_module.get_installed_path('numpy') == os.path.dirname(np.__file__)
    assert config_module.get_installed_path('opencv-python').endswith('cv2')


def test_message_hub_survives_safe_loading():
    hub = MessageHub.get_instance('compat-test')
    for value in (3.0, 1.0, 2.0):
        hub.update_scalar('train/loss', value, 2)
    hub.update_info('best_score', np.float64(0.5))
    buffer = io.BytesIO()
    torch.save(hub.state_dict(), buffer)
    buffer.seek(0)
    state = torch.load(buffer, weights_only=True)
    fresh = MessageHub.get_instance('compat-test-fresh')
    fresh.load_state_dict(state)
    for ours, theirs in zip(fresh.get_scalar('train/loss').data, hub.get_scalar('train/loss').data):
        np.testing.assert_array_equal(ours, theirs)
    assert fresh.get_scalar('train/loss').mean() == hub.get_scalar('train/loss').mean() == 1.0
    assert type(fresh.get_info('best_score')) is float


def test_message_hub_is_left_alone_where_torch_accepts_it(monkeypatch):
    wrapped = MessageHub.state_dict
    original = getattr(wrapped, '__wrapped__', wrapped)
    monkeypatch.setattr(MessageHub, 'state_dict', original)
    monkeypatch.setattr(compat, '_needs_trust', lambda value: False)
    assert not compat.mend_checkpoint_history()
    assert MessageHub.state_dict is original


def test_history_needs_trust_upstream_and_tensors_do_not():
    assert compat._needs_trust(HistoryBuffer([1.0], [1]))
    assert not compat._needs_trust(dict(a=torch.zeros(2), b='text'))


def test_interrupted_write_leaves_the_old_file(tmp_path):
    target, backend = tmp_path / 'file.pth', LocalBackend()
    backend.put(b'old', target)
    with pytest.raises(TypeError):
        backend.put('no bytes', target)
    assert target.read_bytes() == b'old'


def test_distributed_on_cpu(monkeypatch):
    cfg = ConfigDict()
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert not compat.prepare_distributed_on_cpu(cfg) and not cfg
    started = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: bool(started))
    monkeypatch.setattr(torch.distributed, 'init_process_group', started.append)
    assert compat.prepare_distributed_on_cpu(cfg)
    assert started == ['gloo'] and cfg.model_wrapper_cfg.device_ids is None
    assert not cfg.model_wrapper_cfg.find_unused_parameters
    cfg = Config(dict(find_unused_parameters=True))
    assert compat.prepare_distributed_on_cpu(cfg) and cfg.model_wrapper_cfg.find_unused_parameters


def test_two_mmcvs_are_named(monkeypatch):
    assert not compat.warn_about_two_mmcvs()
    monkeypatch.setattr(compat.importlib.metadata, 'version', lambda name: '2.1.0')
    with pytest.warns(UserWarning, match='mmcv 2.1.0 and mmcv-lite 2.1.0'):
        assert compat.warn_about_two_mmcvs()
