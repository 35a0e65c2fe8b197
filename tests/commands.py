"""The project's commands run in the tests' own process, which has the libraries imported: a start costs seconds."""
from __future__ import annotations

import contextlib
import io
import multiprocessing
from pathlib import Path
from subprocess import CompletedProcess

from mmdfer.apis.cli import run_command

from .conftest import ROOT


def command(name: str, *words: object, cwd: Path = ROOT) -> CompletedProcess:
    """``mmdfer NAME WORDS`` in ``cwd``: its exit status and what it wrote."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run_command(name, [str(word) for word in words], f'mmdfer {name}')
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                err.write(end.code)
    return CompletedProcess([name, *words], status, out.getvalue(), err.getvalue())


def started(name: str, *words: object) -> multiprocessing.Process:
    """The same in a process of its own, to be killed."""
    process = multiprocessing.get_context('fork').Process(target=command, args=(name, *words))
    process.start()
    return process
