"""Each kind of fault, put into a small copy of an official layout, is found, named, and found alone."""
import os
import shutil

import cv2
import numpy as np
import pytest

from mmdfer.datasets import DFEWDataset, find_set
from mmdfer.preparation.checking import find_faults, inspect_clip, read_listings

from ...official_layouts import write_dfew_copy, write_ferv39k_copy, write_folder_copy, write_list, write_mafw_copy

NAMES = ('Angry', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise')
FOLD = 'EmoLabel_DataSplit/{}(single-labeled)/set_{}.csv'
CLIPS = 'Clip/clip_224x224'


@pytest.fixture(scope='module')
def copies(tmp_path_factory):
    root = tmp_path_factory.mktemp('whole')
    write_dfew_copy(root / 'dfew', (14, 14, 14, 14, 14), None, None, frames=3)
    write_ferv39k_copy(root / 'ferv39k', {name: 2 for name in NAMES}, 7, ('Action', 'Crime'), frames=3)
    write_mafw_copy(root / 'mafw', (11, 11, 11, 11, 11), 86)
    write_folder_copy(root / 'folder', 2)
    return root


@pytest.fixture
def copy(copies, tmp_path):
    """A copy to spoil; hard links are not kept, so that a frame is spoilt alone."""
    return lambda kind: shutil.copytree(copies / kind, tmp_path / kind)


def check(kind, root, published=False, decode='first', **options):
    listings, clips, folder = read_listings(find_set(kind), str(root), **options)
    listed = {key for listing in listings for key, _, _ in listing.rows}
    reports = {path: inspect_clip(path, decode) for key, path in clips.items() if key in listed}
    return find_faults(listings, clips, reports, folder, published)


def edit(path, change):
    lines = path.read_text().splitlines()
    write_list(path, change(lines))


def frames_of(root, number):
    return sorted((root / CLIPS / f'{number:05d}').iterdir())


@pytest.mark.parametrize('kind', ['dfew', 'ferv39k', 'mafw', 'folder'])
@pytest.mark.parametrize('decode', ['all', 'first', 'none'])
def test_a_whole_copy_has_no_fault(copies, kind, decode):
    assert [fault.kind for fault in check(kind, copies / kind, decode=decode)] == ['short']         # 2 frames a clip


# What spoils a copy of DFEW, and the faults that must be found, no others.


def drop_list(root):
    (root / FOLD.format('test', 3)).unlink()


def break_header(root):
    edit(root / FOLD.format('train', 2), lambda lines: ['name;emotion', *lines[1:]])


def wrong_label(root):
    edit(root / FOLD.format('train', 2), lambda lines: [*lines, '3,9'])


def empty_list(root):
    edit(root / FOLD.format('train', 2), lambda lines: lines[:1])


def no_text(root):
    (root / FOLD.format('train', 2)).write_bytes(b'\0\1\2')


def list_twice(root):
    edit(root / FOLD.format('train', 1), lambda lines: [*lines, lines[1], lines[2]])


def relabel(root):
    def change(lines):
        number, label = lines[1].split(',')
        return [lines[0], f'{number},{int(label) % 7 + 1}', *lines[2:]]
    edit(root / FOLD.format('train', 1), change)


def leak(root):
    test = (root / FOLD.format('test', 1)).read_text().splitlines()
    edit(root / FOLD.format('train', 1), lambda lines: [*lines, test[1]])


def two_test_folds(root):
    """A clip of fold 2's test set joins that of fold 3, and leaves its training set."""
    line = (root / FOLD.format('test', 2)).read_text().splitlines()[1]
    edit(root / FOLD.format('test', 3), lambda lines: [*lines, line])
    edit(root / FOLD.format('train', 3), lambda lines: [one for one in lines if one != line])


def train_always(root):
    """A clip of fold 2's test set goes to its training set."""
    line = (root / FOLD.format('test', 2)).read_text().splitlines()[1]
    edit(root / FOLD.format('test', 2), lambda lines: [one for one in lines if one != line])
    edit(root / FOLD.format('train', 2), lambda lines: [*lines, line])


def leave_out(root):
    edit(root / FOLD.format('train', 4), lambda lines: lines[:-1])


def lose_a_class(root):
    edit(root / FOLD.format('test', 1), lambda lines: [one for one in lines if not one.endswith(',4')])


def from_zero(root):
    edit(root / FOLD.format('train', 2), lambda lines: [lines[0], *(
        f'{number},{int(label) - 1}' for number, label in (line.split(',') for line in lines[1:]))])


def lose_a_clip(root):
    shutil.rmtree(root / CLIPS / '00005')


def empty_a_clip(root):
    for frame in frames_of(root, 5):
        frame.unlink()


def cut_a_frame(root):
    frame = frames_of(root, 5)[0]
    frame.write_bytes(frame.read_bytes()[:-60])


def garble_a_frame(root):
    frames_of(root, 5)[0].write_bytes(b'no image at all')


def empty_a_frame(root):
    frames_of(root, 5)[2].write_bytes(b'')


def spoil_a_video(root):
    shutil.rmtree(root / CLIPS / '00005')
    (root / CLIPS / '00005.mp4').write_bytes(b'no video')


def twin(root):
    """Two clips of fold 2's test set hold the same frames."""
    for source, target in zip(frames_of(root, 17), frames_of(root, 18)):
        shutil.copy(source, target)


def leaking_twin(root):
    for source, target in zip(frames_of(root, 1), frames_of(root, 30)):
        shutil.copy(source, target)


FAULTS = [
    (drop_list, {'missing list'}),
    (break_header, {'unreadable list'}),
    (wrong_label, {'unreadable list'}), (no_text, {'unreadable list'}), (empty_list, {'empty list'}),
    (list_twice, {'listed twice'}), (relabel, {'two labels'}), (leak, {'in train and test'}),
    (two_test_folds, {'in two test folds'}), (train_always, {'in no test fold'}), (leave_out, {'left out of a fold'}),
    (lose_a_class, {'absent class', 'in no test fold', 'left out of a fold'}), (from_zero, {'mixed dialects'}),
    (lose_a_clip, {'missing clip'}), (empty_a_clip, {'no frames'}), (cut_a_frame, {'cut frame'}),
    (garble_a_frame, {'undecodable frame'}), (empty_a_frame, {'empty frame'}), (spoil_a_video, {'undecodable video'}),
    (twin, {'same content'}), (leaking_twin, {'same content', 'same content in train and test'}),
]


@pytest.mark.parametrize('spoil, expected', FAULTS, ids=[spoil.__name__ for spoil, _ in FAULTS])
def test_faults_of_lists_and_clips(copy, spoil, expected):
    root = copy('dfew')
    spoil(root)
    found = check('dfew', root)
    assert {fault.kind for fault in found if fault.level == 'fault'} == expected, '\n'.join(map(str, found))
    assert all(fault.message and fault.where for fault in found)


# FERV39k, MAFW and folders


def disagree(root):
    """A label that is not its clip's folder, in the list of all scenes alone."""
    edit(root / '4_setups/All_scenes/train_All.csv', lambda lines: [
        line.replace(' Happy', ' Sad') if line.startswith('Action/Happy/0000') else line for line in lines])


def lose_a_scenes_line(root):
    edit(root / '4_setups/22_scenes/train_Crime.csv', lambda lines: lines[1:])


def unknown_name(root):
    edit(root / '4_setups/22_scenes/train_Crime.csv', lambda lines: [*lines, 'Crime/Happy/0000 Joy'])


def lose_a_caption(root):
    path = root / 'Train & Test Set/single/with_caption/set_2/train.txt'
    lines = path.read_text('gbk').splitlines()
    clip, label, chinese, _ = lines[0].split('\t')
    write_list(path, [f'{clip}\t{label}\t{chinese}\t', *lines[1:]], encoding='gbk')


def unknown_compound(root):
    edit(root / 'Train & Test Set/compound/no_caption/set_1/test.txt',
         lambda lines: [*lines, '00001.mp4 anger_happiness'])


def relabel_with_caption(root):
    path = root / 'Train & Test Set/single/with_caption/set_2/train.txt'
    lines = path.read_text('gbk').splitlines()
    clip, label, *captions = lines[0].split('\t')
    write_list(path, ['\t'.join([clip, 'fear' if label != 'fear' else 'anger', *captions]), *lines[1:]], encoding='gbk')


def empty_a_class(root):
    shutil.rmtree(root / 'val' / 'Fear')


def copy_to_val(root):
    for frame in (root / 'train' / 'Fear' / '000000000').iterdir():
        shutil.copy(frame, root / 'val' / 'Fear' / '000000001' / frame.name)


@pytest.mark.parametrize('kind, spoil, expected', [
    ('ferv39k', disagree, {'label and folder differ', 'two labels'}), ('ferv39k', unknown_name, {'unreadable list'}),
    ('ferv39k', lose_a_scenes_line, {'scenes and all differ'}), ('mafw', lose_a_caption, {'no caption'}),
    ('mafw', unknown_compound, {'unreadable list'}), ('mafw', relabel_with_caption, {'two labels'}),
    ('folder', empty_a_class, {'absent class'}),
    ('folder', copy_to_val, {'same content', 'same content in train and test'}),
], ids=lambda value: getattr(value, '__name__', None))
def test_faults_of_the_other_sets(copy, kind, spoil, expected):
    root = copy(kind)
    spoil(root)
    found = check(kind, root)
    assert {fault.kind for fault in found if fault.level == 'fault'} == expected, '\n'.join(map(str, found))


# Sizes, decoding, notes


def test_sizes_are_compared_with_the_published_ones(copy, monkeypatch):
    root = copy('dfew')
    monkeypatch.setattr(DFEWDataset, 'SIZES', {'fold 1': dict(train=56, test=14)})
    monkeypatch.setattr(DFEWDataset, 'CLASS_SIZES', {('fold 1', 'train'): (8, ) * 7})
    monkeypatch.setattr(DFEWDataset, 'TOTAL', 70)
    assert [fault.kind for fault in check('dfew', root, published=True)] == ['short']
    for fold in range(1, 6):
        for split in ('train', 'test'):
            edit(root / FOLD.format(split, fold), lambda lines: [line for line in lines if line.split(',')[0] != '20'])
    found = [str(fault) for fault in check('dfew', root, published=True) if fault.level == 'fault']
    assert len(found) == 3 and 'lists 55 clips; published: 56' in found[0]
    assert found[1].startswith('class size') and '7, published 8' in found[1]
    assert found[2] == 'total: dfew: its lists name 69 clips; published: 70'


@pytest.mark.parametrize('decode, is_found', [('all', True), ('first', False), ('none', False)])
def test_a_bad_frame_at_the_end_is_found_by_decoding_all(copy, decode, is_found):
    root = copy('dfew')
    frames_of(root, 5)[2].write_bytes(b'no image at all')
    kinds = [fault.kind for fault in check('dfew', root, decode=decode)]
    assert ('undecodable frame' in kinds) == is_found


def test_notes(copy):
    root = copy('dfew')
    frames_of(root, 7)[1].unlink()
    cv2.imwrite(str(frames_of(root, 9)[0]), np.zeros((20, 24, 3), np.uint8))
    shutil.copytree(root / CLIPS / '00001', root / CLIPS / '16000')
    found = {fault.kind: fault for fault in check('dfew', root)}
    assert {kind: fault.examples for kind, fault in found.items() if kind != 'short'} == {
        'gap': ('00007', ), 'mixed sizes': ('00009', ), 'not listed': ('16000', )}
    assert all(fault.level == 'note' for fault in found.values())


def test_the_folder_of_16_frames_holds_16(copies, tmp_path):
    root = write_dfew_copy(tmp_path / 'dfew', (7, 7, 7, 7, 7), None, None, frames=16)
    os.rename(root / CLIPS, root / f'{CLIPS}_16f')
    assert check('dfew', root, clip='Clip/clip_224x224_16f') == []
    (root / f'{CLIPS}_16f' / '00003' / '00016.jpg').unlink()
    found = [fault for fault in check('dfew', root, clip='Clip/clip_224x224_16f') if fault.level == 'fault']
    assert [(fault.kind, fault.examples) for fault in found] == [('not 16 frames', ('00003', ))]
