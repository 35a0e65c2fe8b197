"""What a run left in its work directory, read back."""
from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from mmengine.config import Config

from ..datasets import DatasetError
from ..evaluation import confusion_matrix
from ..visualization import read_scalars
from ..visualization.curves import is_training
from .config import dataset_classes, dataset_configs, load_config

RESULT = 'result.json'
SKIPPED = {'__pycache__', 'vis_data'}


@dataclass(frozen=True)
class Predictions:
    """Predictions of one epoch over a test set: ``ids`` (N names), ``labels`` (N,), ``scores`` (N, K), ``classes``."""
    ids: Sequence[str]
    labels: np.ndarray
    scores: np.ndarray
    classes: Sequence[str]

    @property
    def confusion(self) -> np.ndarray:
        """(K, K) counts, a row for each true class."""
        return confusion_matrix(self.labels, self.scores.argmax(axis=1), len(self.classes))


class RunFolder:
    """A finished run's work directory; each part is read when it is first asked for.

    Args:
        path: the work directory.

    Raises:
        ValueError: for a folder without a readable ``result.json``.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.result = read_result(self.path / RESULT)

    @cached_property
    def config(self) -> Config | None:
        """The config as it ran."""
        files = sorted(self.path.glob('*.py'), key=os.path.getmtime) or sorted(self.path.glob('*/vis_data/config.py'))
        return load_config(files[-1]) if files else None

    @property
    def config_name(self) -> str:
        """The config's file stem; the run's name where the config is not there."""
        return Path(self.config.filename).stem if self.config is not None else self.result['name']

    @cached_property
    def dataset(self) -> str | None:
        """The data set's short name as in ``labels.py``, if its class gives one."""
        from ..registry import DATASETS
        for dataset in dataset_configs(self.config) if self.config is not None else ():
            metainfo = getattr(DATASETS.get(dataset.type), 'METAINFO', {})
            if 'dataset' in metainfo:
                return metainfo['dataset']
        return None

    @cached_property
    def classes(self) -> list[str] | None:
        """Class names of the evaluation, in their order."""
        for record in self.validations:
            names = [key.split('recall/', 1)[1] for key in record if 'recall/' in key]
            if names:
                return names
        found = (dataset_classes(dataset) for dataset in dataset_configs(self.config)) if self.config else ()
        return next((list(names) for names in found if names), None)

    @cached_property
    def records(self) -> list[dict]:
        """The run's scalars; empty where it left none."""
        try:
            return read_scalars(self.path)
        except (FileNotFoundError, ValueError):
            return []

    @property
    def validations(self) -> list[dict]:
        """The records of validation."""
        return [record for record in self.records if not is_training(record)]

    def figures(self, which: str) -> dict | None:
        """``uar``, ``war`` and ``epoch`` of the ``'last'`` or the ``'best'`` epoch; ``None`` without validation."""
        found = self.result if which == 'last' else self.result.get('best', {})
        return dict((key, found[key]) for key in ('uar', 'war', 'epoch')) if 'uar' in found else None

    def recalls(self, which: str) -> list[float] | None:
        """Recall of each class, (K,), at the last or the best epoch."""
        figures = self.figures(which)
        for record in self.validations if figures and self.classes else ():
            if record['step'] == figures['epoch']:
                found = {key.split('recall/', 1)[1]: value for key, value in record.items() if 'recall/' in key}
                return [found[name] for name in self.classes] if len(found) == len(self.classes) else None
        return None

    def predictions(self, which: str) -> Predictions | None:
        """Scores of every test clip at the last or the best epoch, where the run wrote them.

        Raises:
            ValueError: for a file of another form.
        """
        file = self.path / f'predictions_{which}.json'
        if not file.is_file():
            return None
        try:
            found = json.loads(file.read_text(encoding='utf-8'))
            clips = found['clips']
            scores = np.array([clip['scores'] for clip in clips], dtype=float)
            return Predictions([clip['id'] for clip in clips], np.array([clip['label'] for clip in clips]),
                               scores.reshape(len(clips), len(found['classes'])), found['classes'])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{file}: not predictions as a run writes them ({error}); evaluate again or remove '
                             'it') from error

    @property
    def training_seconds(self) -> float | None:
        """Time in training iterations over all starts of the run, from its log."""
        seconds, before = 0.0, 0
        for record in self.records:
            if is_training(record) and 'time' in record:
                seconds += record['time'] * (record['step'] - before)
                before = record['step']
        return seconds or None

    @property
    def iteration_seconds(self) -> float | None:
        """Median time of a training iteration, over the log's windows."""
        times = [record['time'] for record in self.records if is_training(record) and 'time' in record]
        return float(np.median(times)) if times else None

    @property
    def cuda_mib(self) -> float | None:
        """Peak memory of a CUDA device in training, MiB, as MMEngine logs it."""
        return max((record['memory'] for record in self.records if 'memory' in record), default=None)

    @property
    def rss_mib(self) -> float | None:
        """Peak memory of the main process, MiB."""
        return self.result.get('rss_mib')


def read_result(file: str | os.PathLike) -> dict:
    """A ``result.json``.

    Raises:
        ValueError: where it is missing or not a run's result.
    """
    if not os.path.isfile(file):
        raise ValueError(f'{file}: no such result; it is written when a training ends')
    try:
        result = json.loads(Path(file).read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{file}: not JSON ({error}); train again or remove it') from None
    if not isinstance(result, dict) or 'name' not in result:
        raise ValueError(f'{file}: no result of a run; expected a JSON object with name, uar, war')
    return result


def find_runs(path: str | os.PathLike) -> list[list[RunFolder]]:
    """The runs at or below a folder, folds of one config together.

    Args:
        path: a work directory, a folder of ``fold_<n>``, a parent of either, or a ``result.json``.

    Returns:
        Groups of runs: one run alone, or the folds below one folder in their order.

    Raises:
        ValueError: if the folder does not exist or holds no finished run.
    """
    path = Path(path)
    if path.name == RESULT and path.is_file():
        path = path.parent
    if not path.is_dir():
        raise ValueError(f'{path}: no such folder; give a work directory, or a folder of them')
    groups: dict[tuple, list[RunFolder]] = {}
    for root, folders, files in os.walk(path):
        folders[:] = sorted(set(folders) - SKIPPED, key=lambda name: (len(name), name))
        if RESULT in files:
            run = RunFolder(root)
            of_fold = run.path.name.startswith('fold_')
            groups.setdefault((str(run.path.parent if of_fold else run.path), of_fold), []).append(run)
            folders.clear()
    if not groups:
        raise ValueError(f'{path}: no finished run in it; a run writes {RESULT} when its training ends')
    return [groups[key] for key in sorted(groups)]


def class_counts(cfg: Config, loader: str, data_root: str | None = None) -> np.ndarray:
    """Samples of each class in a loader's data set, (K,).

    Raises:
        DatasetError: if the set is not there.
    """
    total = 0
    for dataset in build_datasets(cfg, loader, data_root):
        labels = [info.get('label', info.get('gt_label')) for info in map(dataset.get_data_info, range(len(dataset)))]
        total = total + np.bincount(labels, minlength=len(dataset.metainfo['classes']))
    return total


def build_datasets(cfg: Config, loader: str, data_root: str | None = None, pipeline: Sequence[dict] = ()) -> list:
    """A loader's data sets with another pipeline.

    Raises:
        DatasetError: if a set is not there.
    """
    from mmengine.registry import init_default_scope

    from ..registry import DATASETS
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    built = []
    for dataset in dataset_configs(cfg, (loader, )):
        root = data_root or dataset.get('data_root', '')
        if root and not os.path.isdir(root):
            raise DatasetError(f'data_root={root!r}: no such folder; give the folder of the data set with --data-root')
        built.append(DATASETS.build(dict(dataset, data_root=root, pipeline=list(pipeline))))
    return built
