"""Rows of a table: what they select, how they shrink, what is written."""
import json

import pytest

from mmdfer.adapters import FEAdapter
from mmdfer.backbones import named_adapters
from mmdfer.apis.ablation import read_rows, run_rows, spread, write_table
from mmdfer.apis.ablation_demo import demo_config, shrink, width_scale
from mmdfer.run_config import load_config
from mmdfer.apis.counting import count_config
from mmdfer.registry import MODELS

from ..conftest import ROOT

FOLDER, PE_CLIP = (str(ROOT / 'configs/ablations' / name) for name in ('fe_adapter', 'pe_clip'))


@pytest.mark.parametrize('folder', sorted(path.parent for path in (ROOT / 'configs/ablations').glob('*/rows.py')),
                         ids=lambda folder: folder.name)
def test_every_row_has_a_config_and_every_config_a_row(folder):
    rows = read_rows(str(folder))
    on_disk = {path.stem for path in folder.glob('*.py')} - {'rows'}
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
    return named_adapters(load_config(f'{FOLDER}/{stem}.py').model.backbone.adapters).values()


@pytest.mark.parametrize('stem, millions', [
    ('d2conv3d', 6.62), ('depthwise_336', 6.65), ('conv3d', 6.51), ('dw_conv3d', 6.32), ('blocks_5_to_12', 4.42),
    ('blocks_9_to_12', 2.21), ('temporal_aggregation', 0.0)])
def test_tunable_millions_in_adapters(stem, millions):
    """Counted from the formulas: dense r=116: 27r²+1619r+771 with, 27r²+1538r+768 without the size predictor."""
    total = 0
    for cfg in adapters_of(stem):
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


@pytest.fixture
def at_root(monkeypatch):
    """Rows name their demo's configs from the root, where the tools run."""
    monkeypatch.chdir(ROOT)


def test_demo_configs_build_and_image_rows_have_none(at_root):
    for row in read_rows(FOLDER):
        cfg = demo_config(row)
        if row['group'] == 'image set':
            assert cfg is None
        else:
            cfg.model.backbone.pop('init_cfg')
            MODELS.build(cfg.model.backbone)


def test_shrinking_reductions():
    assert width_scale([dict(reduction=8)], [dict(reduction=4)]) == 2 and width_scale([], [dict(width=4)]) == 1
    assert [shrink([dict(reduction=r)], 12, 4, 2.)[0]['reduction'] for r in (4, 8, 16, 1)] == [2, 4, 8, 1]


def pe_clip_demo(stem):
    row, = read_rows(PE_CLIP, [stem])
    return demo_config(row)


def test_pe_clips_own_row_is_the_demos_config(at_root):
    ours, theirs = pe_clip_demo('full'), load_config('configs/demo/pe_clip.py')
    for tower in (theirs.model.backbone, theirs.model.cls_head.text_encoder):
        tower.adapters = [dict(adapter, blocks='all') for adapter in named_adapters(tower.adapters).values()]
    assert ours.model == theirs.model


def test_pe_clips_rows_differ_in_the_demo_by_what_they_are_of(at_root):
    full = pe_clip_demo('full').model
    assert pe_clip_demo('adapters').model.cls_head.prompts is None
    coop = pe_clip_demo('coop').model.cls_head
    assert coop.prompts == dict(context=16) and coop.texts.source == 'noun'
    assert coop.text_encoder == full.cls_head.text_encoder
    assert pe_clip_demo('tda_lstm').model.backbone.adapters[1].recurrence == 'lstm'
    assert pe_clip_demo('vision_sha_tda_prompts').model.cls_head.text_encoder.adapters == []
    assert pe_clip_demo('shared_modalities').model.share_adapters
    assert [one.reduction for one in pe_clip_demo('reduction_16').model.backbone.adapters] == [8, 8]


def test_every_row_of_pe_clip_makes_a_model_of_its_own_in_the_demo(at_root):
    rows = read_rows(PE_CLIP)
    cfgs = {row['stem']: demo_config(row) for row in rows}
    assert {stem for stem, cfg in cfgs.items() if cfg is None} == {'frames_0_to_1', 'no_mixing'}
    same = {'full', 'maple_au', 'reduction_8', 'scaling_post_up', 'tda_gru'}
    models = [str(cfg.model) for stem, cfg in cfgs.items() if cfg is not None and stem not in same - {'full'}]
    assert len(set(models)) == len(models)
    tunable = {stem: count_config(cfg)['tunable'] for stem, cfg in cfgs.items() if cfg is not None}
    assert len({tunable[stem] for stem in same}) == 1
    assert tunable['ta'] < tunable['adapters'] < tunable['full'] < tunable['tda_lstm']
    assert tunable['reduction_16'] < tunable['full'] < tunable['reduction_4']


def test_a_folder_without_a_demo_is_refused(at_root, tmp_path):
    with pytest.raises(ValueError, match='none of these rows can run on the demo set'):
        run_rows(read_rows(FOLDER, ['image set']), str(tmp_path), [0], [], demo=True)


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
