"""Faults planted into folders of clips and classes: each is refused by name, passed over, or read as what it is."""
from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from mmdfer.clip_names import clip_key
from mmdfer.datasets import BadClipError, DatasetError, VideoFolderDataset
from mmdfer.datasets.clips import Clip, natural_key
from mmdfer.video.sources import find_sources


def folder(path):
    path.mkdir(parents=True)


def touch(path, data=b'x'):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


FRAME = cv2.imencode('.png', np.zeros((8, 8, 3), np.uint8))[1].tobytes()


def clip(path):
    touch(path / '1.png', FRAME)
    touch(path / '2.png', FRAME)


def loop_back(root):
    clip(root / 'a/b')
    (root / 'a/loop').symlink_to(root)


def loop_on_itself(root):
    clip(root / 'b')
    (root / 'self').symlink_to('self')


SOURCES = {
    'a folder with nothing': (folder, 'holds neither videos'),
    'a folder of text': (lambda root: touch(root / 'a.txt'), 'holds neither videos'),
    'hidden clips alone': (lambda root: clip(root / '.a'), 'holds neither videos'),
    'what systems leave': (lambda root: (clip(root / '__MACOSX'), touch(root / 'Thumbs.db'), touch(root / '._a.mp4')),
                           'holds neither videos'),
    'nothing at all': (lambda root: None, 'no such video, picture or folder'),
    'a link back to the top': (loop_back, ['b']), 'a link to itself': (loop_on_itself, ['b']),
    'a video that is a link to nowhere': (lambda root: (folder(root), (root / 'x.mp4').symlink_to('gone')), ['x']),
    'one stem in three kinds': (lambda root: [touch(root / name) for name in ('a.mp4', 'a.mov', 'a.avi')],
                                ['a.avi', 'a.mov', 'a.mp4']),
    'a video and a folder of one name': (lambda root: (touch(root / 'a.mp4'), clip(root / 'a')), ['a.mp4', 'a']),
    'names that differ by case': (lambda root: (touch(root / 'A.mp4'), touch(root / 'a.mp4')), ['A.mp4.1', 'a.mp4.2']),
    'take1 in two folders': (lambda root: (clip(root / 'p/take1'), clip(root / 'q/take1')), ['p/take1', 'q/take1']),
    'a folder named like a picture': (lambda root: clip(root / 'x.jpg'), ['x.jpg']),
    'a folder named like a video': (lambda root: clip(root / 'x.mp4'), ['x.mp4']),
    'names of options and signs': (lambda root: [touch(root / name) for name in ('-x.mp4', 'a b$.mp4', "it's.mp4")],
                                   ['-x', 'a b$', "it's"]),
    'names of patterns': (lambda root: clip(root / '[ab]*/c?'), ['c?']),
    'a name that is no Unicode': (lambda root: clip(root / os.fsdecode(b'\xff.clip')), [os.fsdecode(b'\xff.clip')]),
}


@pytest.mark.parametrize('plant, reaction', SOURCES.values(), ids=SOURCES)
def test_a_planted_folder_to_look_at(tmp_path, plant, reaction):
    plant(tmp_path / 'in')
    if isinstance(reaction, str):
        with pytest.raises(BadClipError, match=f'/in: {reaction}'):
            find_sources([str(tmp_path / 'in')])
    else:
        found = find_sources([str(tmp_path / 'in')])
        assert sorted(source.name for source in found) == sorted(reaction)
        assert len({source.name.casefold() for source in found}) == len(found)


def classes_of(root, **options):
    data = VideoFolderDataset([], data_root=str(root), split='train', test_mode=True, **options)
    return {data.get_data_info(index)['video_id']: data.get_data_info(index)['label'] for index in range(len(data))}


CLASSES = {
    'no such split': (lambda root: clip(root / 'val/happy/1'), 'train: no such split; data_root has the folders val'),
    'a split with nothing': (lambda root: folder(root / 'train'), 'train: holds no clip'),
    'classes with nothing': (lambda root: folder(root / 'train/happy'), 'train: holds no clip'),
    'clips without classes': (lambda root: touch(root / 'train/a.mp4'), 'train: holds no clip'),
    'two cases of one class': (lambda root: (clip(root / 'train/happy/1'), clip(root / 'train/Happy/2')),
                               "the class folders 'Happy' and 'happy' differ by their case"),
    'two cases of one class in two splits': (lambda root: (clip(root / 'train/happy/1'), clip(root / 'val/Happy/2')),
                                             "the class folders 'Happy' and 'happy' differ by their case"),
    'one class with a space': (lambda root: (clip(root / 'train/happy/1'), clip(root / 'train/happy /2')),
                               "the class folders 'happy' and 'happy ' differ"),
    'two forms of one letter': (lambda root: (clip(root / 'train/\u00e9/1'), clip(root / 'train/e\u0301/2')),
                                'the class folders .* differ'),
    'a class that is a link to nowhere': (lambda root: (clip(root / 'train/happy/1'),
                                                        (root / 'train/sad').symlink_to('gone')),
                                          'train/sad: is a link that leads nowhere'),
    'one clip in two kinds': (lambda root: (clip(root / 'train/happy/3'), touch(root / 'train/happy/003.avi')), '3'),
    'files beside the classes': (lambda root: (clip(root / 'train/happy/1'), touch(root / 'train/list.txt')),
                                 {'happy/1': 0}),
    'what systems leave': (lambda root: (clip(root / 'train/happy/1'), clip(root / 'train/.ipynb_checkpoints/1'),
                                         touch(root / 'train/happy/._2.mp4'), touch(root / 'train/happy/Thumbs.db')),
                           {'happy/1': 0}),
    'odd names': (lambda root: [clip(root / 'train/happy' / name) for name in ('²', '-1', "$'%")],
                  {'happy/²': 0, 'happy/-1': 0, "happy/$'%": 0}),
}


@pytest.mark.parametrize('plant, reaction', CLASSES.values(), ids=CLASSES)
def test_a_planted_folder_of_classes(tmp_path, plant, reaction):
    plant(tmp_path)
    if isinstance(reaction, str):
        with pytest.raises(DatasetError, match=reaction):
            classes_of(tmp_path)
    else:
        assert classes_of(tmp_path) == reaction


def test_a_folder_of_no_class_is_refused_and_given_classes_go_past_their_case(tmp_path):
    clip(tmp_path / 'train/Happy/1')
    clip(tmp_path / 'train/happy/2')
    assert classes_of(tmp_path, metainfo=dict(classes=['sad', 'HAPPY'])) == {'Happy/1': 1, 'happy/2': 1}
    with pytest.raises(DatasetError, match='Happy: is the folder of no class; expected one of sad, mad'):
        classes_of(tmp_path, metainfo=dict(classes=['sad', 'mad']))


@pytest.mark.parametrize('name, key', [
    ('00012', '12'), ('12.mp4', '12'), ('0', '0'), ('000', '0'), ('0' * 6000 + '7', '7'), ('9' * 5000, '9' * 5000),
    ('²', '²'), ('٣', '٣'), ('①.mp4', '①'), ('--1', '--1'), ('-1', '-1'), ('1.5', '1.5'), ('a.MOV', 'a'), ('1 ', '1 '),
    ('e\u0301', '\u00e9'), ('.mp4', '.mp4'), ('a.mp4.mp4', 'a.mp4')], ids=lambda value: ascii(value)[:16])
def test_the_key_of_a_clip_of_any_name(name, key):
    assert clip_key(name) == key


def test_names_are_in_natural_order_whatever_they_are():
    names = ['2', '10', '1' * 5000, '²', '1²3', '٣', 'a2', 'a10', '', '-1', '01']
    ordered = sorted(names, key=natural_key)
    assert ordered.index('2') < ordered.index('10') < ordered.index('1' * 5000)
    assert ordered.index('a2') < ordered.index('a10') and sorted(ordered) == sorted(names)


FRAMELESS = {
    'nothing': folder, 'a folder': lambda root: folder(root / 'b'), 'text': lambda root: touch(root / 'a.txt'),
    'a hidden frame': lambda root: touch(root / '.00001.jpg'),
    'a folder named like a frame': lambda root: folder(root / '00001.jpg'),
    'a backup': lambda root: touch(root / '00001.jpg~'),
    'part of a download': lambda root: touch(root / '00001.jpg.part'),
}


@pytest.mark.parametrize('plant', FRAMELESS.values(), ids=FRAMELESS)
def test_a_clip_without_a_frame(tmp_path, plant):
    plant(tmp_path / 'clip')
    with pytest.raises(BadClipError, match='clip: holds no frame'):
        Clip(tmp_path / 'clip')
