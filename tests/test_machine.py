"""Errors of the machine are told in a line, with a remedy."""
import errno
import os
import subprocess
import sys

import pytest

from mmdfer.apis.cli import run_tool
from mmdfer.files import WriteError, append_line, full_disk_errors, make_folder, write_text
from mmdfer.machine import in_words
from mmdfer.runs.lock import locked


def system_error(number, *path):
    return OSError(number, os.strerror(number), *path)


@pytest.mark.parametrize('error, told', [
    (system_error(errno.ENOSPC, '/x/a'), '/x/a: No space left on device; make room, or give another place'),
    (system_error(errno.ENOSPC), 'No space left on device; make room, or give another place'),
    (system_error(errno.EROFS, '/x/a'), '/x/a: Read-only file system; allow it, or give another place'),
    (system_error(errno.EMFILE, '/x/a'), '/x/a: Too many open files; raise the limit of open files (ulimit -n 4096), '
                                         'or use fewer --workers'),
    (RuntimeError('unable to open shared memory object </torch_1>: Too many open files (24)'),
     'unable to open shared memory object </torch_1>: Too many open files (24); raise the limit of open files '
     '(ulimit -n 4096), or use fewer --workers'),
])
def test_they_are_told_with_path_and_remedy_in_a_line(error, told, capsys):
    def tool():
        raise error
    with pytest.raises(SystemExit) as ended:
        run_tool(tool)
    assert ended.value.code == 2 and capsys.readouterr().err == f'error: {told}\n'


@pytest.mark.parametrize('error', [RuntimeError('shapes cannot be multiplied'), system_error(errno.EPIPE)])
def test_other_errors_keep_their_words(error):
    assert in_words(error) is None


def test_a_faulty_program_shows_where():
    def tool():
        raise RuntimeError('mat1 and mat2 shapes cannot be multiplied')
    with pytest.raises(RuntimeError):
        run_tool(tool)


def test_a_file_in_a_folders_place_is_named(tmp_path):
    write_text('a file', tmp_path / 'file')
    for make in (lambda: make_folder(tmp_path / 'file' / 'run'), lambda: write_text('a', tmp_path / 'file' / 'a.txt')):
        with pytest.raises(WriteError, match=rf'file/\w.*: cannot be written \(.*: {tmp_path}/file is a file\); give '
                                             'another place'):
            make()
    with pytest.raises(WriteError, match=f'^{tmp_path}/file: cannot be written'):
        make_folder(tmp_path / 'file')


def test_a_lock_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'run.lock').mkdir()
    with pytest.raises(WriteError, match=f'{tmp_path}/run.lock: cannot be written'), locked(tmp_path):
        pass


def test_a_training_may_fail_under_the_lock_in_its_own_words(tmp_path):
    with pytest.raises(OSError) as told, locked(tmp_path):
        raise system_error(errno.EPIPE)
    assert not isinstance(told.value, WriteError)


@pytest.mark.parametrize('error, told', [
    (system_error(errno.ENOSPC), r'run/\*: cannot be written \(No space left on device\); \d+ MB .* there: make room'),
    (system_error(errno.ENOSPC, '/x/other'), r"No space left on device: '/x/other'"),
    (system_error(errno.EPIPE), 'Broken pipe'),
])
def test_a_log_that_finds_no_room_names_the_folder_of_the_run(tmp_path, error, told):
    with pytest.raises(OSError, match=told), full_disk_errors(tmp_path / 'run'):
        raise error


def test_a_line_goes_beneath_one_that_was_cut(tmp_path):
    path = tmp_path / 'bad.tsv'
    append_line('a\tü\udcff', path)
    with open(path, 'ab') as file:
        file.write(b'b\tha')
    append_line('c\tis bad', path)
    assert path.read_bytes().splitlines() == ['a\tü'.encode() + b'\\udcff', b'b\tha', b'c\tis bad']
    with pytest.raises(WriteError, match='cannot be written'):
        append_line('a', tmp_path)


def test_few_file_handles_are_told_of():
    """The system's own limit, in a process of its own."""
    program = ('import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))\n'
               'from mmdfer.apis.cli import run_tool\n'
               'run_tool(lambda: [open("/dev/null") for _ in range(9)] and None)')
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert done.returncode == 2 and 'Too many open files; raise the limit of open files' in done.stderr
    assert len(done.stderr.splitlines()) == 1
