"""Faults planted into videos and packs: each is refused by name, or the frames are read as they are."""
from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from mmdfer.datasets import BadClipError, DFEWDataset
from mmdfer.datasets.clips import FRAME_SUFFIXES, Clip
from mmdfer.datasets.packed import PackError
from mmdfer.datasets.packed.layout import HEADER, Source, header_bytes, index_bytes, read_index
from mmdfer.datasets.packed.writer import PackWriter, StoredFrame

from ..conftest import write_dfew

FRAMES = 30


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """The bytes of an MPEG-4 video, of which most frames are predicted from those before, and its frames."""
    path, rng = tmp_path_factory.mktemp('video') / 'whole.mp4', np.random.default_rng(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64))
    for _ in range(FRAMES):
        writer.write(cv2.resize(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), (64, 64)))
    writer.release()
    return path.read_bytes(), Clip(path).frames(range(FRAMES))


def put(data, place, new):
    return data[:place] + new + data[place + len(new):]


def picture(data):
    return data.index(b'mdat') + 3000                       # within the first frames' data


NOISE = np.random.default_rng(1).integers(0, 255, 300, dtype=np.uint8).tobytes()
VIDEOS = {
    'whole': (lambda data: data, 'same'), 'bytes behind its end': (lambda data: data + b'junk' * 10, 'same'),
    'under the name of another kind': (lambda data: data, 'same'),
    'nothing': (lambda data: b'', 'the file is empty'), 'text': (lambda data: b'hello world', 'does not decode'),
    'page of an error': (lambda data: b'<html>404', 'does not decode'),
    'archive': (lambda data: b'PK\x03\x04' + bytes(100), 'does not decode'),
    'cut to half': (lambda data: data[:len(data) // 2], 'does not decode'),
    'without its index': (lambda data: data[:data.index(b'moov') - 4], 'does not decode'),
    'cut in its index': (lambda data: data[:-100], 'no frame that can be shown'),
    'hole in its frames': (lambda data: put(data, picture(data), bytes(3000)), r'frame \d+ does not decode'),
    'noise in its frames': (lambda data: put(data, picture(data), NOISE), r'frame \d+ does not decode'),
    'flipped byte in its frames': (lambda data: put(data, picture(data), bytes([data[picture(data)] ^ 255])),
                                   r'frame \d+ does not decode'),
}


@pytest.mark.parametrize('name', VIDEOS)
def test_a_planted_video(tmp_path, video, name):
    data, frames = video
    plant, reaction = VIDEOS[name]
    path = tmp_path / ('x.avi' if 'another kind' in name else 'x.mp4')
    path.write_bytes(plant(data))
    if reaction == 'same':
        with Clip(path) as clip:
            assert all(map(np.array_equal, clip.frames(range(FRAMES)), frames))
    else:
        with pytest.raises(BadClipError, match=f'{path.name}: .*{reaction}'):
            Clip(path).frames(range(FRAMES))


def test_frames_before_the_damage_are_read_and_those_predicted_from_it_are_not(tmp_path, video):
    data, frames = video
    (tmp_path / 'x.mp4').write_bytes(VIDEOS['flipped byte in its frames'][0](data))
    clip = Clip(tmp_path / 'x.mp4')
    assert np.array_equal(clip.frame(0), frames[0]) and np.array_equal(clip.frame(FRAMES - 1), frames[-1])
    for index in (4, 6, 9):                                 # the frame after is not marked itself; 12 is a keyframe
        with pytest.raises(BadClipError, match=f'frame {index} does not decode .a frame is damaged'):
            clip.frame(index)


@pytest.mark.parametrize('plant, reaction', [
    (lambda path: None, 'no such folder or video'), (os.mkfifo, 'no such folder or video'),
    (lambda path: path.symlink_to('nowhere'), 'no such folder or video'), (os.mkdir, 'holds no frame'),
], ids=['gone', 'pipe', 'link to nowhere', 'folder of its name'])
def test_an_entry_named_like_a_video(tmp_path, plant, reaction):
    plant(tmp_path / 'x.mp4')
    with pytest.raises(BadClipError, match=f'x.mp4: {reaction}'):
        Clip(tmp_path / 'x.mp4')


@pytest.fixture(scope='module')
def packed(tmp_path_factory):
    """A small DFEW and the bytes of a pack of it."""
    root = write_dfew(tmp_path_factory.mktemp('packed') / 'DFEW', train=7, test=3, frames=3, folds=(1, ))
    return root, make_pack(root, root / 'whole.pack', range(1, 11)).read_bytes()


def make_pack(root, path, numbers):
    writer, names = PackWriter(str(path)), [f'{number:05d}' for number in numbers]
    for name in names:
        clip = root / 'Clip/clip_224x224' / name
        files = [StoredFrame(file.read_bytes()) for file in sorted(clip.iterdir())]
        writer.add(name, Source.of(str(clip), FRAME_SUFFIXES), files)
    writer.finish(names)
    return path


def read_all(root, pack):
    steps = [dict(type='ClipInit'), dict(type='SampleSegments', num_frames=3, test_mode=True), dict(type='ClipDecode')]
    dataset = DFEWDataset(steps, data_root=str(root), split='test', test_mode=True, label_base=1,
                          packed=str(pack))
    return [item['imgs'] for item in dataset]


def index_place(data):
    return HEADER.unpack(data[:HEADER.size])[2]


def header(data, **changes):
    magic, version, place, length, digest = HEADER.unpack(data[:HEADER.size])
    whole = dict(dict(magic=magic, version=version, place=place, length=length, digest=digest), **changes)
    return HEADER.pack(*whole.values()) + data[HEADER.size:]


def index(data, change):
    """The pack with another index, whose checksum is right."""
    text, clips, frames = read_index('x', np.frombuffer(data, np.uint8))
    parts = dict(text=text, clips=clips.copy(), frames=frames.copy())
    change(parts)
    made, place = index_bytes(*parts.values()), index_place(data)
    return header_bytes(place, made) + data[HEADER.size:place] + made


def flipped(data, place):
    return put(data, place, bytes([data[place] ^ 1]))


def in_index(change):
    return lambda data: index(data, change)


AGAIN, CONTRADICTS = 'build it again', 'its index contradicts itself'
PACKS = {
    'nothing': (lambda data: b'', 'is no pack'), 'text': (lambda data: b'hello', 'is no pack'),
    'part of its header': (lambda data: data[:20], 'is no pack'),
    'other magic': (lambda data: b'X' + data[1:], 'is no pack'),
    'header alone': (lambda data: data[:HEADER.size], 'cut short or was changed'),
    'cut by a byte': (lambda data: data[:-1], 'cut short or was changed'),
    'cut to half': (lambda data: data[:len(data) // 2], 'cut short or was changed'),
    'a byte behind its end': (lambda data: data + b'x', 'cut short or was changed'),
    'index far away': (lambda data: header(data, place=2**40), 'cut short or was changed'),
    'index beyond any file': (lambda data: header(data, place=2**63, length=2**63), 'cut short or was changed'),
    'other version': (lambda data: header(data, version=9), 'is a pack of version 9'),
    'other checksum': (lambda data: header(data, digest=bytes(16)), 'the index does not match its checksum'),
    'flipped bit in its index': (lambda data: flipped(data, index_place(data) + 30), 'the index does not match its'),
    'frames of zeros': (lambda data: put(data, HEADER.size, bytes(index_place(data) - HEADER.size)),
                        'frame 0 of clip 00008 does not match its checksum'),
    'flipped bit in a frame': (lambda data: flipped(data, index_place(data) - 700),
                               r'frame \d of clip 00010 does not match its checksum'),
    'fewer clips than rows': (in_index(lambda parts: parts['text']['clips'].pop()), CONTRADICTS),
    'a number of clips': (in_index(lambda parts: parts['text'].update(clips=5)), CONTRADICTS),
    'a clip twice': (in_index(lambda parts: parts['text']['clips'].__setitem__(0, '00009')), CONTRADICTS),
    'no kind of store': (in_index(lambda parts: parts['text'].pop('store')), CONTRADICTS),
    'unknown kind of store': (in_index(lambda parts: parts['text'].update(store='zip')), CONTRADICTS),
    'pixels that are files': (in_index(lambda parts: parts['text'].update(store='raw')), CONTRADICTS),
    'a clip far behind its frames': (in_index(lambda parts: parts['clips']['first'].__setitem__(8, 10**9)),
                                     CONTRADICTS),
    'more frames than there are': (in_index(lambda parts: parts['clips']['count'].__setitem__(9, 99)), CONTRADICTS),
    'a frame behind the end': (in_index(lambda parts: parts['frames']['place'].__setitem__(3, 2**40)), CONTRADICTS),
    "another clip's name": (in_index(lambda parts: parts['text']['clips'].__setitem__(8, 'z')),
                            'lacks 1 of the 3 clips'),
}


@pytest.mark.parametrize('name', PACKS)
def test_a_planted_pack(tmp_path, packed, name):
    root, data = packed
    plant, reaction = PACKS[name]
    (tmp_path / 'x.pack').write_bytes(plant(data))
    with pytest.raises(PackError, match=f'x.pack: .*{reaction}.*{AGAIN}'):
        read_all(root, tmp_path / 'x.pack')


def longer(clip):
    with open(clip / '00002.jpg', 'ab') as file:
        file.write(b'x')


CHANGES = {
    'a frame that is newer': (lambda clip: os.utime(clip / '00002.jpg'), 'is older than the frames of'),
    'a frame that is longer': (longer, '(older than the|packed from other) frames'),
    'a frame more': (lambda clip: (clip / '00004.jpg').write_bytes((clip / '00001.jpg').read_bytes()), 'frames of'),
    'a frame less': (lambda clip: (clip / '00003.jpg').unlink(), 'was packed from other frames'),
    'a frame of another name': (lambda clip: (clip / '00003.jpg').rename(clip / '00003.gif'), 'from other frames'),
}


@pytest.mark.parametrize('plant, reaction', CHANGES.values(), ids=CHANGES)
def test_frames_that_changed_since_they_were_packed(tmp_path, plant, reaction):
    root = write_dfew(tmp_path / 'DFEW', train=1, test=1, frames=3, folds=(1, ))
    pack = make_pack(root, root / 'x.pack', (1, 2))
    assert len(read_all(root, pack)) == 1
    plant(root / 'Clip/clip_224x224/00002')
    with pytest.raises(PackError, match=f'x.pack: .*{reaction}.*{AGAIN}'):
        read_all(root, pack)
