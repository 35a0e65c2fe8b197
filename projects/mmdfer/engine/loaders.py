"""The workers of a run's loaders: how many there are, and what ends them."""
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from ..run_config import LOADERS

OF_WORKERS = ('persistent_workers', 'prefetch_factor')
"""Entries of a loader that torch refuses where there are no workers."""


def set_workers(cfg: Config, workers: int | None) -> None:
    """Give every loader of a config so many workers; with 0 the training process reads by itself.

    Args:
        cfg: a run's config.
        workers: a loader's; ``None`` for what the config says.

    Raises:
        ValueError: for a number below 0.
    """
    if workers is None:
        return
    if workers < 0:
        raise ValueError(f'--workers {workers}: expected 0 or more')
    for name in LOADERS:
        if isinstance(cfg.get(name), dict):
            cfg[name].num_workers = workers


def fit_loaders(cfg: Config) -> None:
    """Leave out, of loaders without workers, what is of workers."""
    for name in LOADERS:
        loader = cfg.get(name)
        if isinstance(loader, dict) and not loader.get('num_workers'):
            for key in OF_WORKERS:
                loader.pop(key, None)


class EndWorkersHook(Hook):
    """End the workers of a run's loaders when the run is over.

    torch leaves that to the loader's end. A runner's loader is part of a cycle of references, though: when that is
    collected, the queues are closed first, nobody tells the workers, and each is waited for in vain, 5 s.

    Args:
        loaders: those of the run; may be built later.
    """

    def __init__(self, loaders: list[DataLoader]) -> None:
        self._loaders = loaders

    def after_run(self, runner) -> None:
        for loader in self._loaders:
            running, loader._iterator = loader._iterator, None          # none without persistent workers
            if running is not None:
                running._shutdown_workers()


def shield_workers(runner) -> list[DataLoader]:
    """Let the loaders that a runner builds keep their workers when SIGTERM is sent to all of its processes.

    Schedulers and ``torch.distributed.run`` send it so. torch's workers end then, and with them the batches that the
    training still needs. Here a worker ends at a SIGTERM of its parent alone.

    Returns:
        The loaders, in the order in which they will have been built.
    """
    build, built = runner.build_dataloader, []

    def build_shielded(*args, **kwargs):
        loader = build(*args, **kwargs)
        if isinstance(loader, DataLoader) and loader not in built:      # a loader is also taken as it is
            built.append(loader)
        if hasattr(signal, 'sigwaitinfo') and getattr(loader.worker_init_fn, 'func', None) is not _begin_worker:
            loader.worker_init_fn = partial(_begin_worker, loader.worker_init_fn)
            loader._get_iterator = partial(_without_sigterm, loader._get_iterator)
        return loader

    runner.build_dataloader = build_shielded
    return built


def _without_sigterm(start_workers: Callable) -> Any:
    """Start workers while SIGTERM waits, so that it does in each of their threads from the beginning."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        return start_workers()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(begin: Callable[[int], None] | None, worker: int) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_parent, args=(os.getppid(), ), daemon=True).start()
    if begin is not None:
        begin(worker)


def _end_with_parent(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
