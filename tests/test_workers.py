"""The pool changes nothing but the time, names what went wrong, and leaves no process behind."""
from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmdfer.apis.cli import run_tool
from mmdfer.workers import AHEAD, WorkerDied, in_processes, in_threads

from .conftest import ROOT


def slow_first(number: int) -> int:
    time.sleep(0.3 * (number == 0))
    return number ** 2


def square(number: int) -> int:
    return number ** 2


def stamp(folder: Path, number: int) -> int:
    (folder / str(number)).touch()
    return number


def count(ready: dict, number: int) -> tuple[int, int, int]:
    ready['calls'] += 1
    return number, ready['pid'], ready['calls']


def ready() -> dict:
    return dict(pid=os.getpid(), calls=0)


class TwoWords(Exception):
    """Cannot be made from its own message."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f'{first} and {second} of 10')


def fail(item: tuple[str, str]) -> str:
    name, how = item
    if how == 'value':
        raise ValueError('is not what it should be')
    if how == 'named':
        raise FileNotFoundError(f'{name}: no such clip')
    if how == 'two':
        raise TwoWords('a', 'b')
    if how == 'late':
        time.sleep(0.5)
    if how == 'kill':
        os.kill(os.getpid(), signal.SIGKILL)
    if how == 'exit':
        os._exit(3)
    return name


def unready() -> None:
    raise ValueError('weights.pth: no such file')


def compute(seed: int) -> tuple[float, int, int]:
    torch.manual_seed(seed)
    product = torch.randn(300, 300) @ torch.randn(300, 300)
    blurred = cv2.GaussianBlur(np.full((500, 500, 3), seed, np.uint8), (0, 0), 3)
    return product.relu().mean().item(), int(blurred[0, 0, 0]), torch.get_num_threads()


def wait_for(folder: Path, pattern: str, number: int, seconds: float = 60) -> list[Path]:
    until = time.monotonic() + seconds
    while len(list(folder.glob(pattern))) < number and time.monotonic() < until:
        time.sleep(0.01)
    found = list(folder.glob(pattern))
    assert len(found) >= number
    return found


def living(processes: list[int]) -> list[int]:
    def state(process):
        try:
            return Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()[0]
        except FileNotFoundError:
            return 'X'
    return [process for process in processes if state(process) not in 'XZ']


def assert_ended_within_a_second(processes: list[int]) -> None:
    until = time.monotonic() + 1
    while living(processes) and time.monotonic() < until:
        time.sleep(0.01)
    assert not living(processes)


@pytest.mark.parametrize('workers', [0, 1, 2, 5])
def test_results_are_those_of_one_process_in_order(workers):
    assert list(in_processes(slow_first, range(20), workers)) == [number ** 2 for number in range(20)]
    assert list(in_processes(slow_first, [], workers)) == []


def test_results_come_as_they_are_ready_and_do_not_run_far_ahead(tmp_path):
    results = in_processes(partial(stamp, tmp_path), range(200), 2)
    assert next(results) == 0
    wait_for(tmp_path, '*', 2)
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) <= 2 * AHEAD + 1
    assert list(results) == list(range(1, 200)) and len(list(tmp_path.iterdir())) == 200


@pytest.mark.parametrize('workers', [0, 3])
def test_each_process_is_set_up_once(workers):
    found = list(in_processes(count, range(30), workers, ready))
    assert [number for number, _, _ in found] == list(range(30))
    pids = {pid for _, pid, _ in found}
    assert 1 <= len(pids) <= max(workers, 1) and (pids == {os.getpid()}) == (workers == 0)
    for pid in pids:
        calls = [calls for _, own, calls in found if own == pid]
        assert calls == list(range(1, 1 + len(calls)))


@pytest.mark.parametrize('workers', [0, 2])
def test_an_error_comes_in_its_turn_and_names_its_item(workers, capsys):
    items = [('slow', 'late'), ('one', ''), ('two', 'value'), *((str(number), 'named') for number in range(20))]
    results = in_processes(fail, items, workers)
    assert [next(results), next(results)] == ['slow', 'one']
    with pytest.raises(ValueError, match='^is not what it should be') as told:
        next(results)
    assert told.value.__notes__ == ['at two']
    with pytest.raises(SystemExit):
        run_tool(lambda: list(in_processes(fail, items, workers)))
    assert capsys.readouterr().err == 'error: is not what it should be (at two)\n'


@pytest.mark.parametrize('workers', [0, 2])
def test_an_error_that_names_its_item_is_left_as_it_is(workers):
    with pytest.raises(FileNotFoundError, match='^b: no such clip$') as told:
        list(in_processes(fail, [('a', ''), ('b', 'named'), ('c', '')], workers))
    assert not hasattr(told.value, '__notes__')


def test_where_a_worker_failed_is_in_the_traceback():
    with pytest.raises(ValueError) as told:
        list(in_processes(fail, [('a', 'value'), ('b', '')], 2))
    assert "line" in str(told.value.__cause__) and "raise ValueError('is not" in str(told.value.__cause__)


def test_an_error_that_does_not_travel_is_told_in_words():
    with pytest.raises(RuntimeError, match='^TwoWords: a and b of 10') as told:
        list(in_processes(fail, [('1', 'two'), ('2', '')], 2))
    assert told.value.__notes__ == ['at 1']
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(TwoWords('a', 'b')))


@pytest.mark.parametrize('how, words', [('kill', 'killed by SIGKILL'), ('exit', 'ended with code 3')])
def test_a_worker_that_dies_is_told_with_its_item(how, words):
    items = [('a', ''), ('b', ''), ('bad clip.mp4', how), ('d', ''), ('e', '')]
    results = in_processes(fail, items, 2)
    assert [next(results), next(results)] == ['a', 'b']
    with pytest.raises(WorkerDied, match=f'^bad clip.mp4: the process that worked on it was {words}.*fewer workers$'):
        next(results)


@pytest.mark.parametrize('workers', [0, 2])
def test_a_setup_that_fails_is_told_in_its_own_words(workers):
    with pytest.raises(ValueError, match='^weights.pth: no such file$') as told:
        list(in_processes(count, range(10), workers, unready))
    assert not hasattr(told.value, '__notes__')


def test_torchs_and_opencvs_threads_may_have_run_before():
    """A copied process would wait for ever for threads that were not copied."""
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    cv2.setNumThreads(4)
    try:
        expected = [compute(seed) for seed in range(6)]
        found = []
        work = threading.Thread(target=lambda: found.extend(in_processes(compute, range(6), 2)), daemon=True)
        work.start()
        work.join(120)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose([row[:2] for row in found], [row[:2] for row in expected], rtol=1e-4)
    assert [row[2] for row in found] == [1] * 6


STEP = """
import os, time
from mmdfer.files import whole_file

def write_slowly(name):
    with whole_file(f'{name}.txt') as partial:
        partial.write_text('half')
        open(f'pid_{os.getpid()}', 'w').close()
        time.sleep(60)

def compute(name):
    open(f'pid_{os.getpid()}', 'w').close()
    while True:
        pass
"""
PROGRAM = """
import signal, sys
from step import {step}
from mmdfer.workers import in_processes
print('started', flush=True)
{before}
print(list(in_processes({step}, 'abcd', 2)))
"""


@pytest.fixture
def program(tmp_path):
    """Starts a program without a guard whose two workers are at work for ever, and gives the workers' numbers."""
    (tmp_path / 'step.py').write_text(STEP)

    def start(step='write_slowly', before=''):
        (tmp_path / 'program.py').write_text(PROGRAM.format(step=step, before=before))
        environment = dict(os.environ, PYTHONPATH=str(ROOT / 'projects'))
        process = subprocess.Popen([sys.executable, 'program.py'], cwd=tmp_path, env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                   # Tests that a shell started in the background inherit an interrupt that is ignored.
                                   preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))
        started.append(process)
        return process, [int(path.name[4:]) for path in wait_for(tmp_path, 'pid_*', 2)]
    started = []
    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize('step', ['write_slowly', 'compute'])
def test_workers_end_with_a_killed_parent(program, tmp_path, step):
    process, workers = program(step)
    assert len(living(workers)) == 2
    process.kill()
    process.wait()
    assert_ended_within_a_second(workers)
    assert not list(tmp_path.glob('.*')) and not list(tmp_path.glob('*.txt'))


def test_ctrl_c_ends_all_within_a_second_and_is_told_once(program, tmp_path):
    process, workers = program()
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=2)
    assert_ended_within_a_second(workers)
    assert process.returncode == -signal.SIGINT and error.count('Traceback') == 1 and 'KeyboardInterrupt' in error
    assert out.count('started') == 1                            # the workers did not run the program again
    assert not list(tmp_path.glob('.*')) and not list(tmp_path.glob('*.txt'))


def test_workers_end_when_the_results_are_no_longer_wanted(program, tmp_path):
    before = ('def stop(*_):\n    raise ZeroDivisionError\n'
              'signal.signal(signal.SIGUSR1, stop)')
    process, workers = program(before=before)
    process.send_signal(signal.SIGUSR1)
    _, error = process.communicate(timeout=3)
    assert_ended_within_a_second(workers)
    assert error.count('Traceback') == 1 and 'ZeroDivisionError' in error and not list(tmp_path.glob('.*'))


def test_a_stopped_iterator_ends_its_workers():
    results = in_processes(count, range(100), 2, ready)
    pids = {next(results)[1] for _ in range(10)}
    results.close()
    assert_ended_within_a_second(list(pids))


def nested(number: int) -> list[tuple[int, int, int]]:
    return list(in_processes(count, range(3), 2, ready))


def test_a_worker_works_by_itself():
    for found in in_processes(nested, range(2), 2):
        assert len({pid for _, pid, _ in found}) == 1


def test_a_copied_process_has_workers_of_its_own():
    assert list(in_processes(square, range(4), 2)) == [0, 1, 4, 9]

    def work():
        os._exit(0 if list(in_processes(square, range(4), 1)) == [0, 1, 4, 9] else 1)
    process = multiprocessing.get_context('fork').Process(target=work)
    process.start()
    process.join(120)
    assert process.exitcode == 0


@pytest.mark.parametrize('threads', [0, 1, 3])
def test_threads_give_results_in_order_and_little_ahead(threads):
    begun = []

    def step(number):
        begun.append(number)
        time.sleep(0.02 * (number == 0))
        return number ** 2
    results = in_threads(step, range(30), threads)
    assert next(results) == 0
    time.sleep(0.05)
    assert len(begun) <= 2 * max(threads, 1) + 1
    assert list(results) == [number ** 2 for number in range(1, 30)] and sorted(begun) == list(range(30))


def test_an_error_in_a_thread_comes_in_its_turn():
    results = in_threads(lambda number: 1 // (number - 2), range(20), 3)
    assert [next(results), next(results)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(results)
