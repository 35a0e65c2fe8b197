"""Experiment trackers beside a run's own files: mmengine's backends for MLflow, Weights & Biases and TensorBoard.

A tracker is a copy: every figure of a run is in its folder whatever happens to the tracker. What is wrong at its start,
a package that is missing or a login that is not there, ends the run before it trains; a fault later on is a warning.
"""
from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import VISBACKENDS
from mmengine.visualization.vis_backend import BaseVisBackend

from ..names import check_name
from ..run_config import current_fold

NAMED = 'model', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'randomness', 'train_dataloader', 'work_dir'
"""Entries of a config that MLflow keeps as parameters; the whole config is kept as a text."""


@dataclass(frozen=True)
class Tracker:
    """A tracker by its name in ``--track``.

    Args:
        package: that must be installed.
        backend: mmengine's backend of a config, given the config's name and the run's.
        hint: what may help where the tracker does not start.
    """
    package: str
    backend: Callable[[Config, str, str], dict[str, Any]]
    hint: str


def _mlflow(cfg: Config, experiment: str, run: str) -> dict[str, Any]:
    return dict(type='MLflowVisBackend', exp_name=experiment, run_name=run, tracking_uri=_mlflow_place(),
                tracked_config_keys=[key for key in NAMED if cfg.get(key) is not None])


def _mlflow_place() -> str:
    """The server or place that MLflow's own variable names, else one below the current folder: ``mlflow.db``, and
    without the packages for that (``mlflow-skinny``) the folder ``mlruns``, which MLflow wants to be asked for."""
    if os.environ.get('MLFLOW_TRACKING_URI'):
        return os.environ['MLFLOW_TRACKING_URI']
    if find_spec('sqlalchemy') is not None and find_spec('alembic') is not None:
        return f'sqlite:///{Path("mlflow.db").absolute().as_posix()}'
    os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')
    return Path('mlruns').absolute().as_uri()


def _wandb(cfg: Config, experiment: str, run: str) -> dict[str, Any]:
    # Without this W&B would copy every Python file below the current folder.
    return dict(type='WandbVisBackend', init_kwargs=dict(
        project=os.environ.get('WANDB_PROJECT', 'mmdfer'), group=experiment, name=run,
        settings=dict(disable_code=True)))


def _tensorboard(cfg: Config, experiment: str, run: str) -> dict[str, Any]:
    return dict(type='TensorboardVisBackend')


TRACKERS = dict(
    mlflow=Tracker('mlflow', _mlflow, 'MLFLOW_TRACKING_URI says where it keeps runs; by default it is ./mlflow.db'),
    wandb=Tracker('wandb', _wandb, 'log in by "wandb login", or keep the run here with WANDB_MODE=offline'),
    tensorboard=Tracker('tensorboard', _tensorboard, 'it writes into the work directory'))


def track(cfg: Config, names: Sequence[str]) -> None:
    """Let a run log to trackers too, beside what its config logs to.

    Args:
        cfg: a run's config with ``work_dir`` set.
        names: of :data:`TRACKERS`.

    Raises:
        ValueError: for an unknown name, or a package that is not installed.
    """
    experiment = Path(cfg.filename).stem if cfg.filename else 'run'
    fold = current_fold(cfg)
    run = experiment if fold is None else f'{experiment}, fold {fold}'
    visualizer = dict(cfg.get('visualizer') or dict(type='ActionVisualizer'))
    backends = list(visualizer.get('vis_backends') or ())
    for name in dict.fromkeys(names):
        check_name('--track', name, TRACKERS)
        tracker = TRACKERS[name]
        if find_spec(tracker.package) is None:
            raise ValueError(f'--track {name} needs the package {tracker.package}: pip install {tracker.package}')
        backend = tracker.backend(cfg, experiment, run)
        if not any(one.get('type') == backend['type'] for one in backends):
            backends.append(dict(type='TrackerBackend', name=name, tracker=name, backend=backend))
    cfg.visualizer = dict(visualizer, vis_backends=backends)


def without_trackers(cfg: Config) -> None:
    """Let a test that ends a training log to none of its trackers: it would be a run of its own there."""
    visualizer = cfg.get('visualizer')
    if visualizer and visualizer.get('vis_backends'):
        visualizer['vis_backends'] = [one for one in visualizer['vis_backends'] if one.get('type') != 'TrackerBackend']


@VISBACKENDS.register_module()
class TrackerBackend(BaseVisBackend):
    """One of mmengine's backends whose faults do not end a training that has begun.

    Args:
        save_dir: given by the visualizer.
        tracker: its name in :data:`TRACKERS`.
        backend: config of the backend.
    """

    def __init__(self, save_dir: str, tracker: str, backend: dict[str, Any]) -> None:
        super().__init__(save_dir)
        self._name = tracker
        self._backend = VISBACKENDS.build(dict(save_dir=save_dir, **backend))
        self._failed = False

    @property
    def experiment(self) -> Any:
        """The backend's own."""
        return self._backend.experiment

    def _init_env(self) -> None:
        """The backend makes its own when it is first used."""

    def add_config(self, config: Config, **kwargs: Any) -> None:
        """Start the tracker, and give it the config.

        Raises:
            ValueError: if it does not start.
        """
        try:
            self._backend.add_config(config, **kwargs)
        except Exception as error:              # whatever a tracker raises: its kinds are its own
            raise ValueError(f'--track {self._name} does not start: {" ".join(str(error).split())}; '
                             f'{TRACKERS[self._name].hint}') from error

    def add_graph(self, *args: Any, **kwargs: Any) -> None:
        """As the backend."""
        self._try('add_graph', *args, **kwargs)

    def add_image(self, *args: Any, **kwargs: Any) -> None:
        """As the backend."""
        self._try('add_image', *args, **kwargs)

    def add_scalar(self, *args: Any, **kwargs: Any) -> None:
        """As the backend."""
        self._try('add_scalar', *args, **kwargs)

    def add_scalars(self, scalar_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """As the backend, of what is a number."""
        self._try('add_scalars', {key: value for key, value in scalar_dict.items() if not isinstance(value, str)},
                  *args, **kwargs)

    def close(self) -> None:
        """As the backend."""
        self._try('close')

    def _try(self, method: str, *args: Any, **kwargs: Any) -> None:
        if self._failed and method != 'close':
            return
        try:
            getattr(self._backend, method)(*args, **kwargs)
        except Exception as error:
            if not self._failed:
                print_log(f'{self._name} failed and is told nothing more; the run goes on, and its folder has every '
                          f'figure: {type(error).__name__}: {error}', logger='current', level=logging.WARNING)
            self._failed = True
