"""One pool of processes: results in the items' order, errors that name their item, and workers that end with us.

Workers come from a server process that has run nothing yet, not from a copy of this one: threads of torch, OpenCV or
CUDA do not outlive a fork, and a copied process waits for them for ever. So what they do is a module's function, and
what they get and give is pickled.
"""
from __future__ import annotations

import _thread
import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from queue import SimpleQueue
from types import FrameType, ModuleType
from typing import Any

IN_HAND = 2
"""Items that a worker has at a time, so that it need not wait for the next one."""

AHEAD = 8
"""Items a worker by which results may run ahead of the one that is waited for, since they are kept meanwhile."""

GRACE = 0.5
"""Seconds that a worker has for leaving nothing half-written when its parent is gone."""


class WorkerDied(ChildProcessError):
    """A worker that was killed or crashed, and what it was working on."""


def in_processes(step: Callable, items: Iterable, workers: int | None = None,
                 setup: Callable[[], Any] | None = None) -> Generator:
    """``step(item)`` of each item, in order, done by several processes.

    Closing the iterator ends the workers, and so does the end of this process, whatever it dies of, within a second.
    What they were writing by :mod:`mmdfer.files` is then not there, as ever.

    Args:
        step: a function of a module; with ``setup`` it is called as ``step(ready, item)``.
        items: what can be pickled, as the results and errors must be.
        workers: processes; with 0 or 1 this one does it, by default there are as many as cores.
        setup: called once in each process, such as to load a model; what it returns is ``ready``.

    Raises:
        WorkerDied: where a worker was killed or crashed; it names the item.
        Exception: what ``step`` raised, with a note that names the item where it does not, or what ``setup`` raised.
    """
    items = list(items)
    workers = min(cores() if workers is None else workers, len(items))
    if workers <= 1 or multiprocessing.current_process().daemon:            # which may have no children
        yield from _here(step, items, setup)
        return
    payload = pickle.dumps((step, setup))
    pool: list[_Worker] = []
    try:
        with _unseen_main(payload):
            context = _context(step)
            pool.extend(_Worker(context, payload) for _ in range(workers))
        yield from _ordered(pool, items)
    finally:
        for worker in pool:
            worker.connection.close()
        for worker in pool:
            worker.end()


def in_threads(step: Callable, items: Iterable, threads: int) -> Generator:
    """``step(item)`` of each item, in order, by threads: for steps that wait for the disk or let Python's lock go.

    Results run ahead of the one that is waited for by two a thread, so that the memory stays small.
    """
    items = iter(items)
    pool = ThreadPoolExecutor(max(threads, 1))
    try:
        pending = deque(pool.submit(step, item) for item in islice(items, 2 * max(threads, 1)))
        while pending:
            yield pending.popleft().result()
            pending.extend(pool.submit(step, item) for item in islice(items, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def _here(step: Callable, items: Sequence, setup: Callable[[], Any] | None) -> Iterator:
    act = _prepared(step, setup if items else None)
    for item in items:
        try:
            result = act(item)
        except Exception as error:
            _note(error, item)
            raise
        yield result


def _prepared(step: Callable, setup: Callable[[], Any] | None) -> Callable:
    if setup is None:
        return step
    ready = setup()
    return lambda item: step(ready, item)


@dataclass(frozen=True)
class _Outcome:
    """What became of an item, or of the setup: a result or an error."""
    result: Any = None
    error: Exception | None = None
    trace: str = ''
    ready: bool = True


class _Worker:
    """A process, our end of the pipe to it, and the indices of the items that it has."""

    def __init__(self, context: Any, payload: bytes) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, ), daemon=True)
        self.process.start()
        theirs.close()
        self.hand: deque[int] = deque()
        self._send(payload)

    def give(self, index: int, item: Any) -> None:
        self.hand.append(index)
        self._send(pickle.dumps(item))

    def _send(self, data: bytes) -> None:
        with suppress(OSError):                                 # that it has died is seen when its answer is read
            self.connection.send_bytes(data)

    def take(self, items: Sequence) -> tuple[int, _Outcome]:
        """The index of the item that is done, and what became of it."""
        index = self.hand.popleft()
        try:
            outcome = self.connection.recv()
        except (EOFError, OSError):
            self.hand.clear()
            self.process.join(1)
            code = self.process.exitcode
            how = f'killed by {signal.Signals(-code).name}' if code and code < 0 else f'ended with code {code}'
            return index, _Outcome(error=WorkerDied(
                f'{_name(items[index])}: the process that worked on it was {how}, by a lack of memory or by what it '
                'was given; start again with fewer workers'))
        if outcome.error is not None:
            outcome.error.__cause__ = _WorkerTraceback(outcome.trace)
            if outcome.ready:
                _note(outcome.error, items[index])
        return index, outcome

    def end(self) -> None:
        self.process.join(2 * GRACE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _ordered(pool: Sequence[_Worker], items: Sequence) -> Iterator:
    outcomes: dict[int, _Outcome] = {}
    given, failed = 0, False
    for turn in range(len(items)):
        while turn not in outcomes:
            for worker in (worker for depth in range(IN_HAND) for worker in pool if len(worker.hand) == depth):
                # Items go out in order: after an error those before it are still done, as they are in one process.
                if not failed and given < min(len(items), turn + AHEAD * len(pool)):
                    worker.give(given, items[given])
                    given += 1
            busy: dict[Any, _Worker] = {worker.connection: worker for worker in pool if worker.hand}
            for connection in wait(list(busy)):
                index, outcome = busy[connection].take(items)
                if outcome.error is not None and not outcome.ready:
                    raise outcome.error
                outcomes[index] = outcome
                failed = failed or outcome.error is not None
        outcome = outcomes.pop(turn)
        if outcome.error is not None:
            raise outcome.error
        yield outcome.result


class _WorkerTraceback(Exception):
    """Shown above an error that came from a worker: where it was raised there."""

    def __str__(self) -> str:
        return f'\n{self.args[0]}'


def _note(error: Exception, item: Any) -> None:
    """Name the item in a note if the error's own words do not."""
    if not re.search(rf'(?<!\w){re.escape(_name(item))}(?!\w)', str(error)):
        error.add_note(f'at {_name(item)}')


def _name(item: Any) -> str:
    if isinstance(item, (str, os.PathLike)):
        return os.fspath(item)
    if isinstance(item, (tuple, list)) and item:
        return _name(item[0])
    return str(item.path) if hasattr(item, 'path') else repr(item)[:80]


def _context(step: Callable) -> BaseContext:
    """How workers are started: by a server that has imported the step's module, or each anew."""
    if 'forkserver' not in multiprocessing.get_all_start_methods():         # Windows
        return multiprocessing.get_context('spawn')
    from multiprocessing.forkserver import ensure_running
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([getattr(getattr(step, 'func', step), '__module__', 'mmdfer')])
    try:
        ensure_running()
    except ChildProcessError:                                   # it runs for the process that we are a copy of
        return multiprocessing.get_context('spawn')
    return context


@contextmanager
def _unseen_main(payload: bytes) -> Iterator[None]:
    """Keep workers from importing the program that was started, which without a guard would run again in each."""
    main = sys.modules['__main__']
    if b'__main__' not in payload:
        sys.modules['__main__'] = ModuleType('__main__')
    try:
        yield
    finally:
        sys.modules['__main__'] = main


# In a worker


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)                # Ctrl-C is our parent's, which ends us
    signal.signal(signal.SIGTERM, _leave)
    tasks: SimpleQueue[bytes | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
    act = None
    while (data := tasks.get()) is not None:
        try:
            if act is None:
                act = _prepared(*pickle.loads(data))
                _use_one_thread()
                continue
            answer = pickle.dumps(_Outcome(act(pickle.loads(data))))
        except Exception as error:
            answer = pickle.dumps(_Outcome(error=_portable(error), trace=traceback.format_exc(), ready=act is not None))
        with suppress(OSError):                                 # nobody is there to read it
            connection.send_bytes(answer)
        if act is None:
            return


def _listen(connection: Connection, tasks: SimpleQueue) -> None:
    """Take in tasks, and end this process when the pipe does: its other end is closed, or our parent gone."""
    with suppress(EOFError, OSError):
        while True:
            tasks.put(connection.recv_bytes())
    tasks.put(None)
    if os.name == 'nt':
        _thread.interrupt_main(signal.SIGTERM)
    else:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)          # it wakes a step that waits
    time.sleep(GRACE)
    os._exit(1)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(1)


def _use_one_thread() -> None:
    """There is a process for each core."""
    for name, limit in (('cv2', 'setNumThreads'), ('torch', 'set_num_threads')):
        if name in sys.modules:
            getattr(sys.modules[name], limit)(1)


def _portable(error: Exception) -> Exception:
    """The error, or its words where it cannot be pickled or read again."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f'{type(error).__name__}: {error}')
    return error
