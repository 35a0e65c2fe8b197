"""The config that a checkpoint carries is read as data: equal to the config it was, and unable to run anything."""
import pytest
from mmengine.config import Config

from mmdfer.config_text import KEPT, carried_config
from mmdfer.run_config import load_config
from mmdfer.weights import CheckpointError

from .conftest import ROOT


@pytest.mark.parametrize('name', ['demo/fe_adapter.py', 'pe_clip_vitb16_dfew.py', 'image_fer/vitb_ferplus.py'])
def test_a_config_of_ours_comes_back_as_it_was(name):
    path = ROOT / 'configs' / name
    if not path.is_file():
        pytest.skip(f'there is no {name}')
    cfg = load_config(str(path))
    carried = carried_config(cfg.pretty_text, 'x.pth')
    for key in KEPT:
        assert carried.get(key) == cfg.get(key), key
    assert 'optim_wrapper' not in carried


def test_forms_of_values():
    cfg = Config(dict(model=dict(a=-1.5, b=[1, (2, None)], c={'x y': True, 3: 'ü\n"'}, d=float('inf'),
                                 e=float('-inf'))))
    assert carried_config(cfg.pretty_text, 'x.pth').model == cfg.model
    assert carried_config('model = dict({"a": 1}, b=set())', 'x.pth').model == dict(a=1, b=set())


@pytest.mark.parametrize('text', [
    'import os', 'open("{mark}", "w")', 'model = open("{mark}", "w")', 'model = dict(a=open("{mark}", "w"))',
    'model = [x for x in (1, )]', 'model = (lambda: 1)()', 'model = dict(**dict(a=1))', 'model = "".join(["a"])',
    'model = f"{{open(1)}}"', 'model = other', 'model.a = 1', 'a, b = 1, 2', 'model = -"a"', 'if True:\n    model = 1',
    'model = (',
    'model = ' + '[' * 5000 + ']' * 5000, 'model = {[]: 1}', '\0', 3, None, ['model = 1']])
def test_what_is_more_than_data_is_refused(tmp_path, text):
    mark = tmp_path / 'ran'
    with pytest.raises(CheckpointError,
                       match='x.pth: the config in it is not plain data .*mmdfer infer CONFIG CHECKPOINT'):
        carried_config(text.replace('{mark}', str(mark)) if isinstance(text, str) else text, 'x.pth')
    assert not mark.exists()


@pytest.mark.parametrize('entry', [
    "model = dict(type='subprocess.Popen', args=['true'])", "model = dict(type='antigravity')",
    "model = dict(type='mmengine.load')",
    "model = dict(backbone=[dict(type='os.system', command='true')])", "model = dict(type='AdapterViT', _scope_='os')",
    "model = dict(cls_head=dict(prompts=dict(context='os.system')))",
    "test_pipeline = [dict(type='ClipInit', reader='mine.Reader')]",
    "test_dataloader = dict(dataset=dict(type='mine.Set'))", "default_scope = 'os'",
    "model = dict(type='HuggingFaceClassifier', trust_remote_code=True)", 'model = dict(type=3)'])
def test_parts_from_elsewhere_are_refused(entry):
    with pytest.raises(CheckpointError, match='x.pth: the config in it has .* no part of this toolbox'):
        carried_config(entry, 'x.pth')


def test_names_of_files_may_have_dots():
    text = "model = dict(type='AdapterViT', init_cfg=dict(type='Pretrained', checkpoint='vitb.pth'), file='a.yaml')"
    assert carried_config(text, 'x.pth').model.file == 'a.yaml'
