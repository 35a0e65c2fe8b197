"""SIGTERM, as schedulers send it: training ends at the next iteration, and goes on from there exactly."""
from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from mmengine.dist import all_gather_object, barrier, get_rank, get_world_size, is_distributed, is_main_process
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop

from ..files import write_text
from ..registry import HOOKS
from ..weights import CheckpointError
from .adapter_checkpoint_hook import LAST, step_of
from .sharding import is_sharded

STOPPED = 'stopped.pth'
"""The checkpoint of a run that was asked to end; the next regular one takes its place."""
ENDED = 128 + signal.SIGTERM
"""Exit status of such a run, as shells have it."""
PLACE = 'within_epoch'


@HOOKS.register_module()
class StopHook(Hook):
    """End at SIGTERM, and go on in the midst of an epoch as if there had been no end.

    Within :meth:`listening` a SIGTERM is noted. All processes of the run end after the same iteration, the first at
    which gradients are not half-gathered, and leave ``stopped.pth`` beside the regular checkpoints: what those hold,
    and the place in the epoch with every process's random state. A run that is resumed from it goes past the batches
    that are done and draws on from there. During a validation the run ends at the next batch: the epoch's checkpoint is
    there, and the validation is done again. Anywhere else it ends at once.
    """

    priority = 'LOWEST'                 # whatever else a hook does after an iteration is part of the checkpoint

    def __init__(self) -> None:
        self._asked = self._agreed = self._has_begun = self._is_validating = False
        self._group: Any = None
        self._vote: tuple[Any, torch.Tensor] | None = None
        self._saving: dict | None = None            # the place that is written, and the one that was read
        self._loaded: dict | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within it SIGTERM is noted, and acted upon by the hook; only the main thread can listen."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def _note(self, *_: object) -> None:
        self._asked = True
        if not self._has_begun:
            sys.exit(ENDED)

    def before_train(self, runner) -> None:
        # A vote on the CPU waits for no GPU.
        self._group = torch.distributed.new_group(backend='gloo') if is_distributed() else None
        if self._loaded is not None and isinstance(runner.train_loop, EpochBasedTrainLoop):
            self._go_on_within_epoch(runner)

    def before_train_epoch(self, runner) -> None:
        self._has_begun = True

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        self._restore_draws()                               # of a loop by iterations, which goes past batches itself

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        forget_stopped(runner.work_dir)
        self._agreed = self._agreed or self._ask_all()
        if self._agreed and _is_between_steps(runner.optim_wrapper):
            draws = [_draws()]
            if self._vote is not None:
                self._vote[0].wait()
                draws = all_gather_object(draws[0])
            self._save(runner, dict(epoch=runner.epoch, iter=runner.iter + 1), batch_idx + 1, draws)
            barrier()
            _end(runner, f'after iteration {runner.iter + 1}, in epoch {runner.epoch + 1}')

    def _ask_all(self) -> bool:
        """Whether any process was asked to end: with several the answer is that of the iteration before."""
        if self._group is None:
            return self._asked
        answer, vote = self._vote, torch.tensor([int(self._asked)])
        work = torch.distributed.all_reduce(vote, torch.distributed.ReduceOp.MAX, self._group, async_op=True)
        self._vote = work, vote
        if answer is None:
            return False
        answer[0].wait()
        return bool(answer[1])

    def before_val_epoch(self, runner) -> None:
        self._is_validating = self._has_begun = True

    def after_val_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if not self._asked or not self._is_validating or not _is_between_steps(runner.optim_wrapper):
            return
        place = dict(epoch=runner.epoch, iter=runner.iter)
        # Processes may have different numbers of batches here, and do not wait for each other.
        if is_main_process() and not _is_saved(runner) and not is_sharded(runner.model):
            self._save(runner, place, 0, [_draws()] * get_world_size())
        _end(runner, f'in the validation after iteration {runner.iter}, which is done again')

    def after_val_epoch(self, runner, metrics=None) -> None:
        self._is_validating = False

    def _save(self, runner, place: dict, done: int, draws: list[dict]) -> None:
        self._saving = dict(place, done=done, draws=draws, processes=get_world_size(),
                            batches=len(runner.train_dataloader))
        runner.save_checkpoint(runner.work_dir, STOPPED, meta=dict(place), by_epoch=False)
        self._saving = None
        if is_main_process():
            write_text(os.path.join(runner.work_dir, STOPPED), Path(runner.work_dir) / LAST)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if self._saving is not None:
            checkpoint[PLACE] = self._saving
            checkpoint['meta'].update(epoch=self._saving['epoch'], iter=self._saving['iter'])

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if not getattr(runner, '_resume', False) or PLACE not in checkpoint:
            return
        place, file = checkpoint[PLACE], runner._load_from or STOPPED
        here = get_world_size(), len(runner.train_dataloader)
        try:
            there = place['processes'], place['batches']
            self._loaded = dict(done=int(place['done']), draws=list(place['draws']))
        except (KeyError, TypeError, ValueError):
            raise CheckpointError(f'{file}: its place in the epoch is not what training writes there; give another '
                                  'checkpoint of the run (epoch_*.pth)') from None
        if here != there:
            raise CheckpointError(
                f'{file}: was left in the midst of an epoch of {there[1]} batches in each of {there[0]} processes, and '
                f'there are {here[1]} in each of {here[0]} now: go on with as many, or from the end of an epoch by '
                '--resume epoch_*.pth')

    def _go_on_within_epoch(self, runner) -> None:
        """Let the loop's next epoch be the rest of the one that was stopped."""
        loop, done = runner.train_loop, self._loaded['done']

        def run_rest() -> None:
            del loop.run_epoch                              # of later epochs, the loop's own
            runner.call_hook('before_train_epoch')
            runner.model.train()
            runner.logger.info(f'going past {done} batches of epoch {runner.epoch + 1}, which are done')
            batches = iter(loop.dataloader)
            for _ in islice(batches, done):                 # read, since data sets count what they give in an epoch
                pass
            self._restore_draws()
            for index, batch in enumerate(batches, done):
                loop.run_iter(index, batch)
            runner.call_hook('after_train_epoch')
            loop._epoch += 1

        loop.run_epoch = run_rest

    def _restore_draws(self) -> None:
        if self._loaded is not None:
            draws, self._loaded = self._loaded['draws'], None
            _set_draws(draws[get_rank()])

    def after_train_epoch(self, runner) -> None:
        forget_stopped(runner.work_dir)


def forget_stopped(folder: str | os.PathLike) -> None:
    """Remove ``stopped.pth`` once the run has a later checkpoint."""
    stopped, pointer = Path(folder) / STOPPED, Path(folder) / LAST
    if not is_main_process() or not stopped.exists():
        return
    if pointer.is_file() and Path(pointer.read_text(encoding='utf-8').strip()).name != STOPPED:
        stopped.unlink(missing_ok=True)


def _is_between_steps(wrapper) -> bool:
    """Whether no gradients of earlier iterations wait for the optimizer's next step."""
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    return all(one.should_update() for one in wrappers)


def _is_saved(runner) -> bool:
    """Whether the run's last checkpoint is of this very iteration."""
    pointer = Path(runner.work_dir) / LAST
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    return pointer.is_file() and step_of(Path(pointer.read_text(encoding='utf-8').strip())) == (
        runner.epoch if by_epoch else runner.iter)


def _end(runner, where: str) -> NoReturn:
    runner.logger.warning(f'ended by SIGTERM {where}; go on with --resume')
    runner.visualizer.close()
    sys.exit(ENDED)


def _draws() -> dict:
    """The states of this process's generators, as tensors and numbers."""
    version, words, gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)
    return dict(python=[version, torch.tensor(words), gauss], torch=torch.get_rng_state(),
                numpy=[torch.tensor(numpy['state']['key'].astype(np.int64)), int(numpy['state']['pos']),
                       int(numpy['has_gauss']), float(numpy['gauss'])],
                cuda=torch.cuda.get_rng_state() if torch.cuda.is_available() else None)


def _set_draws(states: dict) -> None:
    version, words, gauss = states['python']
    random.setstate((version, tuple(words.tolist()), gauss))
    key, *rest = states['numpy']
    np.random.set_state(('MT19937', key.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states['torch'].cpu())              # a checkpoint's tensors come to the device of the model
    if states['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())
