"""What a run left in its work directory, read back."""
from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from statistics import mean

import numpy as np
from mmengine.config import Config

from ..evaluation import Predictions, fold_row, shared_clips, summarize
from ..visualization import read_scalars
from ..visualization.curves import is_training
from ..files import read_json
from ..run_config import dataset_classes, dataset_configs, differences, load_config, set_folds, settings_of
from .fold_results import notes_on, read_predictions

RESULT = 'result.json'
SKIPPED = {'__pycache__', 'vis_data'}


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
    def settings(self) -> dict[str, str]:
        """The config entries that decide the run's figures, as :func:`~mmdfer.run_config.settings_of` gives them."""
        return settings_of(self.config) if self.config is not None else {}

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

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of which epochs the run has figures: ``last`` and ``best`` on the test set, or the ``inner`` choice."""
        return () if 'uar' not in self.result else ('inner', ) if 'inner' in self.result else ('last', 'best')

    def row(self, kind: str) -> dict:
        """Figures of a kind of epoch as :func:`~mmdfer.evaluation.fold_row` gives them; without predictions
        ``clips`` and ``confusion`` are ``None``, and ``recall`` too where the log has none.

        Raises:
            ValueError: if predictions and ``result.json`` disagree.
        """
        figures = self.result['best'] if kind == 'best' else self.result
        fold, epoch, predictions = self.result.get('fold'), figures['epoch'], self.predictions(kind)
        if predictions is not None:
            return fold_row(fold, epoch, predictions)
        return dict(fold=fold, epoch=epoch, clips=None, uar=figures['uar'], war=figures['war'],
                    recall=self._logged_recall(kind, epoch), confusion=None, absent=[])

    def predictions(self, kind: str) -> Predictions | None:
        """Scores of every test clip at a kind of epoch, where the run kept them; see
        :func:`~mmdfer.runs.fold_results.read_predictions`."""
        return read_predictions(self.path, self.result, kind)

    def _logged_recall(self, kind: str, epoch: int) -> list[float] | None:
        """Recall of each class, (K,), from the log; that of ``inner`` training is not of the test set."""
        record = next((one for one in self.validations if one['step'] == epoch), {}) if kind != 'inner' else {}
        found = {key.split('recall/', 1)[1]: value for key, value in record.items() if 'recall/' in key}
        return [found[name] for name in self.classes] if found else None

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

    def cost(self) -> dict:
        """Time and peak memory: ``seconds`` of the last start, ``training_seconds`` of all, ``iteration_seconds``,
        ``cuda_mib`` as MMEngine logs it, ``rss_mib`` of the main process; ``None`` for what was not measured."""
        return dict(seconds=self.result.get('seconds'), training_seconds=self.training_seconds,
                    iteration_seconds=self.iteration_seconds,
                    cuda_mib=max((record['memory'] for record in self.records if 'memory' in record), default=None),
                    rss_mib=self.result.get('rss_mib'))


def total_cost(rows: Sequence[dict]) -> dict:
    """Times added up over the runs, the largest memory, the mean time of an iteration."""
    over = dict(seconds=sum, training_seconds=sum, iteration_seconds=mean, cuda_mib=max, rss_mib=max)
    values = {key: [row[key] for row in rows] for key in over}
    return {key: None if None in values[key] else over[key](values[key]) for key in over}


def read_result(file: str | os.PathLike) -> dict:
    """A ``result.json``.

    Raises:
        ValueError: where it is missing or not a run's result.
    """
    if not os.path.isfile(file):
        raise ValueError(f'{file}: no such result; it is written when a training ends')
    result = read_json(file)
    if 'name' not in result:
        raise ValueError(f'{file}: no result of a run; expected name, uar, war among its entries')
    return result


def summarize_runs(runs: Sequence[RunFolder]) -> dict:
    """The figures of one run, or of the folds of one config.

    Returns:
        ``folds``; ``kinds`` of epochs that every run has figures of, and under each the summary of
        :func:`~mmdfer.evaluation.summarize`; ``select``, the kind to quote, as ``folds.json`` says or else the first;
        and ``notes``, sentences that a reader must know.

    Raises:
        ValueError: for folds of different settings or classes, or in folders of other folds.
    """
    for run in runs[1:]:
        changed = differences(run.settings, runs[0].settings)
        if changed:
            raise ValueError(f'{runs[0].path} ("there") and {run.path} ("here") are runs of different settings: '
                             f'{changed}. A mean over them is of no model; train one of them again')
    results = {run.result.get('fold'): run.result for run in runs}
    if len(results) != len(runs):
        raise ValueError(f'{runs[0].path.parent}: several of its folders hold the same fold; remove all but one')
    kinds = [kind for kind in runs[0].kinds if all(kind in run.kinds for run in runs)]
    known = set_folds(runs[0].config) if len(runs) > 1 and runs[0].config is not None else ()
    file = runs[0].path.parent / 'folds.json'
    select = read_json(file).get('select') if len(runs) > 1 and file.is_file() else None
    summary = dict(folds=list(results), kinds=kinds, select=select if select in kinds else next(iter(kinds), None),
                   missing=[fold for fold in known if fold not in results], notes=[])
    summary.update((kind, summarize([run.row(kind) for run in runs])) for kind in kinds)
    if kinds:
        found = {run.result.get('fold'): run.predictions(summary['select']) for run in runs}
        shared = shared_clips(found) if len(runs) > 1 and None not in found.values() else []
        summary['notes'] = notes_on(summary, results, shared)
    del summary['missing']
    return summary


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
