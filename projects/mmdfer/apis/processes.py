"""Trainings as processes of their own: on which GPUs they run, and what they said when they failed."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..files import make_folder, write_errors
from ..runs.layout import CONSOLE
from .launching import ALONE, Launch, check_machine, child_environment


@dataclass
class Places:
    """GPUs, dealt out to the trainings that run at a time; none on a machine without CUDA, or where Slurm deals them.

    Args:
        launch: how each training is started.
        parallel: trainings at a time.

    Raises:
        ValueError: for less than one at a time, or more than the machine's GPUs.
    """
    launch: Launch
    parallel: int = 1
    devices: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.parallel < 1:
            raise ValueError(f'--parallel {self.parallel}: expected at least 1')
        check_machine(self.launch)
        if self.launch.by_slurm:
            return
        import torch
        count, wanted = torch.cuda.device_count(), self.launch.processes * self.parallel
        if not count:
            return
        if wanted > count:
            raise ValueError(f'--gpus {self.launch.processes} --parallel {self.parallel}: {wanted} GPUs are wanted, '
                             f'{count} are here')
        visible = os.environ.get('CUDA_VISIBLE_DEVICES')
        self.devices = visible.split(',')[:count] if visible else [str(index) for index in range(count)]

    def environment(self, slot: int) -> dict[str, str]:
        """The environment of the training in a slot, 0 to ``parallel`` - 1."""
        environment, gpus = child_environment(), self.launch.processes
        if self.devices:
            environment['CUDA_VISIBLE_DEVICES'] = ','.join(self.devices[slot * gpus:(slot + 1) * gpus])
        return environment


@contextmanager
def ending(*trainings: Training) -> Iterator[None]:
    """End trainings with this process: when the block is left by an error, by Ctrl-C or by SIGTERM."""
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) if in_main else None
    try:
        yield
    except BaseException:
        for training in trainings:
            training.end()
        raise
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)


class Training:
    """A running ``mmdfer train``, or another command, whose output is appended to ``<folder>/console.log``.

    Args:
        arguments: of the command.
        folder: its work directory, made if missing.
        launch: how it is started.
        environment: its environment. Defaults to this process's.
        command: of ``mmdfer``.
    """

    def __init__(self, arguments: Sequence[str], folder: str, launch: Launch = ALONE,
                 environment: dict[str, str] | None = None, command: str = 'train') -> None:
        make_folder(folder)
        self.log = os.path.join(folder, CONSOLE)
        with write_errors(Path(self.log)):
            file = open(self.log, 'ab')
        with file:
            self._begin = file.tell()
            self._process = subprocess.Popen(launch.command(command, arguments), stdout=file, stderr=subprocess.STDOUT,
                                             env=child_environment() if environment is None else environment)

    def ended(self) -> bool:
        return self._process.poll() is not None

    def failed(self) -> bool:
        """Waits for its end."""
        return bool(self._process.wait())

    def complaint(self) -> str:
        """What it said was wrong, and where to read more."""
        with open(self.log, 'rb') as file:
            file.seek(self._begin)
            lines = file.read().decode(errors='replace').splitlines()
        told = [line.removeprefix('error: ') for line in lines if line.startswith('error: ')]
        return f'{told[-1] + " " if told else ""}(log: {self.log})'

    def end(self, patience: float = 20.) -> None:
        """Ask it to end, and after some seconds make it."""
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
