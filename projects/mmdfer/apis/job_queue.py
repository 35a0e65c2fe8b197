"""Trainings and tests in processes of their own, as many at a time as there are places for."""
from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .processes import Places, Training


@dataclass(frozen=True)
class Job:
    """A command to run.

    Args:
        name: what messages call it, such as ``fold 1``.
        arguments: of the command.
        folder: where its output goes, as ``console.log``.
        command: of ``mmdfer``.
        doing: what messages say of it.
    """
    name: str
    arguments: tuple[str, ...]
    folder: str
    command: str = 'train'
    doing: str = 'training'


def run_jobs(jobs: Sequence[Job], places: Places, ended: Callable[[Job, bool], None]) -> None:
    """Run jobs in their order.

    Args:
        jobs: those to run.
        places: how a job's processes are started, and how many jobs run at a time.
        ended: called when a job has ended well; with whether others run or wait.

    Raises:
        ValueError: if a job fails; no further one is started, and it names the log.
    """
    waiting = list(jobs)
    running: dict[int, tuple[Job, Training]] = {}
    complaints: list[str] = []
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # so that the processes below are ended too
    try:
        while waiting or running:
            for slot in range(places.parallel):
                if slot not in running and waiting:
                    job = waiting.pop(0)
                    running[slot] = job, _start(job, places, slot)
            time.sleep(0.2)
            for slot, (job, training) in list(running.items()):
                if not training.ended():
                    continue
                del running[slot]
                if training.failed():
                    waiting.clear()
                    complaints.append(f'{job.name} failed: {training.complaint()}')
                    print(complaints[-1], flush=True)
                    continue
                ended(job, bool(waiting or running))
    finally:
        for _, training in running.values():
            training.end()
        signal.signal(signal.SIGTERM, previous)
    if complaints:
        raise ValueError('; '.join(complaints))


def _start(job: Job, places: Places, slot: int) -> Training:
    training = Training(job.arguments, job.folder, places.launch, places.environment(slot), job.command)
    print(f'{job.name}: {job.doing}; log in {training.log}', flush=True)
    return training
