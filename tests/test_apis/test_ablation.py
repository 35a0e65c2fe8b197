"""Tables of rows: what they select, which rows are one run, how they shrink to the demo, what is written."""
import json
from functools import cache

import pytest
import torch

from mmdfer.apis import ablation
from mmdfer.apis.ablation import Plan, Trial, plan_trials, read_trials, run_trials
from mmdfer.apis.ablation_demo import demo_config, shrink, width_scale
from mmdfer.apis.ablation_table import spread, write_table
from mmdfer.apis.counting import count_config
from mmdfer.files import write_json
from mmdfer.recognizers.auxiliary import check_auxiliary_losses
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.runs.settings import settings_of

from ..conftest import ROOT, write_dfew


def names(trials):
    return [trial.row for trial in trials]


def test_selection():
    assert names(read_trials('fe_adapter', ['temporal modelling'])) == [
        'temporal_aggregation', 'conv3d', 'dw_conv3d', 'd2conv3d']
    assert names(read_trials('fe_adapter', ['modulation', 'size_x'])) == ['size_x', 'modulation']
    trial, = read_trials('fe_adapter', ['d2conv3d'], 'mafw')
    assert trial.config == 'fe_adapter/d2conv3d@mafw' and trial.published['mafw'] == (39.41, 55.02)
    assert names(read_trials('finecliper_zeroshot', dataset='ferv39k'))[:2] == ['ferv39k', 'mafw_own_to_ferv39k']
    # The folder that the rows were in.
    assert names(read_trials('configs/ablations/fe_adapter/')) == names(read_trials('fe_adapter'))


@pytest.mark.parametrize('table, only, dataset, message', [
    ('fe_adapter', ['nope'], None, "no row or group 'nope'"),
    ('fe_adapter', ['size_z'], None, "no row or group 'size_z'; did you mean .*'size_x'"),
    ('fe_adaptor', [], None, "fe_adaptor: no such table; did you mean 'fe_adapter'"),
    ('fe_adapter', [], 'defw', "--set defw: the table has no such set; did you mean 'dfew'"),
    (str(ROOT / 'configs/demo'), [], None, 'rows.py: no such config'),
])
def test_what_is_not_there_is_told_with_the_nearest(table, only, dataset, message):
    with pytest.raises(ValueError, match=message):
        read_trials(table, only, dataset)


def adapters_of(row):
    return load_config(f'fe_adapter/{row}').model.backbone.adapters


@pytest.mark.parametrize('row, millions', [
    ('d2conv3d', 6.62), ('depthwise_336', 6.65), ('conv3d', 6.51), ('dw_conv3d', 6.32), ('blocks_5_to_12', 4.42),
    ('blocks_9_to_12', 2.21), ('temporal_aggregation', 0.0)])
def test_tunable_millions_in_adapters(row, millions):
    """From the formulas: dense r=116: 27r²+1619r+771 with, 27r²+1538r+768 without the size predictor."""
    fe, total = adapters_of(row).fe, 0
    if fe is not None:
        first, _, last = str(fe.blocks).partition('-')
        width, taps = fe.width, 27
        adapter = 2 * 768 * width + width + 768 + taps * width**2 // fe.get('groups', 1) + width
        if fe.get('conv') != 'Conv3d':
            adapter += 3 * taps * width + 3
        total = adapter * (12 if first == 'all' else int(last) - int(first) + 1)
    assert round(total / 1e6, 2) == millions
    head = 7 * 769
    row_, = (trial for trial in read_trials('fe_adapter', [row]))
    assert row_.data[0].tunable == total + head                 # what is counted, by the pass over every config


@pytest.mark.parametrize('blocks, expected', [('all', 'all'), ('1-4', '1'), ('5-8', '2,3'), ('9-12', '4'),
                                              ('5-12', '2,3,4'), ('1-12', 'all')])
def test_shrinking_keeps_the_part_of_the_depth(blocks, expected):
    assert shrink(dict(fe=dict(type='FEAdapter', blocks=blocks)), 12, 4, 1.0)['fe']['blocks'] == expected


def test_shrinking_widths_and_reductions():
    small = shrink(dict(a=dict(width=116), b=dict(width=336, groups=336), c=dict(width=120, groups=4)), 12, 4, 24 / 116)
    assert [(one['width'], one.get('groups')) for one in small.values()] == [(24, None), (68, 68), (24, 4)]
    assert list(small) == ['a', 'b', 'c']
    assert width_scale(dict(a=dict(reduction=8)), dict(a=dict(reduction=4))) == 2 and width_scale(
        {}, dict(a=dict(width=4))) == 1
    assert [shrink(dict(a=dict(reduction=r)), 12, 4, 2.)['a']['reduction'] for r in (4, 8, 16, 1)] == [2, 4, 8, 1]


@cache
def demo(table, row):
    trial, = read_trials(table, [row])
    return demo_config(load_config(trial.config), trial.full, trial.small)


def test_demo_configs_take_its_clips_and_image_rows_have_none(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)                                 # rows hold in any folder
    trials = read_trials('fe_adapter')
    assert {trial.group for trial in trials if not trial.small} == {'image set'}
    for trial in trials:
        if trial.small:
            cfg = demo('fe_adapter', trial.row)
            model = MODELS.build(dict(cfg.model, backbone=dict(cfg.model.backbone, init_cfg=None),
                                      cls_head=dict(cfg.model.cls_head, num_classes=7)))
            check_auxiliary_losses(model)
            with torch.no_grad():
                model.backbone(torch.zeros(1, 3, cfg.num_frames, cfg.size, cfg.size))


def test_pe_clips_own_row_is_the_demos_config():
    ours, theirs = demo('pe_clip', 'full'), load_config('demo/pe_clip')
    for tower in (theirs.model.backbone, theirs.model.cls_head.text_encoder):
        for adapter in tower.adapters.values():
            adapter['blocks'] = 'all'
    assert ours.model == theirs.model


def test_pe_clips_rows_differ_in_the_demo_by_what_they_are_of():
    full = demo('pe_clip', 'full').model
    assert demo('pe_clip', 'adapters').model.cls_head.prompts is None
    coop = demo('pe_clip', 'coop').model.cls_head
    assert coop.prompts == dict(context=16) and coop.texts.source == 'noun'
    assert coop.text_encoder == full.cls_head.text_encoder
    assert demo('pe_clip', 'tda_lstm').model.backbone.adapters.tda.recurrence == 'lstm'
    assert demo('pe_clip', 'vision_sha_tda_prompts').model.cls_head.text_encoder.adapters == {}
    assert demo('pe_clip', 'shared_modalities').model.share_adapters
    assert [one.reduction for one in demo('pe_clip', 'reduction_16').model.backbone.adapters.values()] == [8, 8]


@pytest.mark.parametrize('row, modalities, loads', [
    ('base', {'video'}, set()), ('parsing', {'video', 'parsing'}, {'LoadFaceMaps'}),
    ('captions', {'video', 'caption'}, {'LoadCaption'}), ('adapters_positive', {'video'}, set()),
    ('all', {'video', 'parsing', 'landmarks', 'caption'}, {'LoadFaceMaps', 'LoadCaption'})])
def test_fineclipers_rows_load_in_the_demo_what_they_read(row, modalities, loads):
    cfg = demo('finecliper', row)
    assert {name for name, one in cfg.model.modalities.items() if one} == modalities
    for pipeline in (cfg.test_pipeline, *(cfg[f'{name}_dataloader'].dataset.pipeline for name in ('train', 'val'))):
        assert {step.type for step in pipeline if step.type in ('LoadFaceMaps', 'LoadCaption')} == loads
        packed = {*pipeline[-1].get('meta_keys', ()), *pipeline[-1].get('algorithm_keys', ())}
        assert ('caption' in packed, 'parsing_maps' in packed) == ('LoadCaption' in loads, 'LoadFaceMaps' in loads)
    own = load_config(f'finecliper/{row}').model
    assert set(cfg.model.backbone.adapters) == set(own.backbone.adapters)
    assert (cfg.model.cls_head.negative_encoder is None) == (own.cls_head.negative_encoder is None)
    assert set(cfg.model.cls_head.text_encoder.adapters) == set(own.cls_head.text_encoder.adapters)


SAME = {'pe_clip': [{'full', 'adapters_prompts', 'maple_au', 'reduction_8', 'scaling_post_up', 'tda_gru'},
                    {'adapters', 'class_names'}],
        'fe_adapter': [{'d2conv3d', 'blocks_1_to_12', 'before_mhsa', 'size_xyz'}]}


def test_every_row_of_pe_clip_makes_a_model_of_its_own_in_the_demo():
    trials = read_trials('pe_clip')
    cfgs = {trial.row: demo('pe_clip', trial.row) for trial in trials if trial.small}
    assert {trial.row for trial in trials} - set(cfgs) == {'frames_0_to_1', 'no_mixing', 'release'}
    full, names = SAME['pe_clip']
    models = [str(cfg.model) for row, cfg in cfgs.items() if row not in full - {'full'} | names - {'adapters'}]
    assert len(set(models)) == len(models)
    tunable = {row: count_config(cfgs[row])['tunable'] for row in (
        'ta', 'adapters', 'full', 'reduction_8', 'tda_gru', 'tda_lstm', 'reduction_4', 'reduction_16')}
    assert tunable['full'] == tunable['reduction_8'] == tunable['tda_gru']
    assert tunable['ta'] < tunable['adapters'] < tunable['full'] < tunable['tda_lstm']
    assert tunable['reduction_16'] < tunable['full'] < tunable['reduction_4']


@pytest.fixture(scope='module')
def dfew(tmp_path_factory):
    return str(write_dfew(
        tmp_path_factory.mktemp('ablation') / 'DFEW', train=7, test=7, frames=4, size=16, folds=(1, )))


@pytest.mark.parametrize('table', SAME)
def test_rows_of_the_same_settings_are_one_run(table, dfew, tmp_path):
    plan = plan_trials(table, str(tmp_path), ['--data-root', dfew])
    shared = {}
    for row, run in plan.runs.items():
        shared.setdefault(run, set()).add(row)
    found = [rows for rows in shared.values() if len(rows) > 1]
    assert sorted(found, key=len) == sorted(SAME[table], key=len)
    # A selection does not change whose run it is.
    row = sorted(SAME[table][0])[-1]
    chosen = plan_trials(table, str(tmp_path), ['--data-root', dfew], only=[row])
    assert names(chosen.trials) == [row] and chosen.folder(chosen.trials[0], 0) == plan.folder(
        next(trial for trial in plan.trials if trial.row == row), 0)


@pytest.mark.parametrize('rest, extra, message', [
    (['--seed', '3'], {}, '--seed is for one run'),
    (['--data-root', str(ROOT), '--image-checkpoint', __file__], {},
     r'one model for rows .* \(temporal_aggregation of affectnet, image_ferplus of ferplus, image_rafdb of rafdb\)'),
    ([], dict(table='finecliper_zeroshot', only=['clip_b32', 'mafw_to_dfew']),
     'none of these rows trains anything; only tested: mafw_to_dfew, clip_b32; the mean over the folds: mmdfer folds '
     'finecliper_zeroshot/mafw_to_dfew --test CHECKPOINT'),
    ([], dict(demo=True, only=['image set']), 'none of these rows can run on the demo set'),
    (['--data-root', '/no/such'], {}, "data_root='/no/such'"),
])
def test_a_plan_is_refused_before_anything_starts(rest, extra, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plan_trials(**dict(dict(table='fe_adapter', out=str(tmp_path), rest=rest), **extra))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def own(tmp_path):
    """A folder of one's own with a rows.py, and a row's config beside it."""
    (tmp_path / 'wide.py').write_text("_base_ = ['mmdfer::fe_adapter_vitb_dfew.py']\n"
                                      'model = dict(backbone=dict(adapters=dict(fe=dict(width=58))))\n')
    (tmp_path / 'rows').mkdir()
    (tmp_path / 'rows' / 'rows.py').write_text("rows = [dict(group='g', name='58 wide', config='../wide.py')]\n")
    return tmp_path / 'rows'


def test_results_of_other_settings_are_refused_by_name(own, dfew, tmp_path):
    out, seeds = str(tmp_path / 'out'), [0, 1]
    plan = plan_trials(str(own), out, ['--data-root', dfew], seeds=seeds)
    trial, = plan.trials
    assert (trial.row, trial.title, trial.published, trial.small) == ('wide', '58 wide', {}, None)
    cfg = load_config(own / '../wide.py')
    for seed in seeds:
        cfg.randomness.seed = seed
        write_json(settings_of(cfg), f'{plan.folder(trial, seed)}/settings.json')
        write_json(dict(name='wide'), f'{plan.folder(trial, seed)}/result.json')
    plan_trials(str(own), out, ['--data-root', dfew], seeds=seeds)
    with pytest.raises(
            ValueError, match=r'wide/seed_0 holds a run with other settings: optim_wrapper.optimizer.lr is 0.0005 '
            r'there and 0.9 here'):
        plan_trials(str(own), out, ['--data-root', dfew, '--cfg-options', 'optim_wrapper.optimizer.lr=0.9'])


def test_a_shared_run_is_trained_once_and_told(monkeypatch, tmp_path):
    started = []

    def train(plan, trial, seed, launch):
        started.append((trial.row, seed))
        write_json(dict(name=trial.row, tunable=10, uar=0.5, war=0.6), f'{plan.folder(trial, seed)}/result.json')
    monkeypatch.setattr(ablation, '_train', train)
    trials = tuple(Trial(row, 'g', row, row) for row in 'abc')
    rows = run_trials(Plan(trials, dict(a='a', b='a', c='c'), str(tmp_path), (0, 1), ()))
    assert started == [('a', 0), ('a', 1), ('c', 0), ('c', 1)]
    assert [len(row['results']) for row in rows] == [2, 2, 2] and [row['runs'] for row in rows] == ['a', 'a', 'c']
    assert 'One run, since their settings are the same: a, b.' in (tmp_path / 'table.md').read_text()
    started.clear()
    run_trials(Plan(trials, dict(a='a', b='a', c='c'), str(tmp_path), (0, 1), ()))
    assert not started


def test_table(tmp_path):
    runs = [dict(uar=0.5, war=0.6, tunable=1234), dict(uar=0.7, war=0.6, tunable=1234)]
    rows = [dict(group='g', name='a', row='a', config='a.py', results=runs, paper=dict(dfew=(60.89, 73.67))),
            dict(group='g', name='b', row='b', config='b.py', results=runs[:1])]
    text = write_table(rows, str(tmp_path))
    assert '| g | a | 1,234 | 60.00 ± 14.14 | 60.00 ± 0.00 | 2 | 60.89 / 73.67 |' in text
    assert '| g | b | 1,234 | 50.00 | 60.00 | 1 |  |' in text and 'synthetic' not in text
    assert (tmp_path / 'table.md').read_text() == text
    assert json.loads((tmp_path / 'table.json').read_text())[0]['paper'] == {'dfew': [60.89, 73.67]}
    assert spread([0.123456]) == '12.35'
    assert 'synthetic demo set' in write_table(rows, str(tmp_path), demo=True)
