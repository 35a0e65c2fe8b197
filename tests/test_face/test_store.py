"""A clip's file keeps its faces bit by bit, and nothing damaged or foreign passes for one."""
import json

import numpy as np
import pytest

from mmdfer.face import store
from mmdfer.face.store import FaceMapsError, find_maps, load_faces, maps_path, read_meta, save_faces

from .samples import make_faces

ARRAYS = ('state', 'notes', 'boxes', 'landmarks', 'map_boxes', 'parsing')


@pytest.fixture
def saved(tmp_path):
    faces = make_faces(missing=(2, ))
    save_faces(faces, tmp_path / 'clip.npz')
    return faces, tmp_path / 'clip.npz'


def test_reading_gives_what_was_written_bit_by_bit(saved):
    faces, path = saved
    found = load_faces(path)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(faces, name))
        assert getattr(found, name).dtype == getattr(faces, name).dtype
    assert found.size == faces.size and found.source == faces.source
    assert read_meta(path)['counts'] == dict(frames=6, found=5, interpolated=0, missing=1, several=0, border=0, tiny=0)


def test_some_frames_can_be_read_in_any_order_and_twice(saved):
    faces, path = saved
    found = load_faces(path, [4, 0, 4])
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(faces, name)[[4, 0, 4]])


def rewritten(path, **changes):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    meta = json.loads(arrays['meta'].tobytes()) | changes
    np.savez(path, **(arrays | dict(meta=np.frombuffer(json.dumps(meta).encode(), np.uint8))))


@pytest.mark.parametrize('damage, message', [
    (lambda path: path.write_bytes(path.read_bytes()[:300]), 'cut short'),
    (lambda path: path.write_bytes(b'frames'), 'is no file of face maps'),
    (lambda path: np.savez(path, frames=np.zeros(3)), 'is no file of face maps'),
    (lambda path: rewritten(path, version=store.VERSION + 1),
     'version 2 of the maps, this mmdfer reads 1.*--overwrite'),
    (lambda path: path.unlink(), 'no such file of face maps'),
])
def test_damaged_and_foreign_files_are_refused_by_name(saved, damage, message):
    _, path = saved
    damage(path)
    with pytest.raises(FaceMapsError, match=message) as caught:
        load_faces(path)
    assert str(path) in str(caught.value)


def test_byte_changed_inside_is_noticed(saved):
    _, path = saved
    data = bytearray(path.read_bytes())
    place = data.index(b'parsing.npy') + 400
    data[place:place + 40] = bytes(40)
    path.write_bytes(bytes(data))
    with pytest.raises(FaceMapsError, match='damaged'):
        load_faces(path)


def test_maps_of_a_clip_of_another_length_are_refused(saved):
    with pytest.raises(FaceMapsError, match='has maps of 6 frames, the clip has 7'):
        load_faces(saved[1], total=7)


def test_what_was_not_kept_is_asked_for_by_name(tmp_path):
    save_faces(make_faces(parsing=False), tmp_path / 'clip.npz')
    with pytest.raises(FaceMapsError, match='holds no parsing; run .* --what landmarks parsing'):
        load_faces(tmp_path / 'clip.npz')
    assert load_faces(tmp_path / 'clip.npz', what=('landmarks', )).parsing is None


def test_failed_write_leaves_the_old_file_and_no_other(saved, monkeypatch):
    faces, path = saved
    before = path.read_bytes()

    def fail(file, **_):
        file.write(b'half')
        raise OSError('disk full')
    monkeypatch.setattr(np, 'savez_compressed', fail)
    with pytest.raises(OSError, match='disk full'):
        save_faces(faces, path)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('clip, below, expected', [
    ('DFEW/Clip/clip_224x224/00001', 'DFEW/Clip/clip_224x224', 'DFEW/Clip/clip_224x224_faces/00001.npz'),
    ('F/2_Clips/Action/Happy/0267', 'F/2_Clips', 'F/2_Clips_faces/Action/Happy/0267.npz'),
])
def test_maps_lie_beside_the_clips_and_are_found_again(tmp_path, clip, below, expected):
    (tmp_path / clip).mkdir(parents=True)
    path = maps_path(tmp_path / clip, tmp_path / below)
    assert path == tmp_path / expected and find_maps(str(tmp_path / clip)) is None
    save_faces(make_faces(2), path)
    assert find_maps(str(tmp_path / clip)) == path
    (tmp_path / clip).rmdir()                                   # packed, and gone
    assert find_maps(str(tmp_path / clip)) == path


def test_listed_number_finds_the_maps_of_its_folder(tmp_path):
    (tmp_path / 'clips' / '00012').mkdir(parents=True)
    path = maps_path(tmp_path / 'clips' / '00012', tmp_path / 'clips')
    save_faces(make_faces(2), path)
    assert find_maps(str(tmp_path / 'clips' / '12')) == path


def test_maps_in_a_folder_of_their_own_are_found(tmp_path):
    clip = tmp_path / 'videos' / 'one.b.mp4'
    clip.parent.mkdir()
    clip.touch()
    path = maps_path(clip, clip.parent, tmp_path / 'maps')
    save_faces(make_faces(2), path)
    assert find_maps(str(clip), str(tmp_path / 'maps')) == path == tmp_path / 'maps' / 'one.b.npz'
