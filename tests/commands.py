"""The project's commands run in the tests' own process, which has the libraries imported: a start costs seconds."""
from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest import mock

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mmengine.logging import MMLogger

from mmdfer.apis.cli import run_command
from mmdfer.apis.launching import free_port

from .conftest import ROOT


def command(name: str, *words: object, cwd: Path = ROOT) -> CompletedProcess:
    """``mmdfer NAME WORDS`` in ``cwd``: its exit status and what it wrote."""
    return _ended(lambda: run_command(name, [str(word) for word in words], f'mmdfer {name}'), [name, *words], cwd)


def tool(file: str, *words: object, cwd: Path = ROOT) -> CompletedProcess:
    """``python tools/FILE WORDS`` in ``cwd``: its exit status and what it wrote."""
    argv = [str(ROOT / 'tools' / file), *map(str, words)]

    def run() -> None:
        with mock.patch.object(sys, 'argv', argv), mock.patch.object(sys, 'path', list(sys.path)):
            runpy.run_path(argv[0], run_name='__main__')

    return _ended(run, argv, cwd)


def started(name: str, *words: object) -> BaseProcess:
    """``mmdfer NAME WORDS`` in a process of its own, to be killed."""
    process = multiprocessing.get_context('fork').Process(target=command, args=(name, *words))
    process.start()
    return process


def kill_when(process: BaseProcess, condition: Callable[[], bool]) -> None:
    """Kill a process of :func:`started` and its children as soon as something holds, or let it end."""
    deadline = time.time() + 200
    while not condition() and process.is_alive() and time.time() < deadline:
        time.sleep(0.003)
    for one in (process.pid, *_children_of(process.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    process.join()


def _children_of(parent: int | None) -> list[int]:
    try:                                        # at once: ps takes as long as a small evaluation
        listed = Path(f'/proc/{parent}/task/{parent}/children').read_text().split()
    except OSError:
        listed = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(parent)], capture_output=True,
                                text=True).stdout.split()
    return [one for child in map(int, listed) for one in (child, *_children_of(child))]


def together(count: int, name: str, *words: object) -> None:
    """``mmdfer NAME WORDS --launcher pytorch`` in ``count`` processes as ``torchrun`` starts them, to a good end."""
    port, context = free_port(), multiprocessing.get_context('fork')
    said: Any = context.SimpleQueue()

    def rank_of(rank: int) -> None:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), LOCAL_WORLD_SIZE=str(count),
                          MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
        done = command(name, *words, '--launcher', 'pytorch')
        said.put(f'process {rank} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}')
        sys.exit(done.returncode)

    processes = [context.Process(target=rank_of, args=(rank, )) for rank in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(200)
        process.kill()
    ends = [process.exitcode for process in processes]
    assert ends == [0] * count, [ends, *(said.get() for _ in iter(said.empty, True))]


@contextlib.contextmanager
def shell_command(folder: Path) -> Iterator[Path]:
    """A program ``mmdfer`` in ``folder`` for scripts: each call is the command in a copy of this process.

    The copy has the caller's folder and environment; several calls may run at a time.
    """
    with _program(folder / 'mmdfer', command) as program:
        yield program


@contextlib.contextmanager
def python_program(folder: Path) -> Iterator[Path]:
    """A program ``python`` in ``folder`` that runs a file, or by ``-m`` a module, in a copy of this process."""
    with _program(folder / 'python', _python) as program:
        yield program


def _python(*words: str, cwd: Path) -> CompletedProcess:
    rest = [word for word in words if word != '-u']
    argv = rest[1:] if rest[0] == '-m' else rest

    def run() -> None:
        with mock.patch.object(sys, 'argv', list(argv)):
            (runpy.run_module if rest[0] == '-m' else runpy.run_path)(argv[0], run_name='__main__')

    return _ended(run, list(argv), cwd)


@contextlib.contextmanager
def _program(program: Path, function: Callable) -> Iterator[Path]:
    address = program.with_suffix('.socket')
    program.write_text(CALL.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(address))
        door.listen()
        answering = threading.Thread(target=_answer, args=(door, function), daemon=True)
        answering.start()
        try:
            yield program
        except BaseException:
            end_copies()                        # whoever called them is gone
            raise
        finally:
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            answering.join()


CALL = '''#!{python} -S
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect({address!r})
with door.makefile('rw') as line:
    line.write(json.dumps([os.getcwd(), dict(os.environ), sys.argv[1:]]) + '\\n')
    line.flush()
    status, out, err = json.loads(line.readline())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(status)
'''


def _answer(door: socket.socket, function: Callable) -> None:
    calls: list[threading.Thread] = []
    while True:
        try:
            caller, _ = door.accept()
        except OSError:
            break
        calls.append(threading.Thread(target=_call, args=(caller, function), daemon=True))
        calls[-1].start()
    for call in calls:
        call.join()


def _call(caller: socket.socket, function: Callable) -> None:
    context = multiprocessing.get_context('fork')
    ours, theirs = context.Pipe(duplex=False)

    def call(folder: str, environment: dict[str, str], words: list[str]) -> None:
        with mock.patch.dict(os.environ, environment, clear=True):
            done = function(*words, cwd=Path(folder))
        theirs.send((done.returncode, done.stdout, done.stderr))

    with caller, caller.makefile('rw') as line:
        process = context.Process(target=call, args=json.loads(line.readline()))
        process.start()
        theirs.close()
        try:
            said = ours.recv()
        except EOFError:
            process.join()
            said = 1, '', f'the copy of this process ended with {process.exitcode}\n'
        line.write(json.dumps(said) + '\n')
        process.join()


def end_copies() -> None:
    """End the copies of this process that are left; each tells on the console where it is."""
    for process in multiprocessing.active_children():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGABRT)                # pytest has faulthandler print every thread's place
        process.join(10)
        process.kill()


def in_copies(function: Callable, args: tuple, count: int) -> None:
    """``function(rank, *args)`` in ``count`` copies of this process, where ``spawn`` would start new ones."""
    torch.multiprocessing.start_processes(_one_thread, (function, args), nprocs=count, start_method='fork')


def _one_thread(rank: int, function: Callable, args: tuple) -> None:
    torch.set_num_threads(1)                    # the threads of before are not in a copy
    function(rank, *args)


def _ended(run: Callable[[], None], argv: list, cwd: Path) -> CompletedProcess:
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (_settings_kept(), contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)):
        try:
            run()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                err.write(end.code)
    return CompletedProcess(argv, status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def pictures_unpainted() -> Iterator[None]:
    """Figures are put together and their files there, but of a few bytes: for runs whose pictures nobody looks at."""
    def paint(figure: Figure, file: Any, **options: Any) -> None:
        if isinstance(file, io.TextIOBase):
            file.write('<svg/>')
        elif hasattr(file, 'write'):
            file.write(b'a picture')
        else:
            Path(file).write_bytes(b'a picture')

    with mock.patch.object(Figure, 'savefig', paint), mock.patch.object(FigureCanvasAgg, 'print_png', paint):
        yield


@contextlib.contextmanager
def _settings_kept() -> Iterator[None]:
    """What a run sets for its whole process is as before behind it; it has one thread, and loggers of its own."""
    deterministic, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with mock.patch.dict(os.environ), mock.patch.dict(MMLogger._instance_dict, clear=True):
        yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic, benchmark
