"""No clip that a model was trained on is a test of it."""
from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from ..datasets import DatasetError
from ..datasets.sample_ids import list_name, part_name, sample_ids, trained_on
from ..registry import DATASETS, HOOKS
from ..trained_on import FIELD, UNKNOWN, TrainedOn
from ..weights import CheckpointError

OPTION = '--allow-seen'


@HOOKS.register_module()
class SeenClipsHook(Hook):
    """Keep in checkpoints which clips a model was trained on, and refuse to validate or test on any of them.

    What a checkpoint that is loaded or resumed, or the file of a tower, says of its clips is added to those of this
    training. A file that does not say leaves a warning, and ``unknown`` in the result.

    Args:
        allow: go on with such clips; the results count them.
    """
    priority = 'HIGH'                   # before hooks that begin a run, after those that look at its checkpoint

    def __init__(self, allow: bool = False) -> None:
        self.allow = allow
        self.loaded: list[tuple[str, TrainedOn]] = []
        self.trained_on: TrainedOn | None = None
        self.seen: dict[str, int] = {}

    def add_file(self, path: str | os.PathLike, meta: dict) -> None:
        """Take in what a file that was loaded says of its clips.

        Raises:
            CheckpointError: if that cannot be read.
        """
        try:
            self.loaded.append((os.fspath(path), TrainedOn.from_meta(meta, os.fspath(path))))
        except ValueError as error:
            raise CheckpointError(str(error)) from None

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.add_file(runner._load_from or 'the checkpoint', checkpoint.get('meta') or {})

    def before_train(self, runner) -> None:
        before = self._before(runner)
        if not before.is_whole:
            runner.logger.warning(f'{self._files(unknown=True)}: does not say which clips it was trained on; whether '
                                  f'clips of the test are among them is not known, and {FIELD} of the results says so')
        train = runner.train_dataloader.dataset
        self.trained_on = before | trained_on(train)
        tests = dict(validation=None if runner.val_loop is None else runner.val_loop.dataloader.dataset,
                     test=_other_test_set(runner))
        for what, dataset in tests.items():
            if dataset is not None:
                self._check(runner, what, dataset, self.trained_on, *self._source(dataset, train, before))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if self.trained_on is not None:
            checkpoint.setdefault('meta', {})[FIELD] = self.trained_on.to_meta()

    def before_test(self, runner) -> None:
        known = self._before(runner) if self.trained_on is None else self.trained_on
        if not known.is_whole and self.trained_on is None:
            runner.logger.warning(f'{self._files(unknown=True)}: does not say which clips it was trained on, as older '
                                  'files and converted releases do not; whether test clips are among them is not '
                                  f'known, and the result says {FIELD}: {UNKNOWN}')
        self._check(runner, 'test', runner.test_dataloader.dataset, known,
                    f'{self._files() or "the model"} was trained on', f' (it has seen {known})')

    def result(self, runner, what: str) -> dict[str, Any]:
        """What a result says: ``trained_on`` in words, and ``seen_clips``, how many clips of a test the model had seen.

        Args:
            runner: the runner, trained or loaded.
            what: ``'validation'`` or ``'test'``.
        """
        known = self._before(runner) if self.trained_on is None else self.trained_on
        count = self.seen.get(what, 0) if known.is_whole or known.parts else None
        return dict(trained_on=str(known), seen_clips=count)

    def _before(self, runner) -> TrainedOn:
        """What the weights that were loaded had seen."""
        total = TrainedOn.nothing()
        for found in [one for _, one in self.loaded] + _towers(runner.model):
            total |= found
        return total

    def _files(self, unknown: bool = False) -> str:
        return ' and '.join(dict.fromkeys(path for path, one in self.loaded if not (unknown and one.is_whole)))

    def _source(self, dataset: Any, train: Any, before: TrainedOn) -> tuple[str, str]:
        """What has the clips that a test shares with the training: a file that it begins with, or the list."""
        if before.among(sample_ids(dataset) or ()):
            return f'{self._files() or "the image model"} was trained on', f' (it has seen {before})'
        return f'{list_name(train)}, which is trained on, holds', ''

    def _check(self, runner, what: str, dataset: Any, known: TrainedOn, source: str, more: str) -> None:
        ids = sample_ids(dataset)
        seen = [] if ids is None else known.among(ids)
        self.seen[what] = len(seen)
        if not seen:
            return
        names = ', '.join(name.partition('/')[2] for name in seen[:5])
        message = (f'{source} {len(seen)} of the {len(ids or ())} {what} clips of {list_name(dataset)} '
                   f'({part_name(dataset)}), such as {names}{more}')
        if not self.allow:
            raise DatasetError(f'{message}: figures on them are no test. Use the fold and list that belong together, '
                               f'or say {OPTION} (allow_seen=True), which the result then tells')
        runner.logger.log(logging.WARNING, f'{message}: the figures are no test of them, and the result says so')


def seen_clips_of(runner) -> SeenClipsHook | None:
    """The runner's hook, if it has one."""
    return next((hook for hook in runner.hooks if isinstance(hook, SeenClipsHook)), None)


def _other_test_set(runner) -> Any:
    """The config's test set where it is none of the validation's, with nothing but its clips; else ``None``."""
    loaders = [runner.cfg.get(name) or {} for name in ('test_dataloader', 'val_dataloader')]
    test, val = (loader.get('dataset') for loader in loaders)
    if not isinstance(test, dict) or 'type' not in test or _without_pipeline(test) == _without_pipeline(val):
        return None
    try:
        return DATASETS.build(dict(test, pipeline=[]) if 'pipeline' in test else dict(test))
    except (DatasetError, FileNotFoundError) as error:
        runner.logger.warning(f'whether clips of the test set are trained on is not known, for it cannot be read: '
                              f'{error}')
        return None


def _without_pipeline(dataset: Any) -> Any:
    return {name: value for name, value in dataset.items() if name != 'pipeline'} if isinstance(dataset, dict) else None


def _towers(model: nn.Module) -> list[TrainedOn]:
    """What towers' own files said of their clips."""
    bare = model.module if is_model_wrapper(model) else model
    found: Sequence[Any] = [getattr(module, FIELD, None) for module in bare.modules()]
    return [one for one in found if isinstance(one, TrainedOn)]
