"""A set's maps: nothing repeated, nothing lost, nothing half-written taken for whole, and everything counted."""
import json
import os
import subprocess
import sys
import time
from functools import partial
from importlib import import_module

import numpy as np
import pytest

from mmdfer.datasets import BadClipError, DatasetError, DFEWDataset
from mmdfer.face.store import FaceMapsError, load_faces
from mmdfer.preparation import faces as api
from mmdfer.preparation.faces import Task, extract_faces
from mmdfer.preparation.set_clips import folder_clips, set_clips
from mmdfer.registry import FACE_FINDERS

from ..conftest import ROOT, write_clip
from ..test_face.samples import make_faces

FRAMES = 6
IMPORTED = dict(type='FaceXFormerOutputs', folder='outputs')


@pytest.fixture
def clips(tmp_path):
    for index in range(8):
        write_clip(tmp_path / 'clips' / f'{index}', FRAMES, seed=index)
    return tmp_path / 'clips'


class Reader:
    """Writes down which clips it was given; clip 3 has a frame without a face, clip 5 no face at all."""

    def __init__(self, log, task, kinds):
        self.log, self.task = log, task

    def __call__(self, clip):
        time.sleep(0.05)
        with open(self.log, 'a') as file:
            file.write(f'{clip.name}\n')
        missing = {'3': (1, ), '5': range(FRAMES)}.get(clip.name, ())
        faces = make_faces(FRAMES, seed=int(clip.name), missing=missing, parsing='parsing' in self.task.what)
        faces.source = {kind: f'{backend} 1.0' for kind, backend in self.task.source().items()}
        return faces


def read_every_frame(task, kinds):
    def reader(clip):
        list(api.ClipFrames(clip.path))
        return make_faces(FRAMES)
    return reader


def fail_to_load(task, kinds):
    raise ValueError(f'{task.parser["folder"]}: holds no config.json')


@pytest.fixture
def read(monkeypatch, tmp_path):
    """A :class:`Reader` in place of the models."""
    log = tmp_path / 'log.txt'
    log.touch()
    monkeypatch.setattr(api, '_make_reader', partial(Reader, log))
    return lambda: sorted(log.read_text().split())


def files(folder):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.glob('*.npz'))}


@pytest.mark.parametrize('workers', [1, 2])
def test_every_clip_is_analysed_once_and_counted(clips, read, workers, capsys):
    found, out = folder_clips(str(clips))
    assert out == clips.with_name('clips_faces') and [clip.name for clip in found] == list('01234567')
    report = extract_faces(found, out, Task(), workers)
    assert read() == list('01234567') and len(files(out)) == 8
    assert report == json.loads((out / 'report.json').read_text())
    assert report['clips'] == 8 and report['clips_without_face'] == ['5'] and not report['unreadable']
    assert report['counts'] == dict(frames=48, found=41, interpolated=0, missing=7, several=0, border=0, tiny=0)
    assert report['frames_by_clip']['missing'] == {'3': 1, '5': 6}
    before = files(out)
    assert extract_faces(found, out, Task(), workers) == report
    assert files(out) == before and len(read()) == 8
    printed = capsys.readouterr().out
    assert '8 of 8 clips are done already' in printed and '1 clips without any face (such as 5)' in printed


def test_killed_and_resumed_it_repeats_nothing_and_loses_nothing(clips, read):
    for index in range(8, 20):                          # more than the workers have at hand when their parent dies
        write_clip(clips / f'{index}', FRAMES, seed=index)
    found, out = folder_clips(str(clips))
    log = clips.parent / 'log.txt'
    program = (
        'from functools import partial\nfrom pathlib import Path\nfrom mmdfer.preparation import faces\n'
        'from mmdfer.preparation.set_clips import folder_clips\nfrom tests.test_preparation.test_faces import Reader\n'
        f'faces._make_reader = partial(Reader, {str(log)!r})\nfound, out = folder_clips({str(clips)!r})\n'
        'faces.extract_faces(found, out, faces.Task(), 2)\n')
    process = subprocess.Popen([sys.executable, '-c', program], cwd=ROOT)
    until = time.monotonic() + 120
    while len(list(out.glob('*.npz'))) < 3 and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    process.wait()
    time.sleep(1)                                       # the workers end
    before = files(out)
    assert 3 <= len(before) < 20 and not (out / 'report.json').exists()
    (out / '.7.npz.123.partial').write_bytes(b'half a file')
    os.utime(out / '.7.npz.123.partial', (0, 0))
    analysed = read()
    report = extract_faces(found, out, Task(), 2)
    after = files(out)
    assert {name: after[name] for name in before} == before and len(after) == 20
    again = sorted(name[:-4] for name in after if name not in before)
    assert sorted([*analysed, *again]) == read()        # each clip that was done stays, each other is done now
    assert report['clips'] == 20 and report['counts']['frames'] == 120 and not list(out.glob('.*'))
    for index in range(20):
        expected = make_faces(FRAMES, seed=index, missing={3: (1, ), 5: range(FRAMES)}.get(index, ()))
        np.testing.assert_array_equal(load_faces(out / f'{index}.npz').parsing, expected.parsing)


def test_file_that_was_cut_short_is_refused_by_name_and_replaced_when_told(clips, read):
    found, out = folder_clips(str(clips))
    extract_faces(found, out, Task(), 1)
    path = out / '2.npz'
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FaceMapsError, match='2.npz: is no file of face maps, or is cut short'):
        extract_faces(found, out, Task(), 1)
    extract_faces(found, out, Task(), 1, overwrite=True)
    assert read().count('2') == 2 and len(read()) == 9 and len(load_faces(path)) == FRAMES


def test_maps_of_another_backend_are_not_mixed_in(clips, read, tmp_path):
    found, out = folder_clips(str(clips))
    extract_faces(found, out, Task(('landmarks', )), 1)
    with pytest.raises(FaceMapsError, match='its landmarks came from MediaPipe 1.0, not from FaceXFormer.*--out'):
        extract_faces(found, out, Task(finder=dict(type='FaceXFormerOutputs', folder=str(tmp_path))), 1)
    extract_faces(found, out, Task(('landmarks', 'parsing')), 1)            # more of the same backend is added
    assert load_faces(out / '0.npz', what=('parsing', )).parsing is not None and len(read()) == 16


def test_clips_that_do_not_read_are_named_at_the_end_and_the_others_are_done(clips, monkeypatch):
    (clips / '4' / '00003.jpg').write_bytes((clips / '4' / '00003.jpg').read_bytes()[:-50])
    found, out = folder_clips(str(clips))
    monkeypatch.setattr(api, '_make_reader', read_every_frame)
    with pytest.raises(BadClipError, match='1 of 8 clips could not be read: .*00003.jpg: the image is cut short'):
        extract_faces(found, out, Task(), 2)
    report = json.loads((out / 'report.json').read_text())
    assert report['clips'] == 7 and list(report['unreadable']) == ['4'] and len(files(out)) == 7


def test_a_sets_clips_are_those_of_its_lists(dfew, tmp_path):
    clips, out = set_clips(DFEWDataset, str(dfew))
    assert [clip.name for clip in clips] == [f'{number:05d}' for number in range(1, 22)]
    assert out == dfew / 'Clip' / 'clip_224x224_faces' and clips[0].maps == out / '00001.npz'
    clips, out = set_clips(DFEWDataset, str(dfew), out=str(tmp_path / 'maps'))
    assert clips[4].maps == out / '00005.npz' == tmp_path / 'maps' / '00005.npz'
    with pytest.raises(DatasetError, match='no such clip folder'):
        set_clips(DFEWDataset, str(dfew), frames='Clip/other')


def test_a_path_can_be_a_video_frames_or_a_folder_of_either(clips):
    assert [clip.name for clip in folder_clips(str(clips / '2'))[0]] == ['2']
    (clips / 'one.mp4').touch()
    names = [clip.name for clip in folder_clips(str(clips))[0]]
    assert names == [*'01234567', 'one']
    (video, ), out = folder_clips(str(clips / 'one.mp4'))
    assert video.maps == out / 'one.npz' and out == clips.with_name('clips_faces')


@pytest.mark.parametrize('name, message', [('no', 'no such video or folder'), ('notes.txt', 'is no video'),
                                           ('empty', 'holds neither videos nor frames')])
def test_paths_without_clips_are_refused(tmp_path, name, message):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(BadClipError, match=message):
        folder_clips(str(tmp_path / name))


@pytest.mark.parametrize('arguments, message', [
    (dict(what=['depth']), 'depth'),
    (dict(what=['mesh'], finder=IMPORTED), 'FaceXFormerOutputs gives no mesh; leave mesh out'),
    (dict(parser=dict(type='SegFormerParser', folder='x'), finder=IMPORTED),
     'brings a parsing of its own; .*, not both'),
    (dict(finder=dict(type='MediaPipeFace')),
     "face finder='MediaPipeFace' is not known: did you mean 'MediaPipeFaces'"),
    (dict(parser=dict(type='SegFormer')), "face parser='SegFormer' is not known: did you mean 'SegFormerParser'"),
    (dict(finder=dict(type='nowhere.Finder')), "nowhere.Finder: there is no module 'nowhere' here"),
    (dict(finder=dict(type='json.JSONDecode')), "json has no 'JSONDecode': did you mean 'JSONDecode(Error|r)'"),
    (dict(finder=dict(type='json.JSONDecoder')),
     'json.JSONDecoder: is no face finder; derive it from mmdfer.face.FaceFinder'),
])
def test_tasks_that_contradict_themselves_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Task(**arguments)


def test_crops_are_written_once_and_added_where_they_lack(clips, read):
    found, out = folder_clips(str(clips))
    extract_faces(found, out, Task(), 1)
    extract_faces(found, out, Task(crops=True), 1)
    crops = clips.with_name('clips_crops')
    assert sorted(path.name for path in crops.iterdir()) == list('0123467')         # clip 5 shows no face
    assert len(list((crops / '3').iterdir())) == FRAMES - 1 and len(read()) == 15
    extract_faces(found, out, Task(crops=True), 1)
    assert len(read()) == 15


@pytest.mark.parametrize('workers', [1, 2])
def test_backend_that_does_not_load_is_told_in_its_own_words(clips, tmp_path, workers, monkeypatch):
    found, out = folder_clips(str(clips))
    monkeypatch.setattr(api, '_make_reader', fail_to_load)
    with pytest.raises(ValueError, match='nowhere: holds no config.json'):
        extract_faces(found, out, Task(parser=dict(type='SegFormerParser', folder='nowhere')), workers)
    assert not list(out.glob('*'))


OWN_FINDER = """
import numpy as np
from mmdfer.face import FaceFinder
from mmdfer.registry import FACE_FINDERS

@FACE_FINDERS.register_module()
class CornerFaces(FaceFinder):
    GIVES = ('landmarks', )

    def detect(self, frame):
        return np.array([(0., 0., 20., 20.)])

    def landmarks(self, frame, box):
        return np.stack([np.linspace(2, 18, 68), np.linspace(3, 17, 68)[::-1]], axis=1)
"""


def test_a_finder_of_ones_own_is_known_to_every_process(clips, tmp_path, monkeypatch):
    """It is registered by an import that only this process has made."""
    (tmp_path / 'corner_faces.py').write_text(OWN_FINDER)
    monkeypatch.syspath_prepend(tmp_path)
    import_module('corner_faces')
    found, out = folder_clips(str(clips))
    try:
        extract_faces(found, out, Task(('landmarks', ), dict(type='CornerFaces')), 2)
    finally:
        FACE_FINDERS.module_dict.pop('CornerFaces')
    assert all(load_faces(out / f'{index}.npz', what=()).source['landmarks'] == 'CornerFaces' for index in range(8))
