"""Rows of tables as data: what a file may say, what a row changes, and how a mistake is told."""
from collections import Counter

import pytest
import yaml

from mmdfer.config_reading import row_config
from mmdfer.config_rows import change_config, find_row, read_rows, row_files, row_names
from mmdfer.run_config import load_config

PAPERS = ('fe_adapter', 'finecliper', 'finecliper_zeroshot', 'pe_clip')


def test_every_paper_has_its_rows_on_every_set():
    assert tuple(row_files()) == PAPERS
    counts = Counter(name.partition('/')[0] for name in row_names())
    assert (counts['fe_adapter'], counts['pe_clip'], counts['finecliper']) == (26, 29, 19)
    assert Counter(name.partition('/')[0] for name in row_names(datasets=True))['pe_clip'] == 3 * 29
    row, dataset = find_row('pe_clip/reduction_16@ferv39k')
    assert (row.row, dataset, row.stem(dataset)) == ('reduction_16', 'ferv39k', 'pe_clip_reduction_16_ferv39k')
    assert find_row('pe_clip/reduction_16')[1] == 'dfew' and find_row('baselines/aim_vitb16_dfew') is None


def test_a_row_is_its_base_on_the_set_that_is_asked_for():
    cfg, base = load_config('pe_clip/reduction_16@ferv39k'), load_config('pe_clip_vitb16_ferv39k')
    assert cfg.filename == 'pe_clip_reduction_16_ferv39k.py'
    towers = [one.model[tower] for one in (cfg, base) for tower in ('backbone', )] + [
        one.model.cls_head.text_encoder for one in (cfg, base)]
    assert [[adapter.reduction for adapter in tower.adapters.values()] for tower in towers] == [
        [16, 16], [8, 8], [16, 16], [8, 8]]
    for tower in towers:
        tower.adapters = None
    assert cfg._cfg_dict == base._cfg_dict


def content(**row):
    return dict(
        title='Mine', base=dict(dfew='fe_adapter_vitb_dfew', mafw='fe_adapter_vitb_mafw'), groups=[
            dict(name='g',
                 rows=[dict(dict(row='wide', name='wider', change={'model.backbone.adapters.fe.width': 200}), **row)])
        ])


def write(path, told):
    path.write_text(yaml.safe_dump(told))
    return path


def test_a_users_own_file_may_stand_on_a_file_of_his_own(tmp_path):
    (tmp_path / 'mine.py').write_text("_base_ = ['mmdfer::fe_adapter_vitb_dfew.py']\ntrain_cfg = dict(max_epochs=3)\n")
    told = content()
    told['base'] = dict(dfew='mine.py')
    row, = read_rows(write(tmp_path / 'own.yaml', told)).rows
    cfg = row_config(row)
    assert cfg.model.backbone.adapters.fe.width == 200 and cfg.train_cfg.max_epochs == 3
    assert cfg.filename == 'own_wide.py'                        # one set, which its name need not tell


@pytest.mark.parametrize('change, message', [
    (dict(chnage={}), "own.yaml: a row of 'g': unknown entry 'chnage'; did you mean 'change'"),
    (dict(name=''), 'name is missing'),
    (dict(sets=['ferv39k']), "has no base config for the set 'ferv39k'; choose one of dfew, mafw"),
    (dict(paper=dict(defw=[1, 2])), "the set 'defw'; did you mean 'dfew'"),
])
def test_a_mistake_in_a_file_is_told_by_entry(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        read_rows(write(tmp_path / 'own.yaml', content(**change)))


def test_files_that_hold_no_rows_are_refused(tmp_path):
    with pytest.raises(ValueError, match='none.yaml: no such file of rows'):
        read_rows(tmp_path / 'none.yaml')
    (tmp_path / 'broken.yaml').write_text('base: [')
    with pytest.raises(ValueError, match='broken.yaml: not YAML'):
        read_rows(tmp_path / 'broken.yaml')
    (tmp_path / 'list.yaml').write_text('- 1\n')
    with pytest.raises(ValueError, match='expected a mapping with base, groups, found list'):
        read_rows(tmp_path / 'list.yaml')
    twice = content()
    twice['groups'] *= 2
    with pytest.raises(ValueError, match='several rows are called wide'):
        read_rows(write(tmp_path / 'twice.yaml', twice))


def config():
    return dict(model=dict(type='M', head=dict(width=8, names=dict(a=dict(type='A'))), blending=dict(type='B')),
                schedulers=[dict(type='S', end=3)])


def test_a_change_takes_the_whole_place_of_what_was_there():
    cfg = config()
    change_config(
        cfg, {
            'model.head.width': 4, 'model.blending': {'alpha': 1}, 'schedulers.0.end': 5, 'model.share': True,
            'model.head.names.b': {'type': 'B'}, 'model.head.names.a': None
        }, 'row')
    assert cfg == dict(
        model=dict(type='M', head=dict(width=4, names=dict(a=None, b=dict(type='B'))), blending=dict(alpha=1),
                   share=True), schedulers=[dict(type='S', end=5)])


def test_the_rows_own_values_stay_as_they_are():
    values = {'model.head.names.b': {'type': 'B'}}
    cfg = config()
    change_config(cfg, values, 'row')
    cfg['model']['head']['names']['b']['width'] = 1
    assert values == {'model.head.names.b': {'type': 'B'}}


@pytest.mark.parametrize('key, value, message', [
    ('modle.head.width', 4, "p/r: modle.head.width changes nothing: the config has no 'modle'; did you mean 'model'"),
    ('model.haed.width', 4, "model has no 'haed'; did you mean 'head'"),
    ('model.head.wdith', 4, "model.head has no 'wdith'; did you mean 'width'"),
    ('model.head.names.c', None, "model.head.names has no 'c'"),
    ('model.blend', None, "model has no 'blend'; did you mean 'blending'"),
    ('schedulers.1.end', 4, "schedulers has no '1'"),
    ('schedulers.1', {'type': 'S'}, "schedulers has no '1'"),
    ('model.head.width.x', 4, 'model.head.width is 8 and has no entries'),
])
def test_a_change_that_hits_nothing_is_refused(key, value, message):
    cfg = config()
    with pytest.raises(ValueError, match=message):
        change_config(cfg, {key: value}, 'p/r')
    assert cfg == config()
