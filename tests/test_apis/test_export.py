"""What leaves PyTorch computes what the model does, for clips of any number and length, and says what it is."""
from __future__ import annotations

import json
import runpy
import sys
import zipfile
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from mmdfer.apis.cli import run_command
from mmdfer.apis.export import WRITERS, example, export, reference, write_checked
from mmdfer.recognizers.pixel_model import PixelModel
from mmdfer.registry import MODELS
from mmdfer.run_config import flow_classes, load_config

from ..conftest import ROOT
from ..test_guides.test_guides import write_files
from ..test_recognizers import test_finecliper as finecliper, test_video_text_recognizer as pe_clip
from ..test_text.clip_models import VISION

onnxruntime = pytest.importorskip('onnxruntime')
pytest.importorskip('onnx')
PREPROCESSOR = dict(type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
                    format_shape='NCTHW')
SHAPE = (3, 4, 32, 32)


def of_vit(temporal_embedding: int = 0, layers: int = 2, **adapters) -> nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(dict(
        type='Recognizer3D', data_preprocessor=PREPROCESSOR,
        backbone=dict(type='AdapterViT', img_size=32, patch_size=8, adapters=adapters,
                      arch=dict(embed_dims=32, num_layers=layers, num_heads=4, feedforward_channels=64),
                      temporal_embedding=temporal_embedding),
        cls_head=dict(type='LinearVideoHead', num_classes=7, in_channels=32)))
    model.init_weights()
    return off_zero(model)


def off_zero(model: nn.Module) -> nn.Module:
    """No adapter is the identity any more, and no size map flat."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


MODELS_OF = {
    'fe_adapter': lambda: of_vit(fe=dict(type='FEAdapter', slot='before_attn', width=8)),
    'fe_adapter_depthwise': lambda: of_vit(fe=dict(type='FEAdapter', slot='before_attn', width=8, groups=8,
                                                   size_map='x', modulation=True)),
    'tma': lambda: of_vit(tma=dict(type='TemporalModelingAdapter', slot='before_attn', reduction=4, num_heads=2)),
    'aim': lambda: of_vit(4, aim=dict(type='BottleneckAdapter', slot='temporal_attn', width=8)),
    'linear_probe': of_vit,
    'pe_clip': lambda: pe_clip.build(data_preprocessor=PREPROCESSOR).eval(),
    'finecliper_frames': lambda: off_zero(finecliper.build(data_preprocessor=PREPROCESSOR)),
}
# torch.export takes its time for each block, which are alike.
SHORT = {
    'fe_adapter': lambda: of_vit(layers=1, fe=dict(type='FEAdapter', slot='before_attn', width=8)),
    'tma': lambda: of_vit(layers=1, tma=dict(type='TemporalModelingAdapter', slot='before_attn', reduction=4,
                                             num_heads=2)),
    'pe_clip': lambda: of_one_layer(pe_clip.build, prompts=dict(context=2, depth=1, vision='coupled')).eval(),
    'finecliper_frames': lambda: off_zero(of_one_layer(finecliper.build)),
}


def of_one_layer(build, **kwargs) -> nn.Module:
    with mock.patch.dict(VISION, num_layers=1):
        return build(data_preprocessor=PREPROCESSOR, **kwargs)


def written(name: str, tmp_path, kind: str = 'onnx', clips: int = 20):
    models = MODELS_OF if kind == 'onnx' else {**MODELS_OF, **SHORT}
    model, suffix = models[name](), WRITERS[kind][0]
    path = tmp_path / f'{name}{suffix}'
    told = dict(classes=list('abcdefg'), input=dict(name='clips'), frames=4, pipeline=[], config=name, notes=[],
                mmdfer='1.0', format=kind)
    return model, path, write_checked(model, str(path), WRITERS[kind][1], SHAPE, told, clips)


SELDOM = ('fe_adapter_depthwise', 'aim')


@pytest.mark.parametrize('name', [pytest.param(name, marks=pytest.mark.slow) if name in SELDOM else name
                                  for name in MODELS_OF])
def test_onnx_is_the_model_on_clips_of_any_number_and_length(name, tmp_path):
    model, path, told = written(name, tmp_path)
    assert told['check']['clips'] == 20 and told['check']['probabilities'] < 1e-5
    session = onnxruntime.InferenceSession(str(path))
    assert session.get_inputs()[0].shape == ['batch', 3, 'frames', 32, 32]
    assert json.loads(session.get_modelmeta().custom_metadata_map['classes']) == list('abcdefg')
    # An independent look: the graph follows the clip, and each clip's answer is its own.
    clips = example(SHAPE, 3, 9, seed=99)
    logits, probabilities = session.run(None, dict(clips=clips.numpy()))
    with torch.no_grad():
        expected = reference(model, PixelModel(model), clips)[0]
    scale = max(np.abs(expected).max(), 1)
    np.testing.assert_allclose(logits, expected, atol=1e-4 * scale)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    alone = session.run(None, dict(clips=clips[1:2].numpy()))[0]
    np.testing.assert_allclose(alone[0], expected[1], atol=1e-4 * scale)
    assert expected.std(axis=0).max() > 1e-4


def test_a_model_of_one_length_gives_a_file_of_that_length(tmp_path):
    torch.manual_seed(0)
    model = MODELS.build(dict(
        type='Recognizer3D', data_preprocessor=PREPROCESSOR,
        backbone=dict(type='VisionTransformer', img_size=32, patch_size=8, embed_dims=32, depth=1, num_heads=2,
                      num_frames=4, use_mean_pooling=True),
        cls_head=dict(type='TimeSformerHead', num_classes=7, in_channels=32, average_clips='prob'))).eval()
    told = dict(classes=[], input={}, frames=4, pipeline=[], config='', notes=[], mmdfer='1')
    told = write_checked(model, str(tmp_path / 'a.onnx'), WRITERS['onnx'][1], SHAPE, told, 4)
    assert told['lengths'] == dict(tried=[4], any=False)
    assert onnxruntime.InferenceSession(str(tmp_path / 'a.onnx')).get_inputs()[0].shape == ['batch', 3, 4, 32, 32]


@pytest.mark.parametrize('name', [
    'linear_probe', *(pytest.param(name, marks=pytest.mark.slow) for name in ('fe_adapter', 'tma', 'pe_clip',
                                                                              'finecliper_frames'))])
def test_a_program_of_torch_export_is_the_model(name, tmp_path):
    _, path, told = written(name, tmp_path, 'torch_export')
    assert told['check']['clips'] == 20 and told['check']['probabilities'] < 1e-5
    if name == 'linear_probe':                                  # reading is a third of the time: once as guided
        extra = {'mmdfer.json': ''}
        torch.export.load(path, extra_files=extra)
        found = extra['mmdfer.json']
    else:
        with zipfile.ZipFile(path) as archive:
            found = archive.read(next(entry for entry in archive.namelist() if entry.endswith('/mmdfer.json')))
    assert json.loads(found)['classes'] == list('abcdefg')


def test_a_file_that_is_not_the_model_is_not_written(tmp_path):
    model = MODELS_OF['linear_probe']()

    def write_another(pixels, clips, path, told):
        path.write_bytes(b'content')
        return lambda batch: [output + np.float32(1e-3) for output in reference(model, pixels, torch.from_numpy(batch))]

    with pytest.raises(ValueError, match='differs from the model by 0.001'):
        write_checked(model, str(tmp_path / 'a.onnx'), write_another, SHAPE, dict(notes=[]))
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """The command on a demo config and a checkpoint of random weights."""
    from mmengine.registry import init_default_scope
    init_default_scope('mmaction')
    folder = tmp_path_factory.mktemp('export')
    cfg = load_config(str(ROOT / 'configs/demo/temporal_aggregation.py'), {'model.backbone.init_cfg': None})
    flow_classes(cfg)
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), folder / 'best.pth')
    run_command('export', [str(ROOT / 'configs/demo/temporal_aggregation.py'), str(folder / 'best.pth'), '--out',
                           str(folder / 'model.onnx'), '--clips', '3', '--cfg-options', 'model.backbone.init_cfg=None'])
    return folder


def test_the_command_says_what_a_program_must_know(exported):
    told = json.loads((exported / 'model.onnx.json').read_text())
    assert told['schema'] == 'mmdfer-export-1' and len(told['classes']) == 7
    assert told['input']['shape'][:3] == ['batch', 3, 'frames'] and told['check']['time_ratio'] > 0
    assert any(step['type'] == 'SampleSegments' for step in told['pipeline'])
    assert sorted(path.name for path in exported.iterdir()) == ['best.pth', 'model.onnx', 'model.onnx.json']


def test_the_guides_program_gives_what_the_model_gives_of_a_video(exported, tmp_path, monkeypatch, capsys):
    av = pytest.importorskip('av')
    from mmdfer.datasets.video_reader import VideoReader
    with av.open(str(tmp_path / 'clip.mp4'), 'w') as out:
        stream = out.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 80, 'yuv420p'
        for index in range(30):
            frame = np.full((80, 96, 3), 4 * index, np.uint8)
            frame[20:60, 20 + index:60 + index] = (200, 90, 40)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        out.mux(stream.encode(None))
    write_files('export.md', tmp_path)
    monkeypatch.setattr(sys, 'argv', ['run_onnx.py', str(exported / 'model.onnx'), str(tmp_path / 'clip.mp4')])
    runpy.run_path(str(tmp_path / 'run_onnx.py'), run_name='__main__')
    lines = dict(line.rsplit(' ', 1) for line in capsys.readouterr().out.strip().splitlines())
    assert sum(map(float, lines.values())) == pytest.approx(1, abs=0.01)

    from mmdfer.apis.inference import DFERInferencer
    cfg = load_config(str(ROOT / 'configs/demo/temporal_aggregation.py'), {'model.backbone.init_cfg': None})
    inferencer = DFERInferencer(cfg, str(exported / 'best.pth'), 'cpu')
    result = inferencer(str(tmp_path / 'clip.mp4'), window=5, region='frame')
    ours = dict(zip(result['classes'], result['clip']['probabilities']))
    assert len(VideoReader(tmp_path / 'clip.mp4')) == 30
    for name, value in lines.items():
        assert float(value) == pytest.approx(ours[name], abs=2e-3)


@pytest.mark.parametrize('out, options, message', [
    ('model.bin', {}, 'its suffix names no format'), ('model.pt2', dict(kind='onnx'), 'ends in .onnx')])
def test_a_name_that_does_not_fit_is_refused_before_anything_is_read(out, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export(load_config(str(ROOT / 'configs/demo/fe_adapter.py')), 'missing.pth', str(tmp_path / out), **options)
