"""Rows of a table: what they select, how they shrink, what is written."""
import json

import pytest

from mmdfer.adapters import FEAdapter
from mmdfer.apis.ablation import demo_config, read_rows, shrink, spread, write_table
from mmdfer.apis.config import load_config
from mmdfer.registry import MODELS

from ..conftest import ROOT

FOLDER = str(ROOT / 'configs/ablations/fe_adapter')


def test_every_row_has_a_config_and_every_config_a_row():
    rows = read_rows(FOLDER)
    on_disk = {path.stem for path in (ROOT / 'configs/ablations/fe_adapter').glob('*.py')} - {'rows'}
    assert {row['stem'] for row in rows} == on_disk


def test_selection():
    assert [row['stem'] for row in read_rows(FOLDER, ['temporal modelling'])] == [
        'temporal_aggregation', 'conv3d', 'dw_conv3d', 'd2conv3d']
    assert [row['stem'] for row in read_rows(FOLDER, ['modulation', 'size_x'])] == ['size_x', 'modulation']
    with pytest.raises(ValueError, match="no row or group 'nope'; there are .*blocks_1_to_4"):
        read_rows(FOLDER, ['nope'])
    with pytest.raises(ValueError, match='rows.py: no such config'):
        read_rows(str(ROOT / 'configs/demo'))


def adapters_of(stem):
    return load_config(f'{FOLDER}/{stem}.py').model.backbone.adapters


@pytest.mark.parametrize('stem, millions', [
    ('d2conv3d', 6.62), ('depthwise_336', 6.65), ('conv3d', 6.51), ('dw_conv3d', 6.32), ('blocks_5_to_12', 4.42),
    ('blocks_9_to_12', 2.21), ('temporal_aggregation', 0.0)])
def test_tunable_millions_in_adapters(stem, millions):
    """Counted from the formulas: dense r=116: 27r²+1619r+771 with, 27r²+1538r+768 without the size predictor."""
    total = 0
    for cfg in adapters_of(stem):
        cfg = dict(cfg)
        first, _, last = str(cfg.pop('blocks')).partition('-')
        copies = 12 if first == 'all' else int(last) - int(first) + 1
        cfg.pop('slot')
        adapter = MODELS.build(dict(cfg, dim=768))
        assert isinstance(adapter, FEAdapter)
        total += copies * sum(parameter.numel() for parameter in adapter.parameters())
    assert round(total / 1e6, 2) == millions


@pytest.mark.parametrize('blocks, expected', [('all', 'all'), ('1-4', '1'), ('5-8', '2,3'), ('9-12', '4'),
                                              ('5-12', '2,3,4'), ('1-12', 'all')])
def test_shrinking_keeps_the_part_of_the_depth(blocks, expected):
    assert shrink([dict(type='FEAdapter', blocks=blocks)], 12, 4, 1.0)[0]['blocks'] == expected


def test_shrinking_widths():
    small = shrink([dict(width=116), dict(width=336, groups=336), dict(width=120, groups=4)], 12, 4, 24 / 116)
    assert [(one['width'], one.get('groups')) for one in small] == [(24, None), (68, 68), (24, 4)]


def test_demo_configs_build_and_image_rows_have_none():
    for row in read_rows(FOLDER):
        cfg = demo_config(dict(row), base=str(ROOT / 'configs/demo/fe_adapter.py'))
        if row['group'] == 'image set':
            assert cfg is None
        else:
            cfg.model.backbone.pop('init_cfg')
            MODELS.build(cfg.model.backbone)


def test_table(tmp_path):
    runs = [dict(uar=0.5, war=0.6, tunable=1234), dict(uar=0.7, war=0.6, tunable=1234)]
    rows = [dict(group='g', name='a', config='a.py', results=runs, paper=dict(dfew=(60.89, 73.67))),
            dict(group='g', name='b', config='b.py', results=runs[:1])]
    text = write_table(rows, str(tmp_path))
    assert '| g | a | 1,234 | 60.00 ± 14.14 | 60.00 ± 0.00 | 2 | 60.89 / 73.67 |' in text
    assert '| g | b | 1,234 | 50.00 | 60.00 | 1 |  |' in text
    assert (tmp_path / 'table.md').read_text() == text
    assert json.loads((tmp_path / 'table.json').read_text())[0]['paper'] == {'dfew': [60.89, 73.67]}
    assert spread([0.123456]) == '12.35'
