"""Trackers get a run's figures, say what they lack before it trains, and do not end it when they fail later."""

import pytest
from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.visualization import Visualizer
from mmengine.visualization.vis_backend import BaseVisBackend

from mmdfer.apis.running import train
from mmdfer.engine import tracking
from mmdfer.engine.tracking import Tracker, TrackerBackend, track
from mmdfer.runs.metrics import read_evaluations

from ..conftest import write_dfew
from ..test_apis.test_running import small

KEPT = {}


@VISBACKENDS.register_module()
class Recorder(BaseVisBackend):
    """Keeps in ``KEPT`` what it is told; ``fails`` names methods that raise."""

    def __init__(self, save_dir, name, fails=()):
        super().__init__(save_dir)
        self.kept, self.fails = KEPT[name], fails

    experiment = None
    _init_env = add_graph = add_image = add_scalar = lambda self, *args, **kwargs: None

    def _keep(self, method, value):
        if method in self.fails:
            raise RuntimeError(f'no network for {method}')
        self.kept.append((method, value))

    def add_config(self, config, **kwargs):
        self._keep('config', config.to_dict())

    def add_scalars(self, scalars, step=0, file_path=None, **kwargs):
        self._keep('scalars', (step, scalars))

    def close(self):
        self._keep('close', None)


def recorders(monkeypatch, **fails):
    """Trackers by name, each with what it is told."""
    KEPT.update({name: [] for name in fails})
    for name, methods in fails.items():
        monkeypatch.setitem(tracking.TRACKERS, name, Tracker(
            'mmengine', lambda cfg, experiment, run, name=name, methods=methods: dict(
                type='Recorder', name=name, fails=list(methods)), 'try again'))
    return KEPT


@pytest.mark.slow
def test_a_training_tells_its_trackers_and_outlives_one_that_fails(monkeypatch, tmp_path):
    kept = recorders(monkeypatch, good=(), failing=('scalars', 'close'))
    cfg = small(write_dfew(tmp_path / 'DFEW', train=8, test=9, size=48, folds=(1, )), tmp_path / 'run',
                **{'default_hooks.logger.interval': 1, 'randomness.seed': 3})
    track(cfg, ['good', 'failing', 'good'])
    assert [one['type'] for one in cfg.visualizer.vis_backends] == ['LocalVisBackend', 'TensorboardVisBackend',
                                                                    'TrackerBackend', 'TrackerBackend']
    result = train(cfg)
    told = [value for method, value in kept['good'] if method == 'scalars']
    figures = {step: scalars['uar'] for step, scalars in told if 'uar' in scalars}
    assert figures == {one.step: pytest.approx(one.uar) for one in read_evaluations(tmp_path / 'run')}
    assert sum('loss' in scalars for _, scalars in told) == 2 and [method for method, _ in kept['good']].count('close')
    assert kept['good'][0][1]['randomness']['seed'] == 3
    assert [method for method, _ in kept['failing']] == ['config'] and result['uar'] == figures[2]
    log = ''.join(path.read_text() for path in (tmp_path / 'run').glob('*/*.log'))
    assert log.count('failing failed and is told nothing more; the run goes on') == 1


def test_a_tracker_that_does_not_start_says_what_may_help(monkeypatch, tmp_path):
    recorders(monkeypatch, wandb=('config', ))
    backend = TrackerBackend(str(tmp_path), 'wandb', dict(type='Recorder', name='wandb', fails=['config']))
    with pytest.raises(ValueError, match='--track wandb does not start: no network for config; try again'):
        backend.add_config(Config(dict(a=1)))


def test_a_missing_package_and_an_unknown_name_are_told(monkeypatch):
    monkeypatch.setattr(tracking, 'find_spec', lambda name: None)
    for name in ('mlflow', 'wandb'):
        with pytest.raises(ValueError, match=f'--track {name} needs the package {name}: pip install {name}'):
            track(Config(dict(work_dir='x')), [name])
    with pytest.raises(ValueError, match="--track: there is no 'mlfow'; did you mean 'mlflow'"):
        track(Config(dict(work_dir='x')), ['mlfow'])


def test_a_tracker_of_the_config_itself_is_not_doubled():
    cfg = Config(dict(visualizer=dict(type='Visualizer', vis_backends=[dict(type='TensorboardVisBackend')])))
    track(cfg, ['tensorboard'])
    assert len(cfg.visualizer.vis_backends) == 1


def told(name, tmp_path):
    """What a visualizer of a run tells the real package."""
    cfg = Config(dict(model=dict(type='X', depth=4), randomness=dict(seed=3), work_dir=str(tmp_path / 'run')))
    track(cfg, [name])
    (tmp_path / 'run').mkdir()
    visualizer = Visualizer('told', vis_backends=cfg.visualizer.vis_backends, save_dir=str(tmp_path / 'run'))
    visualizer.add_config(cfg)
    visualizer.add_scalars({'uar': 0.5, 'recall/happy': 0.25, 'mode': 'val'}, step=7)
    visualizer.close()
    assert not any(backend._failed for backend in visualizer._vis_backends.values())


def test_mlflow_has_the_figures(monkeypatch, tmp_path):
    mlflow = pytest.importorskip('mlflow', reason='MLflow is no requirement; it is tested where it is installed')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('MLFLOW_ALLOW_FILE_STORE', 'true')
    monkeypatch.setenv('MLFLOW_TRACKING_URI', (tmp_path / 'kept').as_uri())
    told('mlflow', tmp_path)
    client = mlflow.MlflowClient((tmp_path / 'kept').as_uri())
    experiment = client.get_experiment_by_name('run')
    run, = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == {'uar': 0.5, 'recall/happy': 0.25} and run.data.params['model.depth'] == '4'
    assert [one.step for one in client.get_metric_history(run.info.run_id, 'uar')] == [7]


def test_wandb_keeps_a_run_offline(monkeypatch, tmp_path):
    pytest.importorskip('wandb', reason='Weights & Biases is no requirement; it is tested where it is installed')
    monkeypatch.setenv('WANDB_MODE', 'offline')
    monkeypatch.setenv('WANDB_SILENT', 'true')
    told('wandb', tmp_path)
    run, = (tmp_path / 'run').glob('vis_data/wandb/offline-run-*')
    content = next(run.glob('*.wandb')).read_bytes()
    assert b'recall/happy' in content and b'depth' in content and not list(run.rglob('*.py'))
