"""Hooks that speak with the training data set: its random draws and its unreadable clips."""
from __future__ import annotations

import os
import random

import numpy as np
import torch
from mmengine.dist import get_rank, master_only
from mmengine.hooks import Hook

from ..datasets.sample_ids import innermost_datasets
from ..registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Make each epoch's random draws a function of the run's seed and the epoch.

    Dropout, mixing and shuffling draw from generators seeded anew at every epoch, and augmentation from
    seed, epoch and clip, so a run that was killed and resumed goes on as if it had never stopped, and does
    not depend on the number of workers.
    """

    def before_train_epoch(self, runner) -> None:
        self._seed(runner)
        for dataset in innermost_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(runner.seed, runner.epoch)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        # Starting workers draws from torch's generator, in a resumed run's first epoch and not in the same epoch
        # of a run whose workers are up already.
        if batch_idx == 0:
            self._seed(runner)

    @staticmethod
    def _seed(runner) -> None:
        seed = int(np.random.SeedSequence([runner.seed, runner.epoch, get_rank()]).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)


@HOOKS.register_module()
class BadClipsHook(Hook):
    """Report how many clips training went past, and which, in the log and in ``bad_clips.tsv``."""

    filename = 'bad_clips.tsv'

    def before_train(self, runner) -> None:
        self.path = os.path.join(runner.work_dir, self.filename)
        if runner.iter == 0 and get_rank() == 0 and os.path.exists(self.path):
            os.remove(self.path)
        for dataset in innermost_datasets(runner.train_dataloader.dataset):
            if getattr(dataset, 'skip_bad_clips', False):
                dataset.bad_clips_file = self.path

    @master_only
    def after_train_epoch(self, runner) -> None:
        bad = self.read()
        if bad:
            runner.logger.warning(f'{len(bad)} clips could not be read and were replaced by others so far: '
                                  f'{", ".join(list(bad)[:10])}{", ..." if len(bad) > 10 else ""}; see {self.path}')

    def read(self) -> dict[str, str]:
        """What was wrong with each clip, by its name."""
        if not os.path.isfile(self.path):
            return {}
        with open(self.path, encoding='utf-8') as file:
            return dict(line.rstrip('\n').split('\t', 1) for line in file if '\t' in line)
