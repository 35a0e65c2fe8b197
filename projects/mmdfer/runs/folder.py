"""What a run left in its folder, read back: one reader for reports, tables and cross-validations."""
from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ..evaluation.fold_summary import fold_row
from ..evaluation.predictions import Predictions, load_predictions
from ..visualization.curves import is_training
from .layout import CHOSEN, TEST, TEST_PREDICTIONS, UNITS, predictions_file
from .log import read_log
from .metrics import Evaluation, read_evaluations, to_evaluation
from .result import figures_of, kinds_of, read_result
from .samples import set_classes, set_name
from .settings import Settings, differences, parse_config, read_settings, settings_of

if TYPE_CHECKING:
    from mmengine.config import Config


class RunFolder:
    """A finished run's folder (:mod:`~mmdfer.runs.layout`); each part is read when it is first asked for.

    Args:
        path: the run's folder.

    Raises:
        ValueError: for a folder without a readable ``result.json``.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.result = read_result(self.path)
        self._predictions: dict[str, Predictions | None] = {}

    @cached_property
    def settings(self) -> Settings | None:
        """What decided the run's figures; ``None`` where the run left neither settings nor config.

        Raises:
            ValueError: if the settings are not those that made the result.
        """
        found = read_settings(self.path)
        if found is None:
            return Settings(settings_of(self.config), self.config_name) if self.config is not None else None
        if self.result.get('settings') not in (None, found.digest):
            raise ValueError(f'{self.path}: settings.json is not of the run that wrote result.json; another training '
                             'was begun there: finish it with --resume, or remove the folder and train again')
        return found

    @cached_property
    def config_text(self) -> str | None:
        """The config as it ran, as text; ``None`` where the run left none."""
        found = read_settings(self.path)
        if found is not None and found.text is not None:
            return found.text
        file = self._config_file()
        return file.read_text(encoding='utf-8') if file is not None else None

    @cached_property
    def config(self) -> Config | None:
        """The config as it ran."""
        return parse_config(self.config_text) if self.config_text is not None else None

    @cached_property
    def config_name(self) -> str:
        """The config's name; the run's where it is not known."""
        if 'config' in self.result:
            return self.result['config'] or self.result['name']
        file = self._config_file()
        return file.stem if file is not None and file.parent == self.path else self.result['name']

    def _config_file(self) -> Path | None:
        """Of a run from before: the newest config that mmengine left in its folder, else in its log's."""
        files = sorted(self.path.glob('*.py'), key=os.path.getmtime) or sorted(self.path.glob('*/vis_data/config.py'))
        return files[-1] if files else None

    @cached_property
    def dataset(self) -> str | None:
        """The data set's short name, if its class gives one."""
        if 'dataset' in self.result:
            return self.result['dataset']
        return set_name(self.config) if self.config is not None else None

    @cached_property
    def title(self) -> str:
        """What reports call the data set; empty for none."""
        return self.result.get('title') or (self.dataset or '').upper()

    @cached_property
    def classes(self) -> list[str] | None:
        """Class names of the evaluation, in their order."""
        if self.result.get('classes'):
            return self.result['classes']
        named = next((list(one.recalls) for one in self.evaluations if one.recalls), None)
        if named is not None or self.config is None:
            return named
        return set_classes(self.config)

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        """The figures of each validation; of a run from before, those that its log has."""
        return read_evaluations(self.path) or _logged_evaluations(self._log)

    @cached_property
    def _log(self) -> list[dict]:
        return read_log(self.path)

    @cached_property
    def training(self) -> list[dict]:
        """The log's records of training: ``step``, ``loss``, ``lr``, ``time`` ...; none where there is no log."""
        return [record for record in self._log if is_training(record)]

    @property
    def records(self) -> list[dict]:
        """What curves are drawn from: the records of training, then one of each validation."""
        return records_of(self.training, self.evaluations)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of which epochs the run has figures, see :func:`~mmdfer.runs.result.kinds_of`."""
        return kinds_of(self.result)

    def row(self, kind: str) -> dict:
        """Figures of a kind of epoch as :func:`~mmdfer.evaluation.fold_row` gives them; without predictions
        ``clips`` and ``confusion`` are ``None``, and ``recall`` too where no validation has them.

        Raises:
            ValueError: if predictions and ``result.json`` disagree.
        """
        figures = figures_of(self.result, kind)
        fold, epoch, predictions = self.result.get('fold'), figures['epoch'], self.predictions(kind)
        if predictions is not None:
            return fold_row(fold, epoch, predictions)
        return dict(fold=fold, epoch=epoch, clips=None, uar=figures['uar'], war=figures['war'],
                    recall=self._kept_recall(kind, epoch), confusion=None, absent=[])

    def _kept_recall(self, kind: str, epoch: int) -> list[float] | None:
        """Recall of each class, (K,), of a validation; that of ``inner`` training is not of the test set."""
        kept = next((one.recalls for one in self.evaluations if one.step == epoch), {}) if kind != 'inner' else {}
        return [kept[name] for name in self.classes] if kept else None

    def predictions(self, kind: str) -> Predictions | None:
        """Scores of every test clip at a kind of epoch; ``None`` where the run kept none.

        Raises:
            ValueError: if they do not give the figures of ``result.json``.
        """
        if kind not in self._predictions:
            self._predictions[kind] = self._read_predictions(kind)
        return self._predictions[kind]

    def needed_predictions(self, kind: str) -> Predictions:
        """What :meth:`predictions` gives.

        Raises:
            ValueError: as there, and if the run kept none.
        """
        found = self.predictions(kind)
        if found is None:
            raise ValueError(f'{self.path}: has no {self.prediction_files(kind)[0]}: add '
                             'dict(type=\'PredictionsHook\') to custom_hooks of the config and train again')
        return found

    def prediction_files(self, kind: str) -> list[str]:
        """Where the predictions of a kind of epoch may lie, below the folder; first where today's runs keep them."""
        if kind == 'inner':
            return [f'{folder}/{TEST_PREDICTIONS}' for folder in (CHOSEN, TEST)]
        if kind == 'tested':
            return [TEST_PREDICTIONS]
        units = (self.result['unit'], ) if 'unit' in self.result else UNITS
        return [predictions_file(unit, figures_of(self.result, kind)['epoch']) for unit in units]

    def _read_predictions(self, kind: str) -> Predictions | None:
        path = next((self.path / name for name in self.prediction_files(kind) if (self.path / name).is_file()), None)
        if path is None:
            return None
        figures, predictions = figures_of(self.result, kind), load_predictions(path)
        row = fold_row(self.result.get('fold'), figures['epoch'], predictions)
        for key in ('uar', 'war'):
            if abs(row[key] - figures[key]) > 1e-6:
                raise ValueError(f'{path} gives {key.upper()} {row[key]:.4f}, result.json {figures[key]:.4f}: they are '
                                 'of different runs; remove the folder and train again')
        return predictions

    def cost(self) -> dict:
        """Time and peak memory: ``seconds`` of the last start, ``training_seconds`` of all training iterations over all
        starts, ``iteration_seconds``, their median, ``cuda_mib`` as MMEngine logs it, ``rss_mib`` of the main process;
        ``None`` for what was not measured."""
        timed = [record for record in self.training if 'time' in record]
        steps = [record['step'] for record in timed]
        total = sum(record['time'] * (step - before) for record, step, before in zip(timed, steps, [0, *steps]))
        return dict(seconds=self.result.get('seconds'), training_seconds=total or None,
                    iteration_seconds=median(record['time'] for record in timed) if timed else None,
                    cuda_mib=max((record['memory'] for record in self.training if 'memory' in record), default=None),
                    rss_mib=self.result.get('rss_mib'))


def run_records(folder: str | os.PathLike) -> list[dict]:
    """What curves are drawn from, of a run that may not be finished; see :attr:`RunFolder.records`."""
    return records_of([record for record in read_log(folder) if is_training(record)], read_evaluations(folder))


def records_of(training: Sequence[dict], evaluations: Sequence[Evaluation]) -> list[dict]:
    """Records of training and of validation in one list."""
    return [*training, *(dict(step=one.step, unit=one.unit, uar=one.uar, war=one.war)
                         for one in evaluations if one.uar is not None)]


def _logged_evaluations(records: Sequence[dict]) -> list[Evaluation]:
    """The validations that a log has, of a run that kept no ``metrics.jsonl``; step 0 is of a test, not of training."""
    unit = 'epoch' if any('epoch' in record for record in records) else 'iter'
    return [to_evaluation({key: value for key, value in record.items() if key != 'step'}, unit, record['step'])
            for record in records if not is_training(record) and record['step'] > 0]


def differ(one: RunFolder, other: RunFolder) -> str:
    """What differs between the settings of two runs, in words (``one`` is "there"); empty if nothing does, or if either
    left no settings."""
    if one.settings is None or other.settings is None:
        return ''
    return differences(other.settings.entries, one.settings.entries)
