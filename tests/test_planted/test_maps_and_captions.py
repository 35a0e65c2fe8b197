"""Faults planted into files of face maps and captions: each is refused by its file, and line, or read as it is."""
from __future__ import annotations

import json
import os

import numpy as np
import pytest

from mmdfer.captions.caption_file import Caption, CaptionFileError, read_captions, write_captions
from mmdfer.face.store import FORMAT, FaceMapsError, find_maps, load_faces, maps_path
from mmdfer.preparation.captions import caption_clips
from mmdfer.preparation.set_clips import folder_clips

from ..conftest import write_clip

META = dict(format=FORMAT, version=1, size=[16, 16], source={}, counts=dict(frames=3), what=['landmarks'])
ARRAYS = dict(state=np.zeros(3, np.uint8), notes=np.zeros(3, np.uint8), boxes=np.zeros((3, 4), np.float32),
              landmarks=np.zeros((3, 68, 2), np.float32), map_boxes=np.ones((3, 4), np.float32))


def write_maps(path, meta=META, **arrays):
    text = meta if isinstance(meta, bytes) else json.dumps(meta).encode()
    whole = dict(ARRAYS, meta=np.frombuffer(text, np.uint8), **arrays)
    np.savez(path, **{name: value for name, value in whole.items() if value is not None})
    return path


def without(name):
    return {key: value for key, value in META.items() if key != name}


NO_MAPS, DAMAGED, UNTOLD = 'is no file of face maps', 'is damaged', 'does not tell its size, its counts and its source'
METAS = {
    'a list': ([1], NO_MAPS), 'a text': ('x', NO_MAPS), 'half an object': (b'{', NO_MAPS),
    'very deep': (b'[' * 200_000, NO_MAPS), 'of another format': (dict(META, format='x'), NO_MAPS),
    'of a later version': (dict(META, version=2), 'has version 2'),
    'of a version in words': (dict(META, version='1'), 'has version 1'),
    'without a size': (without('size'), UNTOLD), 'without counts': (without('counts'), UNTOLD),
    'without a source': (without('source'), UNTOLD), 'with a size of one number': (dict(META, size=[16]), UNTOLD),
    'with a size in words': (dict(META, size='ab'), UNTOLD), 'with a list of counts': (dict(META, counts=[3]), UNTOLD),
    'with a count in words': (dict(META, counts=dict(frames='3')), UNTOLD),
    'with less than no frame': (dict(META, counts=dict(frames=-1)), UNTOLD),
    'with a milliard frames': (dict(META, counts=dict(frames=10**9)), DAMAGED),
}


@pytest.mark.parametrize('meta, reaction', METAS.values(), ids=METAS)
def test_planted_meta_of_maps(tmp_path, meta, reaction):
    with pytest.raises(FaceMapsError, match=f'x.npz: .*{reaction}'):
        load_faces(write_maps(tmp_path / 'x.npz', meta), what=('landmarks', ))


NOT_A_NUMBER = np.full((3, 68, 2), np.nan, np.float32)
PLANTED = {
    'landmarks of 5 points': (dict(landmarks=np.zeros((3, 5, 2), np.float32)), 'expected numbers .3, 68, 2'),
    'landmarks of 2 frames': (dict(landmarks=np.zeros((2, 68, 2), np.float32)), 'expected numbers'),
    'landmarks of 4 frames': (dict(landmarks=np.zeros((4, 68, 2), np.float32)), 'expected numbers'),
    'landmarks in words': (dict(landmarks=np.full((3, 68, 2), 'x')), 'expected numbers'),
    'landmarks that are objects': (dict(landmarks=np.full((3, 68, 2), None)), 'Object arrays cannot be loaded'),
    'landmarks that are no numbers': (dict(landmarks=NOT_A_NUMBER), 'landmarks of a found face are no numbers'),
    'no landmarks': (dict(landmarks=None), 'holds no landmarks'), 'no states': (dict(state=None), 'is damaged'),
    'a state that does not exist': (dict(state=np.full(3, 7, np.uint8)), 'states of frames up to 7'),
    'boxes of one frame': (dict(boxes=np.zeros((1, 4), np.float32)), 'expected numbers .3, 4'),
    'regions that are no picture': (dict(parsing=np.zeros(3, np.uint8), parsing_ends=np.array([1, 2, 3])),
                                    'the parsing of frame 0 does not decode'),
    'regions of one frame': (dict(parsing=np.zeros(3, np.uint8), parsing_ends=np.array([3])), 'parsing of 1 frames'),
}


@pytest.mark.parametrize('arrays, reaction', PLANTED.values(), ids=PLANTED)
def test_planted_arrays_of_maps(tmp_path, arrays, reaction):
    what = ('parsing', ) if 'parsing' in arrays else ('landmarks', )
    with pytest.raises(FaceMapsError, match=f'x.npz: .*{reaction}'):
        load_faces(write_maps(tmp_path / 'x.npz', **arrays), what=what)


def test_a_missing_face_may_have_no_numbers(tmp_path):
    path = write_maps(tmp_path / 'x.npz', state=np.full(3, 2, np.uint8), landmarks=NOT_A_NUMBER)
    assert len(load_faces(path, what=('landmarks', ))) == 3


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]


FILES = {
    'gone': (None, 'no such file'), 'nothing': (lambda data: b'', NO_MAPS), 'text': (lambda data: b'hello', NO_MAPS),
    'cut to half': (lambda data: data[:len(data) // 2], NO_MAPS), 'cut by 10 bytes': (lambda data: data[:-10], NO_MAPS),
    'a pickle': (lambda data: b'\x80\x04N.', NO_MAPS), 'one array': (lambda data: b'\x93NUMPY' + bytes(50), NO_MAPS),
    'flipped byte': (lambda data: data.replace(b'NUMPY', b'NUMPX', 1), 'Bad CRC-32|magic string'),
    'flipped bit of a number': (lambda data: flipped(data, data.index(b'landmarks.npy') + 300), 'Bad CRC-32'),
}


@pytest.mark.parametrize('plant, reaction', FILES.values(), ids=FILES)
def test_a_planted_file_of_maps(tmp_path, plant, reaction):
    if plant is not None:
        data = write_maps(tmp_path / 'x.npz').read_bytes()
        (tmp_path / 'x.npz').write_bytes(plant(data))
    with pytest.raises(FaceMapsError, match=f'x.npz: .*{reaction}'):
        load_faces(tmp_path / 'x.npz', what=('landmarks', ))


@pytest.mark.parametrize('options, reaction', [
    (dict(total=5), 'has maps of 3 frames, the clip has 5'), (dict(frames=[0, 5]), 'frame 5 is wanted'),
    (dict(what=('mesh', )), 'holds no mesh')], ids=['a clip of 5 frames', 'a frame behind the end', 'a mesh'])
def test_maps_of_another_clip(tmp_path, options, reaction):
    with pytest.raises(FaceMapsError, match=f'x.npz: .*{reaction}'):
        load_faces(write_maps(tmp_path / 'x.npz'), **dict(dict(what=('landmarks', )), **options))


def test_clips_of_one_stem_have_maps_of_their_own(tmp_path):
    """``a.mp4`` and ``a.mov``, a folder ``a`` and ``A.avi``; ``take`` is not ``take.1``, nor is ``take.1`` ``take``."""
    clips = tmp_path / 'clips'
    for name in ('a', 'take', 'take.1'):
        write_clip(clips / name, 1, size=8)
    for name in ('a.mp4', 'a.mov', 'A.avi', 'alone.mp4'):
        (clips / name).write_bytes(b'x')
    found, _ = folder_clips(str(clips))
    assert len({clip.maps for clip in found}) == len(found) == 7
    assert maps_path(clips / 'alone.mp4', clips).name == 'alone.npz'
    (tmp_path / 'clips_faces').mkdir()
    for name in ('a', 'take'):
        write_maps(tmp_path / 'clips_faces' / f'{name}.npz')
    assert [find_maps(str(clips / name)) for name in ('a.mp4', 'a.mov', 'take.1')] == [None] * 3
    assert find_maps(str(clips / 'a')).name == 'a.npz' and find_maps(str(clips / 'take')).name == 'take.npz'
    with pytest.raises(CaptionFileError, match='/a.* and .*/a.* have one name in a file of captions; rename one of'):
        caption_clips(found, tmp_path / 'captions.jsonl', type('Model', (), dict(name='m')))


LINE = '{"id": "1", "caption": "a"}\n'
CAPTIONS = {
    'nothing': ('', 'holds no caption'), 'empty lines': ('\n\n', 'holds no caption'),
    'text': ('hello\n', ':1: is no JSON'),
    'a list': ('[1]\n', ':1: is no JSON object'), 'a number': ('3\n', ':1: is no JSON object'),
    'one list of all': (f'[{LINE.strip()}]\n', ':1: is no JSON object'), 'zeros': ('\0\0\0\n', ':1: is no JSON object'),
    'very deep': ('[' * 200_000 + '\n', ':1: is no JSON object'),
    'very deep objects': ('{"id":' * 100_000 + '\n', ':1: is no JSON object'),
    'no id': ('{"caption": "a"}\n', ":1: has no 'id'"), 'no caption': ('{"id": "1"}\n', ":1: has no 'caption'"),
    'an empty id': ('{"id": " ", "caption": "a"}\n', ":1: 'id' is empty"),
    'an empty caption': ('{"id": "1", "caption": " "}\n', ':1: the caption of 1 is empty'),
    'a truth for an id': ('{"id": true, "caption": "a"}\n', ':1: id=True is no text'),
    'null for an id': ('{"id": null, "caption": "a"}\n', ':1: id=None is no text'),
    'a number for a caption': ('{"id": "1", "caption": 5}\n', ':1: caption=5 is no text'),
    'null for a caption': ('{"id": "1", "caption": null}\n', ':1: caption=None is no text'),
    'an id of 5,000 digits that is no text': ('{"id": ' + '9' * 5000 + ', "caption": "a"}\n', ':1: is no JSON object'),
    'half a character': ('{"id": "1", "caption": "\\ud800"}\n', ':1: .* holds half of a character'),
    'a key twice': ('{"id": "1", "id": "2", "caption": "a"}\n', ":1: 'id' is there twice"),
    'a clip twice': (LINE + LINE, ':2: clip 1 has a caption in line 1'),
    'a clip twice, padded': (LINE + LINE.replace('"1"', '"0001.mp4"'), ':2: clip 0001.mp4 has a caption in line 1'),
    'a clip twice, by other slashes': (LINE.replace('1', 'a/b') + LINE.replace('1', 'a\\\\b'), ':2: clip .* in line 1'),
    'cut in its last line': (LINE + '{"id": "2", "capt', ':2: .* the file was cut short'),
    'UTF-16': (LINE.encode('utf-16'), ':1: is not UTF-8; .* UTF-16'),
    'GBK': ('{"id": "1", "caption": "一个人皱眉"}\n'.encode('gbk'), ':1: is not UTF-8; .* GBK'),
    'of another set': (LINE.replace('1', '99'), r'1 of 1 captions are of clips that are not in the set \(such as 99'),
}


@pytest.mark.parametrize('data, reaction', CAPTIONS.values(), ids=CAPTIONS)
def test_planted_captions(tmp_path, data, reaction):
    path = tmp_path / 'x.jsonl'
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(CaptionFileError, match=f'x.jsonl.*{reaction}'):
        read_captions(path, ids=['1', '2', 'a/b'])


READ = {
    'a mark of UTF-8': '\ufeff' + LINE, 'lines of Windows': LINE.replace('\n', '\r\n'), 'no last end': LINE.strip(),
    'a number for an id': LINE.replace('"1"', '1'), 'a padded id': LINE.replace('"1"', '"0001"'),
    'a video for an id': LINE.replace('"1"', '"1.MP4"'),
    'more than is needed': LINE.replace('{', '{"self": 1, "x": NaN, '),
}


@pytest.mark.parametrize('data', READ.values(), ids=READ)
def test_captions_that_are_read_as_they_are(tmp_path, data):
    (tmp_path / 'x.jsonl').write_text(data, encoding='utf-8', newline='')
    found = read_captions(tmp_path / 'x.jsonl', ids=['1'])
    assert [(key, one.caption) for key, one in found.items()] == [('1', 'a')]


@pytest.mark.parametrize('name', ['²', '9' * 5000, "it's", '"q"', '$HOME', '-x', '%d', 'a\nb', 'ж\u2028', '\\', '{}',
                                  '٣', os.fsdecode(b'\xff\xfe')], ids=lambda name: ascii(name)[:20])
def test_captions_of_a_clip_of_any_name_come_back(tmp_path, name):
    write_captions([Caption(name, 'x\u2029 "y" \\', {})], tmp_path / 'x.jsonl')
    found, = read_captions(tmp_path / 'x.jsonl', ids=[name]).values()
    assert (found.id, found.caption) == (name, 'x\u2029 "y" \\')
