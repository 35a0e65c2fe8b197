"""Trainings as processes of their own: on which GPUs, by which launcher, and what they said when they failed."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch


TRAIN = ('-m', 'mmdfer', 'train')
"""What an interpreter is told to run for a training, wherever it is started."""


@dataclass
class Places:
    """GPUs, dealt out to the trainings that run at a time; none on a machine without CUDA.

    Args:
        gpus: processes a training, on a GPU each where there are GPUs.
        parallel: trainings at a time.

    Raises:
        ValueError: for less than one of either, or more than the machine's GPUs.
    """
    gpus: int
    parallel: int
    devices: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.gpus < 1 or self.parallel < 1:
            raise ValueError(f'--gpus {self.gpus} --parallel {self.parallel}: expected at least 1 of each')
        count = torch.cuda.device_count()
        if not count:
            return
        if self.gpus * self.parallel > count:
            raise ValueError(f'--gpus {self.gpus} --parallel {self.parallel}: {self.gpus * self.parallel} GPUs are wanted, '
                             f'{count} are here')
        visible = os.environ.get('CUDA_VISIBLE_DEVICES')
        self.devices = visible.split(',')[:count] if visible else [str(index) for index in range(count)]

    def environment(self, slot: int) -> dict[str, str]:
        """The environment of the training in a slot, 0 to ``parallel`` - 1."""
        if not self.devices:
            return dict(os.environ)
        return dict(os.environ, CUDA_VISIBLE_DEVICES=','.join(self.devices[slot * self.gpus:(slot + 1) * self.gpus]))


class Training:
    """A running training, whose output is appended to ``<folder>/console.log``.

    Args:
        tool: words for the interpreter, as :data:`TRAIN`, or the path of a script.
        arguments: its arguments.
        folder: its work directory, made if missing.
        gpus: its processes; more than one start by ``torch.distributed.run``.
        environment: its environment.
    """

    def __init__(self, tool: str | os.PathLike | Sequence[str], arguments: Sequence[str], folder: str, gpus: int,
                 environment: dict[str, str]) -> None:
        launch, launcher = [sys.executable], []
        if gpus > 1:
            launch = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node', str(gpus), '--master_addr',
                      '127.0.0.1', '--master_port', str(_free_port())]
            launcher = ['--launcher', 'pytorch']
        words = [str(tool)] if isinstance(tool, (str, os.PathLike)) else tool
        os.makedirs(folder, exist_ok=True)
        self.log = os.path.join(folder, 'console.log')
        with open(self.log, 'ab') as file:
            self._begin = file.tell()
            self._process = subprocess.Popen([*launch, *words, *arguments, *launcher], stdout=file,
                                             stderr=subprocess.STDOUT, env=environment)

    def ended(self) -> bool:
        return self._process.poll() is not None

    def failed(self) -> bool:
        return bool(self._process.returncode)

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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]
