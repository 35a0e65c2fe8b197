"""Scores of several checkpoints are their mean, whatever the batch; tables agree; progress is told."""
from __future__ import annotations

import io
import json
import sys

import cv2
import numpy as np
import pytest
import torch

from mmdfer.apis.infer_files import Progress
from mmdfer.apis.inference import DFERInferencer
from mmdfer.registry import MODELS
from mmdfer.run_config import load_config
from mmdfer.video.results import table

from ..commands import command
from ..conftest import ROOT

TINY = {'model.backbone.arch': dict(embed_dims=24, num_layers=1, num_heads=4, feedforward_channels=48),
        'model.backbone.img_size': 16, 'model.backbone.patch_size': 8, 'model.backbone.init_cfg': None,
        'model.cls_head.in_channels': 24, 'model.cls_head.num_classes': 7}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A tiny config, two checkpoints of it, and a folder of frames that change."""
    from mmengine.registry import init_default_scope
    init_default_scope('mmaction')
    place = tmp_path_factory.mktemp('tiny')
    config = load_config(str(ROOT / 'configs/demo/fe_adapter.py'), TINY)
    config.dump(str(place / 'tiny.py'))
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = MODELS.build(config.model)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
        torch.save(dict(state_dict=model.state_dict(), meta={}), place / f'{seed}.pth')
    (place / 'frames').mkdir()
    for number in range(40):
        frame = np.full((32, 32, 3), 20 + 5 * number, np.uint8)
        frame[:number // 2] = 255 - 4 * number
        cv2.imwrite(str(place / 'frames' / f'{number:02d}.png'), frame)
    return place


def scores_of(place, checkpoints, batch_size=8):
    made = DFERInferencer(str(place / 'tiny.py'), [str(place / name) for name in checkpoints], 'cpu', batch_size)
    return made(str(place / 'frames'), window=0.8, stride=0.2, region='frame')


def test_several_checkpoints_average_their_scores_and_batches_change_none(place):
    both = scores_of(place, ['0.pth', '1.pth'])
    first, second = (scores_of(place, [name], batch_size=3) for name in ('0.pth', '1.pth'))
    assert len(both['windows']) == 5 and len(both['model']['checkpoints']) == 2
    for mean, one, other in zip(both['windows'], first['windows'], second['windows'], strict=True):
        expected = (np.array(one['probabilities']) + other['probabilities']) / 2
        np.testing.assert_allclose(mean['probabilities'], expected, atol=2e-6)
        assert np.abs(np.array(one['probabilities']) - other['probabilities']).max() > 0.01


def test_the_command_averages_too(place, tmp_path):
    done = command('infer', place / 'tiny.py', place / '0.pth', place / 'frames', '--more-checkpoints', place / '1.pth',
                   '--region', 'frame', '--window', '0.8', '--stride', '0.2', '--out', tmp_path, '--pictures',
                   '--device', 'cpu', '--batch-size', '2')
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / 'frames.json').read_text())['windows']
    expected = scores_of(place, ['0.pth', '1.pth'])['windows']
    assert [window['start'] for window in found] == [window['start'] for window in expected]
    np.testing.assert_allclose([window['probabilities'] for window in found],
                               [window['probabilities'] for window in expected], atol=3e-6)


def test_the_table_for_pandas_is_the_one_of_the_file(place):
    pandas = pytest.importorskip('pandas')
    result = scores_of(place, ['0.pth'])
    frame = result.to_frame()
    pandas.testing.assert_frame_equal(frame, pandas.read_csv(io.StringIO(table(result))))
    assert list(frame.columns) == ['track', 'start', 'end', 'seen', 'label', *result['classes']]
    assert frame['label'].tolist() == frame[result['classes']].idxmax(axis=1).tolist()


def test_progress_tells_how_far_how_fast_and_how_long_still_and_nothing_to_a_file(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True
    terminal, clock = Terminal(), iter([0.0, 2.0, 4.0])
    monkeypatch.setattr('mmdfer.apis.infer_files.time.perf_counter', lambda: next(clock))
    monkeypatch.setattr(sys, 'stderr', terminal)
    with Progress('video', 40.0) as progress:
        progress(10.0)
        progress(20.0)
    assert '20 of 40 s, 5.0 x as fast as it plays, 4 s left' in terminal.getvalue()
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, 'stderr', stream)
        monkeypatch.setattr('mmdfer.apis.infer_files.time.perf_counter', lambda: 9.0)
        with Progress('video', 40.0, quiet) as progress:
            progress(10.0)
        assert stream.getvalue() == ''
