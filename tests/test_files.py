"""Files are whole or not there, and journals lose no entry, whatever ends the writing."""
from __future__ import annotations

import errno
import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmdfer import files
from mmdfer.files import (
    WriteError,
    read_json,
    remove_partials,
    whole_file,
    whole_folder,
    write_arrays,
    write_json,
    write_link,
    write_text,
)
from mmdfer.journals import Journal

FORK = multiprocessing.get_context('fork')
TENSOR = torch.zeros(50_000)            # made here: torch's threads do not outlive a fork


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_process(act, *arguments) -> int:
    """Exit code of a process that does it; minus the signal that killed it."""
    process = FORK.Process(target=act, args=arguments)
    process.start()
    process.join(30)
    assert not process.is_alive()
    return process.exitcode


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_is_written_is_read(tmp_path):
    write_json(dict(a=[1, 'ä']), tmp_path / 'deep' / 'one.json')
    assert read_json(tmp_path / 'deep' / 'one.json') == dict(a=[1, 'ä'])
    write_text('a\nb\u2028c', tmp_path / 'text')
    assert (tmp_path / 'text').read_bytes() == 'a\nb\u2028c'.encode()
    write_arrays(dict(x=np.arange(3), name=np.array(['ü'])), tmp_path / 'arrays.npz')
    with np.load(tmp_path / 'arrays.npz') as found:
        assert found['x'].tolist() == [0, 1, 2] and found['name'].tolist() == ['ü']
    with whole_folder(tmp_path / 'new' / 'folder') as folder:
        (folder / 'sub').mkdir()
        (folder / 'sub' / 'file').write_text('x')
    assert (tmp_path / 'new' / 'folder' / 'sub' / 'file').read_text() == 'x' and names(tmp_path / 'new') == ['folder']
    assert names(tmp_path) == ['arrays.npz', 'deep', 'new', 'text']


def test_a_file_gets_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / 'plain').touch()
    write_text('a', tmp_path / 'whole')
    assert (tmp_path / 'whole').stat().st_mode == (tmp_path / 'plain').stat().st_mode


@pytest.mark.parametrize('content, message',
                         [('{"a": ', 'one.json: not JSON .*; remove it'), ('[1]', 'no JSON object')])
def test_other_contents_are_refused_by_name(tmp_path, content, message):
    (tmp_path / 'one.json').write_text(content)
    with pytest.raises(ValueError, match=message):
        read_json(tmp_path / 'one.json')


def test_an_error_in_the_block_leaves_what_was_there(tmp_path):
    write_text('old', tmp_path / 'file')
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / 'file') as partial:
        partial.write_text('half')
        1 / 0
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / 'folder') as partial:
        (partial / 'file').write_text('half')
        raise KeyboardInterrupt
    assert names(tmp_path) == ['file'] and (tmp_path / 'file').read_text() == 'old'


@pytest.mark.parametrize('old', [None, 'old'])
def test_a_kill_in_the_block_leaves_what_was_there(tmp_path, old):
    if old is not None:
        write_text(old, tmp_path / 'file.txt')

    def write():
        with whole_file(tmp_path / 'file.txt') as partial:
            partial.write_text('half')
            kill_itself()
    assert in_process(write) == -signal.SIGKILL
    found = (tmp_path / 'file.txt').read_text() if (tmp_path / 'file.txt').exists() else None
    left, = tmp_path.glob('.*')
    assert found == old and len(names(tmp_path)) == 1 + (old is not None)
    remove_partials(tmp_path)
    assert left.exists()                                        # somebody may be writing it
    os.utime(left, (0, time.time() - 2 * files.STALE_AFTER))
    remove_partials(tmp_path)
    assert not left.exists()


def test_a_killed_folder_is_not_there_and_an_older_one_is_replaced_whole(tmp_path):
    target = tmp_path / 'folder'

    def write(content, kill):
        with whole_folder(target) as folder:
            (folder / content).write_text(content)
            if kill:
                kill_itself()
    assert in_process(write, 'a', True) == -signal.SIGKILL and not target.exists()
    assert in_process(write, 'a', False) == 0 and names(target) == ['a']
    assert in_process(write, 'b', True) == -signal.SIGKILL and names(target) == ['a']
    assert in_process(write, 'b', False) == 0 and names(target) == ['b']


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace

    def synced(number):
        events.append(('sync', os.path.basename(os.readlink(f'/proc/self/fd/{number}'))))
        fsync(number)

    def replaced(source, target):
        events.append(('name', Path(target).name))
        replace(source, target)
    monkeypatch.setattr(os, 'fsync', synced)
    monkeypatch.setattr(os, 'replace', replaced)
    write_text('a', tmp_path / 'file')
    (_, synced_first), *rest = events
    assert synced_first.startswith('.file.') and rest == [('name', 'file'), ('sync', tmp_path.name)]
    events.clear()
    with whole_file(tmp_path / 'file', durable=False) as partial:
        partial.write_text('b')
    assert events == [('name', 'file')]


def test_two_writers_never_mix(tmp_path):
    def write(letter):
        for _ in range(50):
            with whole_file(tmp_path / 'file', durable=False) as partial, open(partial, 'w') as file:
                for _ in range(20):
                    file.write(letter * 100)
                    file.flush()
    writers = [FORK.Process(target=write, args=(letter, )) for letter in 'ab']
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        if (tmp_path / 'file').exists():
            seen.add((tmp_path / 'file').read_text())
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen <= {'a' * 2000, 'b' * 2000} and names(tmp_path) == ['file']


def test_a_device_is_written_to_itself():
    write_text('gone', '/dev/null')
    assert Path('/dev/null').is_char_device()


def test_a_link_is_replaced_in_one_step(tmp_path):
    for target in ('one', 'two'):
        write_text(target, tmp_path / target)
        write_link(tmp_path / 'best', target)
        assert (tmp_path / 'best').is_symlink() and (tmp_path / 'best').read_text() == target
    assert names(tmp_path) == ['best', 'one', 'two'] and (tmp_path / 'one').read_text() == 'one'


# A full disk


SAVE = dict(
    text=lambda path: write_text('x' * 100_000, path),
    json=lambda path: write_json(list(range(50_000)), path),
    arrays=lambda path: write_arrays(dict(x=np.random.default_rng(0).random(50_000)), path))


@pytest.mark.parametrize('save', SAVE.values(), ids=SAVE)
def test_a_full_disk_keeps_the_old_file_and_names_the_new(tmp_path, save):
    """The system's own limit of a file's size stands for the disk's."""
    write_text('old', tmp_path / 'file')

    def write():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            save(tmp_path / 'file')
        except WriteError as error:
            os._exit(0 if f'{tmp_path}/file: cannot be written (File too large); ' in str(error)
                     and 'MB are free there:' in str(error) else 2)
        os._exit(1)
    assert in_process(write) == 0
    assert names(tmp_path) == ['file'] and (tmp_path / 'file').read_text() == 'old'


@pytest.mark.parametrize('save', [lambda path: torch.save(TENSOR, path), lambda path: save_file(dict(x=TENSOR), path)],
                         ids=['torch', 'safetensors'])
def test_a_librarys_own_error_on_a_full_disk_is_told_as_such(tmp_path, save, monkeypatch):
    def write(free):
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        files._free = lambda folder: free
        try:
            with whole_file(tmp_path / 'file') as partial:
                save(partial)
        except Exception as error:
            told = str(error) == (f'{tmp_path}/file: cannot be written (No space left on device); 0 MB are free there: '
                                  'make room, or give another place')
            os._exit(3 if told else 2)
        os._exit(1)
    assert in_process(write, 1000) == 3 and in_process(write, 10**9) == 2
    assert not names(tmp_path)


def test_no_space_is_told_with_what_is_free(tmp_path, monkeypatch):
    def full(self, data):
        with open(self, 'wb') as file:
            file.write(data[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    write_text('old', tmp_path / 'file')
    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(WriteError,
                       match=r'/file: cannot be written \(No space left on device\); \d+ MB are free') as told:
        write_text('new text', tmp_path / 'file')
    assert told.value.errno == errno.ENOSPC and (tmp_path / 'file').read_text() == 'old' and names(tmp_path) == ['file']


def test_places_that_cannot_be_written_are_named(tmp_path):
    write_text('a file', tmp_path / 'file')
    for path in (tmp_path / 'file' / 'below', tmp_path):
        with pytest.raises(WriteError, match=rf'{path}: cannot be written \(.*\); give another place'):
            write_text('a', path)
    assert names(tmp_path) == ['file']


def test_errors_of_other_files_are_passed_on(tmp_path):
    with pytest.raises(FileNotFoundError) as told, whole_file(tmp_path / 'copy') as partial:
        partial.write_bytes((tmp_path / 'source').read_bytes())
    assert told.value.filename == str(tmp_path / 'source') and not names(tmp_path)


# Journals


ENTRIES = [dict(id='a', text='plain'), dict(id='ü\u2028', text='眉'), dict(id='\udcff', list=[1, 2])]


def entries(path: Path) -> list[dict]:
    return [json.loads(line) for line in Journal(path).lines()]


def test_entries_come_back_as_they_were(tmp_path):
    with Journal(tmp_path / 'deep' / 'journal') as journal:
        assert not list(journal.lines())
        journal.append(ENTRIES[0])
        journal.append(*ENTRIES[1:])
        assert entries(journal.path) == ENTRIES
    assert entries(journal.path) == ENTRIES
    journal.remove()
    assert not names(tmp_path / 'deep')


def test_a_journal_torn_at_any_byte_loses_the_torn_entry_alone(tmp_path):
    path = tmp_path / 'journal'
    with Journal(path, durable=False) as journal:
        journal.append(*ENTRIES)
    whole = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord('\n')]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        left = sum(end <= cut for end in ends)
        assert entries(path) == ENTRIES[:left]
        assert path.read_bytes() == whole[:cut]                 # reading changes nothing
        with Journal(path, durable=False) as journal:
            assert journal.claim() == (cut not in (0, *ends))
            journal.append(ENTRIES[0])
        assert entries(path) == [*ENTRIES[:left], ENTRIES[0]]


def test_what_a_killed_process_appended_is_there(tmp_path):
    def write():
        journal = Journal(tmp_path / 'journal')
        journal.append(*ENTRIES)
        kill_itself()
    assert in_process(write) == -signal.SIGKILL
    with Journal(tmp_path / 'journal') as journal:              # the lock went with the process
        journal.append(ENTRIES[0])
    assert entries(tmp_path / 'journal') == [*ENTRIES, ENTRIES[0]]


def test_a_full_disk_leaves_whole_entries(tmp_path):
    def write():
        journal = Journal(tmp_path / 'journal')
        journal.append(*ENTRIES)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            journal.append(dict(id='b'), dict(text='x' * 2000))
        except WriteError as error:
            os._exit(0 if f'{tmp_path}/journal: cannot be written (File too large)' in str(error) else 2)
        os._exit(1)
    assert in_process(write) == 0
    assert entries(tmp_path / 'journal') == ENTRIES and (tmp_path / 'journal').read_bytes().endswith(b'}\n')


def test_one_process_writes_a_journal_and_others_read_it(tmp_path):
    path = tmp_path / 'journal'

    def write():
        assert entries(path) == ENTRIES[:1]
        try:
            Journal(path).append(ENTRIES[1])
        except WriteError as error:
            os._exit(0 if f'{path}: another process is writing it' in str(error) else 2)
        os._exit(1)
    with Journal(path) as journal:
        journal.append(ENTRIES[0])
        assert in_process(write) == 0
    assert in_process(write) == 1 and entries(path) == ENTRIES[:2]


def test_a_journal_without_entries_leaves_no_file(tmp_path):
    with Journal(tmp_path / 'journal') as journal:
        journal.claim()
        assert names(tmp_path) == ['journal']
    assert not names(tmp_path)


def test_lines_can_be_taken_back(tmp_path):
    with Journal(tmp_path / 'journal') as journal:
        journal.append(*ENTRIES)
        assert journal.keep(1) > 0 and entries(journal.path) == ENTRIES[:1]
        journal.append(ENTRIES[2])
        assert entries(journal.path) == [ENTRIES[0], ENTRIES[2]] and journal.keep() == 0


def test_the_file_of_files_is_light():
    code = ('import sys, importlib.util as u\n'
            f's = u.spec_from_file_location("files", {files.__file__!r}); m = u.module_from_spec(s)\n'
            'sys.modules["files"] = m\n'
            's.loader.exec_module(m)\n'
            'print([name for name in ("numpy", "torch", "mmengine", "fcntl") if name in sys.modules])')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.stdout.strip() == '[]', done.stderr


def test_a_full_disk_is_one_line_to_a_user(tmp_path, capsys):
    from mmdfer.apis.cli import run_tool

    def main():
        (tmp_path / 'file').touch()
        write_text('a', tmp_path / 'file' / 'below')
    with pytest.raises(SystemExit) as ended:
        run_tool(main)
    assert ended.value.code == 2
    assert re.fullmatch(rf'error: {tmp_path}/file/below: cannot be written \(.*\); give another place\n',
                        capsys.readouterr().err)
