"""Looking into clips: what is counted, that work is kept, and that processes change nothing."""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmdfer.datasets import find_set
from mmdfer.files import WriteError
from mmdfer.preparation.checking import clips as clips_module, find_faults, inspect_clip, inspect_clips, read_listings
from mmdfer.workers import WorkerDied

from ...conftest import ROOT, write_clip
from ...test_workers import assert_ended_within_a_second


@pytest.fixture
def folders(tmp_path):
    for number in range(70):
        write_clip(tmp_path / 'clips' / f'{number:05d}', 3, size=16, seed=number)
    return [str(tmp_path / 'clips' / f'{number:05d}') for number in range(70)]


def test_a_folder_of_frames(tmp_path):
    write_clip(tmp_path / 'clip', 5, size=24)
    report = inspect_clip(str(tmp_path / 'clip'), 'all')
    assert {key: report[key] for key in ('frames', 'sizes', 'gap', 'error')} == dict(
        frames=5, sizes=[[24, 24, 5]], gap=False, error='')
    assert inspect_clip(str(tmp_path / 'clip'), 'first')['sizes'] == [[24, 24, 2]]
    assert inspect_clip(str(tmp_path / 'clip'), 'none')['sizes'] == []


def test_a_video(faces, tmp_path):
    report = inspect_clip(str(faces / 'single_face.mp4'), 'first')
    assert report['frames'] > 40 and report['error'] == '' and sum(size[2] for size in report['sizes']) == 2
    whole = inspect_clip(str(faces / 'single_face.mp4'), 'all')
    assert sum(size[2] for size in whole['sizes']) == whole['frames'] == report['frames']
    shutil.copy(faces / 'single_face.mp4', tmp_path / 'copy.mp4')
    assert inspect_clip(str(tmp_path / 'copy.mp4'), 'none')['digest'] == report['digest']
    data = (faces / 'single_face.mp4').read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(data[:len(data) // 2])
    assert 'cut.mp4: the video does not decode' in inspect_clip(str(tmp_path / 'cut.mp4'))['error']


def test_a_video_that_readers_differ_on_is_told(faces, tmp_path):
    """Its edit list hides three frames, which FFmpeg does not show either."""
    (tmp_path / 'set/train/happy').mkdir(parents=True)
    for name in ('no_face.mp4', 'single_face.mp4'):
        shutil.copy(faces / name, tmp_path / 'set/train/happy')
    listings, clips, folder = read_listings(find_set('folder'), str(tmp_path / 'set'))
    reports = {path: inspect_clip(path) for path in sorted(clips.values())}
    assert [report['contested'] for report in reports.values()] == ['an edit list hides frames', '']
    told, = (one for one in find_faults(listings, clips, reports, folder) if one.kind == 'read differently')
    assert told.level == 'note' and told.count == 1
    assert told.examples[0].endswith('no_face.mp4: an edit list hides frames')


def test_the_digest_is_of_the_content_alone(tmp_path):
    for name, seed, frames in (('a', 1, 4), ('b', 1, 4), ('other', 2, 4), ('longer', 1, 5)):
        write_clip(tmp_path / name, frames, seed=seed)
    digests = {name: inspect_clip(str(tmp_path / name))['digest'] for name in ('a', 'b', 'other', 'longer')}
    assert digests['a'] == digests['b'] and len(set(digests.values())) == 3


def test_a_link_to_nowhere_is_an_error(tmp_path):
    write_clip(tmp_path / 'clip', 2)
    os.symlink('none.jpg', tmp_path / 'clip' / '00003.jpg')
    assert 'cannot be read' in inspect_clip(str(tmp_path / 'clip'))['error']


@pytest.mark.parametrize('workers', [1, 2])
def test_processes_change_nothing(folders, tmp_path, workers):
    found = dict(inspect_clips(folders, 'all', tmp_path / 'store.jsonl', workers))
    assert found == {folder: inspect_clip(folder, 'all') for folder in folders}


def watch(monkeypatch):
    """The clips that are looked into from now on."""
    looked = []

    def inspect(path, decode):
        looked.append(path)
        return inspect_clip(path, decode)
    monkeypatch.setattr(clips_module, 'inspect_clip', inspect)
    return looked


def test_a_stopped_run_goes_on(folders, tmp_path, monkeypatch):
    """Stopped after 30 clips and within a line, it looks into the others alone."""
    store = tmp_path / 'store.jsonl'
    run = inspect_clips(folders, 'first', store)
    for _ in range(30):
        next(run)
    run.close()
    text = store.read_text()
    assert text.count('\n') == 30
    store.write_text(text + text.splitlines()[0][:40])

    looked = watch(monkeypatch)
    found = dict(inspect_clips(folders, 'first', store))
    assert found == {folder: inspect_clip(folder) for folder in folders} and sorted(looked) == folders[30:]
    looked.clear()
    assert dict(inspect_clips(folders, 'none', store)) == found and not looked           # a more thorough look will do
    dict(inspect_clips(folders, 'all', store))
    assert sorted(looked) == folders
    looked.clear()
    dict(inspect_clips(folders, 'all', store, fresh=True))
    assert sorted(looked) == folders


def test_changed_and_broken_clips_are_looked_into_again(folders, tmp_path, monkeypatch):
    for frame in os.listdir(folders[7]):
        os.remove(os.path.join(folders[7], frame))
    store = tmp_path / 'store.jsonl'
    assert 'holds no frame' in dict(inspect_clips(folders, 'first', store))[folders[7]]['error']
    shutil.copy(os.path.join(folders[3], '00001.jpg'), os.path.join(folders[3], '00004.jpg'))
    looked = watch(monkeypatch)
    found = dict(inspect_clips(folders, 'first', store))
    assert sorted(looked) == [folders[3], folders[7]] and found[folders[3]]['frames'] == 4
    lines = [json.loads(line) for line in store.read_text().splitlines()]
    assert len(lines) == 72


def die(task):
    os._exit(1)


def note_process(task):
    """Looks into a clip slowly and tells by an empty file which process did."""
    (Path(task[0]).parents[1] / f'pid_{os.getpid()}').touch()
    time.sleep(0.05)
    return task[0], inspect_clip(*task)


def test_a_killed_process_is_told(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(clips_module, '_task', die)
    with pytest.raises(WorkerDied, match=f'^{folders[0]}: the process that worked on it was ended with code 1'):
        dict(inspect_clips(folders, 'first', tmp_path / 'store.jsonl', workers=2))


def test_workers_end_with_a_killed_run(folders, tmp_path):
    """The run is killed while its workers look into clips; none is left behind, and the next run goes on."""
    code = ('from mmdfer.preparation.checking import clips\n'
            'from tests.test_preparation.test_checking.test_clips import note_process\n'
            'clips._task = note_process\n'
            f'list(clips.inspect_clips({folders!r}, "none", {str(tmp_path / "store")!r}, 2))\n')
    run = subprocess.Popen([sys.executable, '-c', code], cwd=ROOT)
    deadline = time.time() + 120
    while not ((tmp_path / 'store').exists() and (tmp_path / 'store').read_text().count('\n') > 5) \
            and time.time() < deadline:
        time.sleep(0.01)
    workers = [int(path.name[4:]) for path in tmp_path.glob('pid_*')]
    run.kill()
    run.wait()
    assert len(workers) == 2
    assert_ended_within_a_second(workers)
    done = (tmp_path / 'store').read_text().count('\n')
    assert 5 < done < len(folders)
    assert len(dict(inspect_clips(folders, 'none', tmp_path / 'store'))) == len(folders)
    assert (tmp_path / 'store').read_text().count('\n') == len(folders)


def test_two_checks_do_not_write_into_one_file(folders, tmp_path):
    first = inspect_clips(folders[:3], 'first', tmp_path / 'store')
    next(first)
    with pytest.raises(WriteError, match='store: another process is writing it'):
        dict(inspect_clips(folders, 'first', tmp_path / 'store'))
    first.close()
    assert len(dict(inspect_clips(folders, 'first', tmp_path / 'store'))) == len(folders)
