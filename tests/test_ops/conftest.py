"""Triton's kernels in tests: interpreted quickly, and with the first of their blocks."""
import os

import pytest


@pytest.fixture(scope='module')
def quick_interpreter():
    """The interpreter prepares Triton's language anew for each function that a kernel calls: once a kernel will do."""
    if os.environ.get('TRITON_INTERPRET') != '1':
        yield
        return
    from triton.runtime import interpreter
    ready, run_grid = set(), interpreter.GridExecutor.__call__

    def call(self, *args, **kwargs):
        if id(self.fn.__globals__) not in ready:
            ready.add(id(self.fn.__globals__))
            interpreter._patch_lang(self.fn)
        return self.rewrite()(*args, **kwargs)

    def launch(self, *args, **kwargs):
        ready.clear()
        return run_grid(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter.InterpretedFunction, '__call__', call)
        patch.setattr(interpreter.GridExecutor, '__call__', launch)
        if hasattr(interpreter, 'InterpreterOptions'):
            patch.setattr(interpreter.InterpreterOptions, 'sanitize_overflow', False)
        yield


@pytest.fixture
def first_blocks(monkeypatch, tmp_path):
    """Each kernel compiled once, not once for each of its choices; no table of the user's."""
    from mmdfer.ops import _triton_blocks
    monkeypatch.setenv('MMDFER_CACHE', str(tmp_path))
    monkeypatch.setattr(_triton_blocks, '_fastest', lambda choices, launch: choices[0])
