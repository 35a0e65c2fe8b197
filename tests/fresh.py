"""Interpreters that have run nothing of the tests, the package or OpenMMLab, but need not import PyTorch each."""
from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from subprocess import CompletedProcess

from .conftest import ROOT

# Imports what takes seconds and knows nothing of us, and runs each code that it is given in a copy of itself.
SERVER = '''
import json, os, sys, traceback, warnings
import torch, sympy, cv2, matplotlib.pyplot
warnings.simplefilter('ignore')
for line in sys.stdin:
    code, folder, words = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for stream, name in enumerate((os.devnull, 'out', 'err')):
            place = os.path.join({place!r}, name)
            os.dup2(os.open(place, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
        sys.argv[1:], status = words, 0
        try:
            exec(compile(code, '<code>', 'exec'), dict(__name__='__main__'))
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
'''


@functools.cache
def _server() -> tuple[subprocess.Popen, tempfile.TemporaryDirectory]:
    folder = tempfile.TemporaryDirectory()
    environment = dict(os.environ, PYTHONPATH=str(ROOT / 'projects'), OMP_NUM_THREADS='1')
    return subprocess.Popen([sys.executable, '-W', 'ignore', '-c', SERVER.format(place=folder.name)], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment), folder


def fresh_python(code: str, *words: object, cwd: Path = ROOT) -> CompletedProcess:
    """``python -c CODE WORDS`` in ``cwd`` by an interpreter that has imported PyTorch alone, OpenCV and matplotlib."""
    server, folder = _server()
    server.stdin.write(json.dumps([textwrap.dedent(code), str(cwd), [str(word) for word in words]]) + '\n')
    server.stdin.flush()
    status = int(server.stdout.readline())
    return CompletedProcess(['python', '-c', code], status, *(Path(folder.name, name).read_text()
                                                              for name in ('out', 'err')))
