"""Ending a job at one of its file events, starting it again, and holding what it leaves against an undisturbed one's.

A job runs in a process that is forked once everything is imported, with an audit hook that counts: a file opened for
writing, renamed, linked, cut or removed, a folder made or removed, a file brought to the disk. At each event a copy of
the process is forked that ends there and then, with all that it had not yet given to the system; what lies on the disk
is kept as that process leaves it, and the job goes on to the next event. It is then started again from each of them.
Processes that the job starts count with it.
"""
from __future__ import annotations

import gc
import mmap
import os
import shutil
import signal
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .outcome import state_of

CHANGES = {'os.rename', 'os.remove', 'os.rmdir', 'os.mkdir', 'os.link', 'os.symlink', 'os.truncate'}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Events:
    """A count that a job's processes share.

    Args:
        folder: events of files elsewhere do not count.
        kept: where a copy of the folder goes at each event, by its number; ``None`` to count alone.
        every: of the events, those whose number is one more than a multiple of it.
    """

    def __init__(self, folder: Path, kept: Path | None = None, every: int = 1) -> None:
        self.folder, self.kept, self.every = os.path.realpath(folder) + os.sep, kept, every
        self._shared = mmap.mmap(-1, 8)

    @property
    def count(self) -> int:
        return struct.unpack('q', self._shared[:8])[0]

    def watch(self) -> None:
        """Count from now on in this process and those forked from it; it cannot be undone."""
        sys.addaudithook(self._see)
        sync = os.fsync

        def counted(number: int) -> None:
            self._one_more()
            sync(number)

        os.fsync = counted                          # type: ignore[assignment]

    def _see(self, event: str, arguments: Sequence[Any]) -> None:
        if event == 'open':
            if not isinstance(arguments[2], int) or not arguments[2] & WRITES:
                return
        elif event not in CHANGES:
            return
        path = arguments[1] if event in ('os.rename', 'os.link', 'os.symlink') else arguments[0]
        if isinstance(path, (str, bytes, os.PathLike)) and os.path.abspath(os.fsdecode(path)).startswith(self.folder):
            self._one_more()

    def _one_more(self) -> None:
        count = self.count + 1
        self._shared[:8] = struct.pack('q', count)
        if self.kept is None or (count - 1) % self.every:
            return
        child = os.fork()
        if child == 0:
            os._exit(1)                                 # a process that ends here: no handler, nothing written any more
        os.waitpid(child, 0)
        shutil.copytree(self.folder, self.kept / str(count), symlinks=True)


@contextmanager
def _last_of_its_process() -> Iterator[None]:
    """End this process behind the block, with the block's exit status and nothing that an interpreter does then."""
    status = 1
    try:
        yield
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run_forked(job: Callable[[], None], events: Events, log: Path) -> int:
    """The exit status of a process that does a job, minus the signal that killed it; no process of it is left."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        with _last_of_its_process():
            os.setsid()                                 # so that nothing of it can be left
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(out, 1)
            os.dup2(out, 2)
            events.watch()
            job()
    number = os.waitpid(child, 0)[1]
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(number)


class ForkedProcess:
    """Stands for ``subprocess.Popen`` of ``python -m mmdfer ...``, so that what a job starts is imported already."""

    def __init__(self, command: Sequence[str], stdout: Any = None, env: Mapping[str, str] | None = None,
                 **others: Any) -> None:
        from ..cli import main
        self._status: int | None = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            with _last_of_its_process():
                os.environ.update(env or {})
                os.dup2(stdout.fileno(), 1)
                os.dup2(stdout.fileno(), 2)
                main(list(command)[list(command).index('mmdfer') + 1:])

    def poll(self) -> int | None:
        return self.wait(flags=os.WNOHANG)

    def wait(self, timeout: float | None = None, flags: int = 0) -> int | None:
        if self._status is None:
            pid, number = os.waitpid(self.pid, flags)
            self._status = os.waitstatus_to_exitcode(number) if pid else None
        return self._status

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


@dataclass
class Report:
    """What became of a job that was killed at its events.

    Args:
        name: the job's.
        events: file events of an undisturbed run.
        tried: at how many of them it was killed and started again.
        faults: what went wrong, by event: it did not end well, or left something else.
    """
    name: str
    events: int
    tried: int = 0
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def held(self) -> int:
        return self.tried - len(self.faults)


def kill_everywhere(name: str, job: Callable[[], None], work: Path, every: int = 1,
                    told: Callable[[Report], None] = lambda report: None) -> Report:
    """End a job at each of its file events, start it again, and compare.

    Args:
        name: the job's.
        job: does it in ``work``, and goes on where an earlier call of it was stopped.
        work: a folder of its own, emptied before it.
        every: try each so many-th event, from the first.
        told: called after each try.

    Raises:
        ValueError: if the job does not end well undisturbed.
    """
    log, kept = (work.with_name(f'{work.name}{suffix}') for suffix in ('.log', '.kept'))
    for folder in (work, kept):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    events = Events(work, kept, every)
    if run_forked(job, events, log):
        raise ValueError(f'{name}: failed undisturbed: {_last_line(log)}')
    expected, report = state_of(work), Report(name, events.count)
    for event in range(1, events.count + 1, every):
        shutil.rmtree(work)
        (kept / str(event)).rename(work)
        status = run_forked(job, Events(work), log)
        found = state_of(work) if status == 0 else {}
        report.tried += 1
        differing = sorted(one for one in {*expected, *found} if expected.get(one) != found.get(one))
        if status:
            report.faults[event] = f'ended with status {status} when it was started again: {_last_line(log)}'
        elif differing:
            report.faults[event] = f'left other {", ".join(differing)}'
        told(report)
    return report


def _last_line(log: Path) -> str:
    return ' '.join(log.read_text(errors='replace').strip().splitlines()[-1:])


def make_light() -> None:
    """Leave out of this process what takes most of a tiny job's time and writes no other files: the layout of configs'
    texts, the look at compilers and the drawing of pictures, each of which becomes a few bytes."""
    import mmengine.config.config
    import mmengine.runner.runner
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def draw(figure: Any, file: Any, **options: Any) -> None:
        if hasattr(file, 'write'):
            file.write(b'<svg/>')
        else:
            Path(file).write_bytes(b'a picture')

    Figure.savefig = FigureCanvasAgg.print_png = draw   # type: ignore[assignment]
    mmengine.config.config.FormatCode = lambda text, **options: (text, False)
    mmengine.runner.runner.collect_env = dict
    gc.freeze()                                         # data sets collect garbage, of all that is imported


def in_forks(module: Any) -> None:
    """Let a module that starts ``python -m mmdfer`` by ``subprocess`` fork this process instead."""

    class Forking:
        """What is used of the library's module."""

        Popen, TimeoutExpired, STDOUT = ForkedProcess, subprocess.TimeoutExpired, subprocess.STDOUT

    module.subprocess = Forking
