"""A training leaves its figures whatever it logs to and is called; tests and refused trainings change nothing of it."""
import json

import pytest
from mmengine.registry import VISBACKENDS
from mmengine.visualization.vis_backend import BaseVisBackend
from sklearn.metrics import accuracy_score, recall_score

from mmdfer.apis.running import test as run_test, train
from mmdfer.captions import Caption, write_captions
from mmdfer.evaluation import load_predictions
from mmdfer.run_config import LOADERS, load_config, set_data
from mmdfer.runs.folder import RunFolder
from mmdfer.runs.lock import locked
from mmdfer.runs.metrics import read_evaluations
from mmdfer.runs.report import write_report

from ..commands import pictures_unpainted
from ..conftest import ROOT, write_dfew

pytestmark = pytest.mark.slow
AWKWARD = 'run_$1_$2 %d 100% {x} {{y}} \\alpha `q` "a" \'b\' <c> | [d](e) #f _g_ 喜び ж'


@VISBACKENDS.register_module()
class BlackHole(BaseVisBackend):
    """A backend of a user's own, which keeps nothing that can be read back."""

    experiment = None
    _init_env = add_config = add_graph = add_image = add_scalar = add_scalars = lambda self, *args, **kwargs: None


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return write_dfew(tmp_path_factory.mktemp('running') / 'DFEW', train=8, test=9, size=48, folds=(1, ))


def small(data, work_dir, **changes):
    """Two epochs of the demo's model from random weights, on a few clips."""
    cfg = load_config(ROOT / 'configs/demo/fe_adapter.py', {
        'model.backbone.init_cfg': None, 'train_cfg.max_epochs': 2, 'train_cfg.val_interval': 1,
        **{f'{loader}.{key}': value for loader in LOADERS for key, value in (
            ('num_workers', 0), ('persistent_workers', False), ('batch_size', 8))}, **changes})
    set_data(cfg, str(data), 1)
    cfg.work_dir = str(work_dir)
    return cfg


def sklearn_figures(predictions):
    known = dict(average='macro', labels=range(7), zero_division=0)
    return (recall_score(predictions.labels, predictions.predicted, **known),
            accuracy_score(predictions.labels, predictions.predicted))


@pytest.mark.parametrize('visualizer', [
    dict(type='ActionVisualizer', vis_backends=[]),
    dict(type='ActionVisualizer', vis_backends=[dict(type='TensorboardVisBackend')]),
    dict(type='Visualizer', vis_backends=[dict(type='BlackHole', save_dir='')])], ids=['none', 'tensorboard', 'own'])
def test_a_run_ends_with_its_results_whatever_it_logs_to_and_is_called(visualizer, data, tmp_path):
    cfg = small(data, tmp_path)
    cfg.visualizer = visualizer
    write_captions([Caption(str(number), 'a text') for number in range(1, 8)], tmp_path / 'of_seven.jsonl')
    cfg.train_dataloader.dataset.pipeline.insert(
        1, dict(type='LoadCaption', file=str(tmp_path / 'of_seven.jsonl'), missing='leave_out'))
    result = train(cfg, AWKWARD)
    assert (result['left_out'], result['clips_a_step']) == (dict(caption=1), 8)
    assert json.loads((tmp_path / 'result.json').read_text()) == result and result['name'] == AWKWARD
    for figures in (result, result['best']):
        kept = load_predictions(tmp_path / 'predictions' / f'epoch_{figures["epoch"]}.npz')
        assert (figures['uar'], figures['war']) == pytest.approx(sklearn_figures(kept), abs=1e-12)
    assert [(one.step, one.clips) for one in read_evaluations(tmp_path)] == [(1, 9), (2, 9)]
    assert not list(tmp_path.glob('*/vis_data/scalars.json'))
    assert (tmp_path / 'curves.png').stat().st_size > 10_000 and (tmp_path / 'confusion.png').stat().st_size > 10_000
    with pictures_unpainted():
        report = write_report(str(tmp_path))
    assert report['last']['uar']['mean'] == result['uar']
    assert set(report['missing']) == {'curves', 'paper', 'temperature'}
    assert 'Fold 1 was trained without the clips that have no caption: 1.' in report['notes']
    assert 'LocalVisBackend' in report['missing']['curves']


@pytest.fixture
def unpainted():
    with pictures_unpainted():
        yield


@pytest.fixture(scope='module')
def run(data, tmp_path_factory):
    """A finished run, and the files that tell of it."""
    folder = tmp_path_factory.mktemp('finished') / 'run'
    with pictures_unpainted():
        train(small(data, folder, custom_hooks=[dict(type='EpochSeedHook')]))
    return folder


def test_figures_are_kept_without_a_hook_for_predictions(run):
    result, found = RunFolder(run).result, read_evaluations(run)
    assert not (run / 'predictions').exists()
    assert [one.step for one in found] == [1, 2] and (result['uar'], result['war']) == (found[-1].uar, found[-1].war)
    assert RunFolder(run).row('last')['recall'] == [found[-1].recalls[name] for name in result['classes']]


def contents(folder):
    names = ('settings.json', 'result.json', 'metrics.jsonl', 'fe_adapter.py')
    return {name: (folder / name).read_bytes() for name in names}


def test_a_test_in_a_runs_folder_changes_nothing_of_the_run(run, data, unpainted):
    before, told = contents(run), write_report(str(run))['settings']
    run_test(small(data, run, **{'optim_wrapper.optimizer.lr': 0.5, 'randomness.seed': 7}), str(run / 'best.pth'))
    assert contents(run) == before and write_report(str(run))['settings'] == told
    metrics = json.loads((run / 'test' / 'metrics.json').read_text())
    assert metrics['uar'] == RunFolder(run).result['best']['uar'] and (run / 'test' / 'fe_adapter.py').exists()
    assert metrics['settings'] != RunFolder(run).result['settings']


def test_a_refused_training_changes_nothing_of_the_run(run, data, tmp_path, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in run.rglob('*')}

    def taken(*args):
        raise BlockingIOError
    monkeypatch.setattr('fcntl.lockf', taken)
    with pytest.raises(ValueError, match=f'{run}: a training is running there'):
        train(small(data, run, **{'optim_wrapper.optimizer.lr': 0.7}))
    assert {path: path.stat().st_mtime_ns for path in run.rglob('*')} == before


def test_a_run_begun_anew_has_no_outcome_until_it_ends(data, tmp_path, monkeypatch):
    for name in ('result.json', 'report.html', 'report.json', 'curves.png'):
        (tmp_path / name).write_text('{"name": "older"}')

    class Stopped(Exception):
        pass

    def stop(*args, **kwargs):
        raise Stopped
    monkeypatch.setattr('mmdfer.runs.recording.add_evaluation', stop)
    with pytest.raises(Stopped):
        train(small(data, tmp_path))
    assert (tmp_path / 'settings.json').exists()
    assert not {'result.json', 'report.html', 'report.json', 'curves.png'} & {path.name for path in tmp_path.iterdir()}


def test_a_picture_that_fails_does_not_cost_the_result(data, tmp_path, monkeypatch, caplog, unpainted):
    def fail(*args, **kwargs):
        raise ValueError('no such font')
    monkeypatch.setattr('mmdfer.apis.running.plot_curves', fail)
    result = train(small(data, tmp_path, **{'train_cfg.max_epochs': 1}))
    assert json.loads((tmp_path / 'result.json').read_text()) == result


def test_a_system_without_locks_trains_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'fcntl', None)
    with locked(tmp_path):
        assert list(tmp_path.iterdir()) == []
