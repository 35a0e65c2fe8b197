"""The list of what can be run: what it tells, where it is told again, and what it costs to make."""
import json
import os
import re
import resource
import subprocess
import sys

import pytest
from mmengine.config import Config

from mmdfer.apis.configs import (
    config_table,
    dump_config,
    figures,
    list_configs,
    millions,
    models_table,
    neighbours_table,
)
from mmdfer.run_config import load_config
from mmdfer.runs.published import paper_row
from mmdfer.runs.settings import settings_of

from ..conftest import ROOT


def run(*words, cwd=ROOT):
    environment = dict(os.environ, PYTHONPATH=str(ROOT / 'projects'))
    return subprocess.run([sys.executable, '-m', 'mmdfer', 'configs', *map(str, words)], cwd=cwd, env=environment,
                          capture_output=True, text=True, timeout=120)


def named(name):
    found, = (config for config in list_configs(name) if config.name == name)
    return found


def test_a_config_is_listed_with_its_papers_figures():
    ours, theirs = named('fe_adapter_vitb_mafw'), paper_row('fe_adapter_vitb_mafw', 'mafw')
    assert ours.datasets == ('mafw', ) and ours.tunable == 6_622_644 + 11 * 769
    assert figures(
        ours.published['mafw']) == f'{100 * theirs["uar"]:.2f} / {100 * theirs["war"]:.2f}' == '39.41 / 55.02'
    assert ours.published_tunable == 6.6e6 and ours.path == 'fe_adapter_vitb_mafw.py'
    row = named('fe_adapter/blocks_1_to_4')
    assert row.datasets == ('dfew', 'ferv39k', 'mafw') and row.published['mafw'] == (34.15, 48.22)
    assert 'blocks 1-4' in row.model and not row.published.get('dfew')
    assert named('demo/fe_adapter').measured == {'demo (synthetic)': (88.96, 89.44)}


def test_words_select_and_an_unknown_one_is_told_with_the_nearest():
    assert {config.name for config in list_configs('PE-CLIP', rows=False)} == {
        'pe_clip_vitb16_dfew', 'pe_clip_vitb16_ferv39k', 'pe_clip_vitb16_mafw', 'pe_clip_vitb16_afew', 'demo/pe_clip'}
    assert len(list_configs('pe_clip/')) == 29
    with pytest.raises(ValueError, match="fe_adaptor_vitb_dfew: no such config; did you mean 'fe_adapter_vitb_dfew'"):
        list_configs('fe_adaptor_vitb_dfew')


def test_the_table_is_aligned():
    lines = config_table(list_configs('fe_adapter')).splitlines()
    where = lines[0].index('paper: UAR / WAR')
    assert all(line[where - 2:where] == '  ' for line in lines if len(line) > where)
    assert 'dfew 53.66 / 68.51, ferv39k 31.92 / 46.41, mafw 31.14 / 47.51' in next(
        line for line in lines if line.startswith('fe_adapter/temporal_aggregation'))


def test_the_readmes_table_is_made_of_the_metafiles():
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    begin, end = '<!-- mmdfer configs --markdown -->\n', '<!-- end -->'
    assert readme.count(begin) == readme.count(end) == 1
    assert readme[readme.index(begin) + len(begin):readme.index(end)] == models_table()


def test_the_neighbours_page_has_their_table_with_each_system_once():
    page = (ROOT / 'configs/neighbours/README.md').read_text(encoding='utf-8')
    begin, end = '<!-- mmdfer configs neighbours --markdown -->\n', '<!-- end -->'
    table = neighbours_table()
    assert page[page.index(begin) + len(begin):page.index(end)] == table
    systems = {path.stem.rsplit('_', 1)[0] for path in (ROOT / 'configs/neighbours').glob('*.py')}
    told = re.findall(r'`(\w+)_\{', table)
    assert sorted(told) == sorted(set(told)) and systems - set(told) == {'dk_clip_released', 's4d_joint'}
    s4d = next(line for line in table.splitlines() if line.startswith('| S4D'))
    assert all(cell in s4d for cell in ('101 M', 'not given / 76.68', 'last or best epoch', 'not measured'))


@pytest.mark.parametrize('count, text', [(5383, '5,383'), (6_628_027, '6.63 M'), (85_804_807, '85.8 M'), (None, '')])
def test_counts_are_rounded_to_three_figures(count, text):
    assert millions(count) == text


def test_a_row_is_written_as_a_config_of_its_own(tmp_path):
    dump_config('pe_clip/reduction_16@ferv39k', str(tmp_path / 'my.py'))
    assert (tmp_path /
            'my.py').read_text().startswith('# pe_clip/reduction_16@ferv39k: reduction, 16, written whole.\n')
    whole = Config.fromfile(tmp_path / 'my.py')
    assert settings_of(whole) == settings_of(load_config('pe_clip/reduction_16@ferv39k'))
    dump_config('aim_vitb16_dfew', str(tmp_path / 'aim.py'))
    assert settings_of(load_config(tmp_path / 'aim.py')) == settings_of(load_config('aim_vitb16_dfew'))
    with pytest.raises(ValueError, match='a file that ends in .py'):
        dump_config('aim_vitb16_dfew', str(tmp_path / 'aim.yaml'))


def test_the_command_is_quick_light_and_works_in_any_folder(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run('--no-rows', cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5
    assert 'fe_adapter_vitb_dfew' in done.stdout and 'fe_adapter/conv3d' not in done.stdout
    told = run('finecliper_zeroshot/mafw_own_to_', '--json', cwd=tmp_path)
    assert [one['published'] for one in json.loads(told.stdout)] == [
        {'dfew': [47.52, 57.12]}, {'ferv39k': [34.59, 42.28]}, {'mafw': [34.02, 40.23]}]
    imported = subprocess.run(
        [sys.executable, '-c', 'import sys; from mmdfer.apis.configs import list_configs; list_configs(); '
         'print(sorted({"torch", "mmengine", "numpy"} & set(sys.modules)))'],
        env=dict(os.environ, PYTHONPATH=str(ROOT / 'projects')), capture_output=True, text=True, timeout=120)
    assert imported.stdout.strip() == '[]', imported.stderr


def test_a_mistake_is_one_line(tmp_path):
    for words, message in ((('pe_clip/reduction_17', ), "did you mean 'pe_clip/reduction_1"),
                           (('--dump', 'a.py'), 'of which config?'),
                           (('pe_clip/reduction_17', '--dump', 'a.py'), "did you mean 'pe_clip/reduction_1")):
        done = run(*words, cwd=tmp_path)
        assert done.returncode == 2 and message in done.stderr and done.stderr.count('\n') == 1, done.stderr
