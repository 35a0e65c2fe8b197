"""Counts are the papers', FLOPs are the closed form's, and what is kept for backward is what must be kept."""
import json

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmdfer.apis.counting import clip_shape, count_config, count_flops, count_model, format_report, saved_bytes
from mmdfer.ops import D2Conv3d
from mmdfer.run_config import load_config

from ..commands import tool
from ..conftest import ROOT

FE_ADAPTER = ROOT / 'configs/fe_adapter_vitb_dfew.py'
HEAD = 7 * 769
TINY = dict(embed_dims=24, num_layers=2, num_heads=4, feedforward_channels=96)


def count(adapters=None, full=False, **options):
    cfg = load_config(FE_ADAPTER, options)
    if adapters is not None:
        cfg.model.backbone.adapters = adapters
    return count_config(cfg, full)


def test_fe_adapter_has_the_papers_count():
    report = count()
    assert report['tunable_adapters'] == 6_622_644
    assert report['tunable'] == 6_628_027
    assert report['total'] == 85_798_656 + 6_628_027                # ViT-B/16 without its classifier
    assert report['modules']['cls_head'] == dict(tunable=HEAD, total=HEAD)
    assert report['modules']['backbone.adapters.fe'] == dict(tunable=6_622_644, total=6_622_644)
    assert report['modules']['backbone']['tunable'] == 6_622_644


@pytest.mark.parametrize('adapters, expected', [
    ([dict(type='FEAdapter', slot='before_attn', width=336, groups=336)], pytest.approx(6.65e6, abs=5e3)),
    ([dict(type='STAdapter', slot='before_ffn')], 7_110_144),
    ([dict(type='STAdapter', slot='before_attn'), dict(type='STAdapter', slot='before_ffn')], 14_220_288),
    ([dict(type='STAdapter', slot='before_ffn', kernel_size=3)], pytest.approx(7.221e6, abs=5e2)),
    ([dict(type='BottleneckAdapter', slot='attn_out', blocks=1)], 295_872),
    ([dict(type='TemporalDynamicAdapter', slot='ffn_out')], 12 * 206_497),
    ([dict(type='TemporalModelingAdapter', slot='before_attn')], 8_891_136),
    ([dict(type='BottleneckAdapter', slot=slot) for slot in ('temporal_attn', 'attn_out', 'parallel_ffn')], 10_651_392),
    ([], 0),
])
def test_adapters_have_the_papers_counts(adapters, expected):
    report = count({f'a{index}': adapter for index, adapter in enumerate(adapters)})
    assert report['tunable_adapters'] == expected
    assert report['tunable'] == report['tunable_adapters'] + HEAD
    rows = {f'backbone.adapters.a{index}' for index in range(len(adapters))}
    assert {name for name in report['modules'] if '.' in name} == rows
    assert sum(report['modules'][name]['tunable'] for name in rows) == report['tunable_adapters']


def test_lora_has_a_row_and_counts_among_the_adapters():
    report = count([], **{'model.backbone.lora.rank': 8})
    assert report['tunable_adapters'] == 12 * 8 * (768 + 3 * 768)
    assert report['modules']['backbone.lora.qkv'] == dict(tunable=294_912, total=294_912)
    assert report['tunable'] == 294_912 + HEAD


def test_top_level_modules_add_up_and_a_shared_parameter_counts_once():
    model = nn.ModuleDict(dict(a=nn.Linear(2, 3), b=nn.Linear(2, 3)))
    model['b'].weight = model['a'].weight
    model['a'].bias.requires_grad_(False)
    report = count_model(model)
    assert (report['tunable'], report['total'], report['tunable_adapters']) == (9, 12, 0)
    assert report['modules'] == dict(a=dict(tunable=6, total=9), b=dict(tunable=3, total=3))


def test_adapters_beside_a_stock_backbone_make_one_row():
    adapters = nn.ModuleDict({f'blocks_{block}': nn.Linear(2, 2, bias=False) for block in range(12)})
    report = count_model(nn.ModuleDict(dict(backbone=nn.ModuleDict(dict(adapters=nn.ModuleDict(dict(fe=adapters)))))))
    assert report['modules']['backbone.adapters.fe'] == dict(tunable=48, total=48)
    assert report['tunable_adapters'] == 48


def test_adapters_that_nothing_reads_are_told():
    """Of patches alone, behind the last attention: their gradient is zero, see the slots' own tests."""
    behind = dict(type='STAdapter', slot='after_ffn')
    assert count().get('unread') == count(dict(st=dict(behind, blocks='1-11'))).get('unread') == {}
    report = count(dict(st=behind, every=dict(type='BottleneckAdapter', slot='ffn_out')))
    assert report['unread'] == {'backbone.layers.11.adapters.st': 592_512}
    assert 'without a gradient: 0.593 M in backbone.layers.11.adapters.st' in format_report(report)
    assert 'without a gradient' not in format_report(count())


def vit_flops(frames, tokens, dim, depth, patch=16, classes=7):
    """Per layer 2·4·L·D² for the projections of attention, 2·8·L·D² for the MLP, 2·2·L²·D for attention itself."""
    layer = 24 * tokens * dim ** 2 + 4 * tokens ** 2 * dim
    return frames * (depth * layer + 2 * (tokens - 1) * dim * 3 * patch ** 2) + 2 * dim * classes


def test_flops_of_a_vit_are_the_closed_form():
    report = count([], full=True)
    assert report['input'] == [1, 1, 3, 16, 224, 224]
    assert report['flops'] == vit_flops(16, 197, 768, 12)
    assert report['activation_bytes'] == 768 * 4                    # the frozen model keeps nothing, the head its input

def test_flops_of_adapters_add_to_the_backbones():
    """In a ViT-B of two layers."""
    voxels, plain = 16 * 14 * 14, vit_flops(16, 197, 768, 2)
    short = {'model.backbone.arch': dict(embed_dims=768, num_layers=2, num_heads=12, feedforward_channels=3072,
                                         _delete_=True)}
    st_adapter = 2 * voxels * (2 * 768 * 384 + 3 * 384)
    assert count([dict(type='STAdapter', slot='before_ffn')], full=True, **short)['flops'] == plain + 2 * st_adapter
    # Down and up, 27 taps, the size predictor's 27 taps, and 5·5·5 reads of a voxel.
    fe_adapter = 2 * voxels * (2 * 768 * 116 + 27 * 116 * 116 + 27 * 116 * 3 + 125 * 116)
    assert count(full=True, **short)['flops'] == plain + 2 * fe_adapter
    # The gate, down and up, and a GRU's three products of its input and three of its state.
    tda = 2 * 16 * 197 * (768 + 2 * 768 * 96 + 6 * 96 * 96)
    assert count([dict(type='TemporalDynamicAdapter', slot='ffn_out')], full=True, **short)['flops'] == plain + 2 * tda


def test_flops_are_the_same_with_and_without_values():
    layer, x = D2Conv3d(8, 8, 3, padding=1), torch.randn(1, 8, 2, 4, 4)
    assert count_flops(lambda: layer(x)) == 2 * 32 * (27 * 8 * 8 + 27 * 8 * 3 + 125 * 8)
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    tokens = torch.randn(1, 5, 8)
    assert count_flops(lambda: attention(tokens, tokens, tokens)) == 8 * 5 * 8 ** 2 + 4 * 5 ** 2 * 8


def test_saved_bytes_counts_each_storage_once_and_no_parameter():
    layer, x = nn.Linear(8, 8), torch.randn(4, 8)
    assert saved_bytes(lambda: layer(x), layer) == 4 * 8 * 4
    assert saved_bytes(lambda: (layer(x) + layer(x.view(2, 2, 8)).view(4, 8)), layer) == 4 * 8 * 4
    layer.requires_grad_(False)
    assert saved_bytes(lambda: layer(x), layer) == 0
    given = x.clone().requires_grad_()                              # the frozen weight is kept, but is there anyway
    assert saved_bytes(lambda: layer(given), layer) == 0
    assert saved_bytes(lambda: layer(given).exp(), layer) == 4 * 8 * 4


def test_frozen_parts_keep_less():
    adapter = [dict(type='FEAdapter', slot='before_attn', width=4, blocks='2')]
    options = {'model.backbone.arch': dict(TINY, _delete_=True), 'model.backbone.img_size': 32,
               'model.cls_head.in_channels': 24}

    def kept(adapters, **more):
        return count(adapters, True, **options, **more)
    none, late = kept([]), kept(adapter)
    every = kept([dict(adapter[0], blocks='all')])
    tuned = kept([], **{'model.backbone.freeze': False})
    assert none['activation_bytes'] < late['activation_bytes'] < every['activation_bytes']
    assert 0.5 * every['activation_bytes'] < tuned['activation_bytes']
    recomputed = kept([dict(adapter[0], blocks='all')], **{'model.backbone.with_cp': True})
    assert none['activation_bytes'] < recomputed['activation_bytes'] < 0.5 * every['activation_bytes']


@pytest.mark.parametrize('steps, expected', [
    ([dict(type='SampleSegments', num_frames=8), dict(type='CenterCrop', crop_size=48),
      dict(type='FormatShape', input_format='NCTHW')], (1, 1, 3, 8, 48, 48)),
    ([dict(type='SampleFrames', clip_len=32, num_clips=10), dict(type='Resize', scale=(-1, 256)),
      dict(type='ThreeCrop', crop_size=256), dict(type='FormatShape', input_format='NCTHW')], (1, 1, 3, 32, 256, 256)),
    ([dict(type='SampleFrames', clip_len=1, num_clips=25), dict(type='TenCrop', crop_size=224),
      dict(type='FormatShape', input_format='NCHW')], (1, 25, 3, 224, 224)),
    ([dict(type='SampleSegments', num_frames=4), dict(type='Resize', scale=(64, 32), keep_ratio=False),
      dict(type='FormatShape', input_format='NCTHW')], (1, 1, 3, 4, 32, 64)),
    ([dict(type='mmpretrain.LoadImageFromFile'), dict(type='mmpretrain.Resize', scale=48)], (1, 3, 48, 48)),
    ([dict(type='mmpretrain.LoadImageFromFile'), dict(type='mmpretrain.Resize', scale=(40, 48))], (1, 3, 48, 40)),
    ([dict(type='mmpretrain.Resize', scale=256, keep_ratio=True), dict(type='mmpretrain.CenterCrop', crop_size=224)],
     (1, 3, 224, 224)),
])
def test_input_size_is_the_test_pipelines(steps, expected):
    assert clip_shape(Config(dict(test_pipeline=steps))) == expected


def test_a_pipeline_without_a_size_is_refused():
    for steps in ([], [dict(type='Resize', scale=(-1, 256))], [dict(type='CenterCrop', crop_size=8), dict(
            type='FormatShape', input_format='NCTHW')], [dict(type='FormatShape', input_format='NPTCHW')]):
        with pytest.raises(ValueError, match='does not tell the input size'):
            clip_shape(Config(dict(test_pipeline=steps)))
    with pytest.raises(ValueError, match='no model'):
        count_config(Config(dict()))


STOCK = {
    'the constructor reads values': (
        dict(type='Recognizer3D', backbone=dict(type='VisionTransformer', embed_dims=24, depth=2, num_heads=2,
                                                img_size=32, num_frames=4, norm_cfg=dict(type='LN', eps=1e-6)),
             cls_head=dict(type='TimeSformerHead', num_classes=5, in_channels=24)), 'NCTHW'),
    'the constructor asks for weights': (
        dict(type='Recognizer2D', backbone=dict(type='ResNet', depth=18, pretrained='torchvision://nothing',
                                                frozen_stages=1, norm_eval=True),
             cls_head=dict(type='TSNHead', num_classes=5, in_channels=512)), 'NCHW'),
}


@pytest.mark.parametrize('kind', STOCK)
def test_stock_models_count_and_run(kind):
    model, layout = STOCK[kind]
    report = count_config(Config(dict(default_scope='mmaction', model=model, test_pipeline=[
        dict(type='SampleFrames', clip_len=4, num_clips=1), dict(type='CenterCrop', crop_size=32),
        dict(type='FormatShape', input_format=layout)])), full=True)
    assert report['flops'] > 1e5 and report['activation_bytes'] > 1e4
    assert (report['tunable'] < report['total']) == ('frozen_stages' in model['backbone'])


def test_table_is_aligned():
    lines = format_report(count()).splitlines()
    assert len({len(line) for line in lines[:5]}) == 1
    assert '6,628,027  92,426,683' in lines[4] and '6.628 M' in lines[5] and '6.623 M' in lines[5]


@pytest.mark.slow
def test_the_tools_last_line_is_json_and_logs_go_elsewhere():
    config = ROOT / 'configs/demo/fe_adapter.py'
    arch = load_config(config).model.backbone.arch
    done = tool('analysis/count_params.py', config, '--json', '--full', '--cfg-options',
                'model.backbone.adapters.fe.width=16')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    found = json.loads(lines[-1])
    assert {'tunable', 'tunable_adapters', 'total', 'modules', 'flops', 'activation_bytes'} <= set(found)
    width, dims = 16, arch['embed_dims']
    assert found['tunable_adapters'] == arch['num_layers'] * (
        27 * width ** 2 + (2 * dims + 83) * width + dims + 3)
    assert lines[0].startswith('module') and 'INFO' not in done.stdout and 'INFO' in done.stderr


def test_a_model_that_is_built_twice_is_built_of_the_same_config(monkeypatch):
    """A prompt learner reads its texts' tokens, which ends the first try after MMAction2's mixing added to its list."""
    monkeypatch.setattr(torch.distributions.Distribution, '_validate_args', False)      # else it ends there already
    cfg = load_config('pe_clip_vitb16_dfew', {'model.backbone.init_cfg': None})
    probs = list(cfg.model.data_preprocessor.blending.probs)
    assert count_config(cfg)['tunable'] == 9_399_564
    assert cfg.model.data_preprocessor.blending.probs == probs
