"""A config is found by its path, its name or its stem; what does not exist is told with the nearest names."""
import pytest

from mmdfer import config_names
from mmdfer.config_names import config_files, config_root
from mmdfer.run_config import load_config, set_work_dir

from .conftest import ROOT


def test_a_name_a_stem_and_a_path_are_one_config(monkeypatch, tmp_path):
    by_path = load_config(ROOT / 'configs/baselines/aim_vitb16_dfew.py')
    monkeypatch.chdir(tmp_path)                                 # names hold in any folder
    for name in ('baselines/aim_vitb16_dfew', 'aim_vitb16_dfew'):
        assert load_config(name)._cfg_dict == by_path._cfg_dict


def test_every_config_that_can_be_run_has_a_name_and_no_part_of_one_has():
    names = config_files()
    assert {'fe_adapter_vitb_dfew', 'demo/fe_adapter', 'mix/tsn_r50_dfew'} <= set(names)
    assert not any('_base_' in name for name in names)
    assert config_root() == ROOT / 'configs'


@pytest.mark.parametrize('name, message', [
    ('fe_adaptor_vitb_dfew', "no such config; did you mean 'fe_adapter_vitb_dfew'"),
    ('aim_vitb16', "did you mean 'aim_vitb16_dfew'"),
    ('configs/fe_adapter_vitb_dfw.py', 'configs/fe_adapter_vitb_dfw.py: no such config file.*fe_adapter_vitb_dfew'),
    ('finecliper_zeroshot/mafw_to_dfe', "no such row; did you mean 'finecliper_zeroshot/mafw_to_dfew'"),
    ('finecliper_zeroshot/mafw_to_dfew@mafw', 'the row is of dfew'),
])
def test_nearest_names_are_offered(name, message):
    with pytest.raises(ValueError, match=message):
        load_config(name)


def test_a_file_of_ones_own_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'fe_adapter_vitb_dfew').write_text('')
    with pytest.raises((ValueError, OSError)):
        load_config('fe_adapter_vitb_dfew')
    (tmp_path / 'mine.py').write_text('a = 1\n')
    assert load_config('mine.py').a == 1


def test_a_stem_that_two_configs_have_is_refused(monkeypatch):
    files = dict(config_files(), **{'mix/aim_vitb16_dfew': ROOT / 'none.py'})
    monkeypatch.setattr(config_names, 'config_files', lambda: files)
    with pytest.raises(ValueError, match='several configs.*baselines/aim_vitb16_dfew, mix/aim_vitb16_dfew'):
        config_names.find_file('aim_vitb16_dfew')


def test_the_installed_packages_configs_are_found(monkeypatch, tmp_path):
    package = tmp_path / 'site-packages' / 'mmdfer'
    (package / '.mim' / 'configs' / '_base_').mkdir(parents=True)
    monkeypatch.setattr(config_names, '__file__', str(package / 'config_names.py'))
    assert config_root() == package / '.mim' / 'configs'
    (package / '.mim' / 'configs' / '_base_').rmdir()
    with pytest.raises(FileNotFoundError, match='install the package again'):
        config_root()


def test_a_runs_folder_has_the_configs_name():
    for name, expected in (('fe_adapter_vitb_ferv39k', 'fe_adapter_vitb_ferv39k'),
                           ('finecliper_zeroshot/mafw_own', 'finecliper_zeroshot_mafw_own/fold_1')):
        cfg = load_config(name)
        set_work_dir(cfg, name)
        assert cfg.work_dir.rstrip('/') == f'work_dirs/{expected}'


def test_an_option_of_nothing_is_refused():
    with pytest.raises(ValueError,
                       match="modle.backbone: the config has no 'modle', and a run reads none; did you mean 'model'"):
        load_config('fe_adapter_vitb_dfew', {'modle.backbone': 1})
    assert load_config('fe_adapter_vitb_dfew', {'work_dir': 'a', 'compile': False}).work_dir == 'a'
