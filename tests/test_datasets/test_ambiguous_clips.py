"""Two entries for one clip are refused, whatever the folder's order, and told by the check, every one of them."""
import itertools
import json
import os

import pytest

from mmdfer.datasets import BadClipError, DatasetError, DFEWDataset, FERV39kDataset, VideoFolderDataset
from mmdfer.datasets.clips import list_frames
from mmdfer.preparation.check import check_dataset

from ..official_layouts import write_dfew_copy, write_list, write_mafw_copy

NAMES = ('3', '003', '00003', '3.avi', '00003.MP4')
PAIRS = list(itertools.combinations(NAMES, 2))


def write_entries(folder, *names):
    """Frame folders and videos, empty: where they are looked for, only their names count."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch() if '.' in name else (folder / name).mkdir()


def dfew(root, *names):
    write_list(root / 'EmoLabel_DataSplit/train(single-labeled)/set_1.csv', ['video_name,label', '1,1', '3,2', '7,7'])
    write_entries(root / 'Clip/clip_224x224', '00001', '00007', *names)
    return lambda: DFEWDataset(pipeline=[], data_root=str(root)).get_data_info(1)['clip']


@pytest.mark.parametrize('names', PAIRS, ids=' and '.join)
def test_two_entries_for_a_listed_clip_are_refused(tmp_path, names):
    with pytest.raises(DatasetError, match='clip_224x224: 1 clips are there more than once') as caught:
        dfew(tmp_path, *names)()
    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize('name', NAMES)
def test_one_entry_of_any_of_these_names_is_the_clip(tmp_path, name):
    assert dfew(tmp_path, name)().endswith(f'/{name}')


def test_entries_of_clips_in_no_list_and_other_kinds_of_files_choose_nothing(tmp_path):
    assert dfew(tmp_path, '3', '5', '005', '5.avi', '3.txt', '3.jpg', '._3.avi')().endswith('/3')


@pytest.mark.parametrize('reverse', [False, True])
def test_the_order_of_a_folder_decides_nothing(tmp_path, monkeypatch, reverse):
    build, scandir = dfew(tmp_path, '3', '003', '00003'), os.scandir

    class Turned:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=reverse)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *error):
            pass

    monkeypatch.setattr('mmdfer.clip_names.os.scandir', Turned)
    with pytest.raises(DatasetError, match=r'\(such as 00003 and 003 and 3\)'):
        build()


def test_scenes_and_classes_may_be_written_twice_but_not_clips(tmp_path):
    write_list(tmp_path / '4_setups/All_scenes/train_All.csv', ['Action/Happy/0003 Happy', 'Crime/Happy/0003 Happy'])
    clips = tmp_path / '2_ClipsforFaceCrop'
    for place in ('Action/Happy', 'Crime/Happy'):
        write_entries(clips / place, '0003')
    assert len(FERV39kDataset(pipeline=[], data_root=str(tmp_path))) == 2
    write_entries(clips / 'Crime/Happy', '3')
    with pytest.raises(DatasetError, match=r'1 clips are .* \(such as Crime/Happy/0003 and Crime/Happy/3\)'):
        FERV39kDataset(pipeline=[], data_root=str(tmp_path))


def test_names_that_differ_in_how_marks_are_written_are_one(tmp_path):
    write_list(tmp_path / 'list.csv', ['caf\u00e9.mp4,1', 'b.mp4,7'])
    write_entries(tmp_path / 'Clip/clip_224x224', 'cafe\u0301.mp4', 'b.mp4')
    options = dict(pipeline=[], data_root=str(tmp_path), ann_file='list.csv')
    assert len(DFEWDataset(**options)) == 2
    write_entries(tmp_path / 'Clip/clip_224x224', 'caf\u00e9.mkv')
    with pytest.raises(DatasetError, match='1 clips are there more than once'):
        DFEWDataset(**options)


@pytest.mark.parametrize('names', [('3', '3.avi'), ('003.avi', '3.avi'), ('take', 'take.mov')], ids=' and '.join)
def test_class_folders_hold_a_clip_in_one_form(tmp_path, names):
    for name in ('happy', 'sad'):
        write_entries(tmp_path / 'train' / name, 'a.mp4', 'a.mov', names[0])
    assert len(VideoFolderDataset(pipeline=[], data_root=str(tmp_path))) == 6       # videos of one stem are two clips
    write_entries(tmp_path / 'train/sad', names[1])
    with pytest.raises(DatasetError, match=rf'1 clips are .*\(such as sad/{names[0]} and sad/{names[1]}\)'):
        VideoFolderDataset(pipeline=[], data_root=str(tmp_path))
    report = check_dataset(VideoFolderDataset, str(tmp_path), out=str(tmp_path / '.out'), decode='none')
    fault, = (one for one in report['faults'] if one['kind'] == 'ambiguous clip')
    assert fault['examples'] == (f'train/sad/{names[0]} and train/sad/{names[1]}', )


@pytest.fixture(scope='module')
def spoilt(tmp_path_factory):
    """A copy with more than five of each fault, and the faults that its check has found by their kinds."""
    root = tmp_path_factory.mktemp('spoilt') / 'dfew'
    write_dfew_copy(root, tests=(7, 7, 7, 7, 7), classes=None, first_test=None)
    for number in range(1, 9):
        write_entries(root / 'Clip/clip_224x224', str(number), f'{number}.avi')
    write_entries(root / 'Clip/clip_224x224', '900', '0900')
    train, test = (root / f'EmoLabel_DataSplit/{split}(single-labeled)' for split in ('train', 'test'))
    lines = {path: path.read_text().split() for path in (train / 'set_1.csv', test / 'set_1.csv', train / 'set_2.csv')}
    write_list(train / 'set_1.csv', lines[train / 'set_1.csv'] + lines[test / 'set_1.csv'][1:])
    write_list(train / 'set_2.csv', [*lines[train / 'set_2.csv'], *(f'{number},--1' for number in range(1, 8))])
    report = check_dataset(DFEWDataset, str(root), out=str(root / 'out'), decode='none', published=False)
    return json.loads((root / 'out' / 'report.json').read_text()), report


def test_the_check_names_every_ambiguous_clip(spoilt):
    fault, = (one for one in spoilt[0]['faults'] if one['kind'] == 'ambiguous clip')
    assert [set(told.split(' and ')) for told in fault['examples']] == [
        {f'{number:05d}', f'{number}', f'{number}.avi'} for number in range(1, 9)]
    note, = (one for one in spoilt[0]['notes'] if one['kind'] == 'ambiguous clip')
    assert note['examples'] == ['0900 and 900'] and fault['count'] == 8


def test_the_check_names_every_clip_in_train_and_test_and_every_bad_line(spoilt):
    leak, = (one for one in spoilt[0]['faults'] if one['kind'] == 'in train and test')
    assert leak['examples'] == [str(number) for number in range(1, 8)] and leak['where'] == 'dfew, fold 1'
    bad, = (one for one in spoilt[0]['faults'] if one['kind'] == 'unreadable list')
    assert [line.partition(': label')[0] for line in bad['examples']] == [f'line {number}' for number in range(30, 37)]


def test_the_orders_that_a_check_prints_are_orders_that_it_takes(tmp_path, capsys):
    """MAFW's compound lists lie in the same copy, and know fewer orders by name."""
    root = write_mafw_copy(tmp_path / 'mafw', tests=(11, 11, 11, 11, 11), compound=86)
    numbers = ['happiness', 'sadness', 'neutral', 'anger', 'surprise', 'disgust', 'fear', 'contempt', 'anxiety',
               'helplessness', 'disappointment']
    for split in ('train', 'test'):
        path = root / f'Train & Test Set/single/no_caption/set_1/{split}.txt'
        rows = [line.split() for line in path.read_text().splitlines() if line]
        write_list(path, [f'{clip} {numbers.index(name)}' for clip, name in rows])

    def faults(**options):
        report = check_dataset('mafw', str(root), out=str(root / 'out'), decode='none', published=False, **options)
        return {fault['kind']: fault['message'] for fault in report['faults']}

    refused = faults()['unreadable list']
    names = refused.partition('set class_order to ')[2].partition(', or to')[0]
    printed = [name.strip("'") for name in names.split(', ')]
    assert printed == ['official', 'dfer_clip', 'alphabetical']
    for order in [*printed, numbers]:
        found = faults(class_order=order)
        assert 'unreadable list' not in found and ('two labels' in found) == (order in ('official', 'alphabetical'))
    with pytest.raises(DatasetError, match="class_order='backwards' is not known"):
        faults(class_order='backwards')


@pytest.mark.parametrize('names', [('1.jpg', '001.jpg'), ('1.jpg', '1.png'), ('f_01.png', 'f_1.bmp')], ids=' and '.join)
def test_a_frame_is_there_once_under_any_padding(tmp_path, names):
    for name in ('2.jpg', '10.jpg', *names[:1]):
        (tmp_path / name).touch()
    assert list_frames(str(tmp_path))[-1] == max(names[0], '10.jpg')
    (tmp_path / names[1]).touch()
    with pytest.raises(BadClipError, match='holds one frame twice, as .* and .*; remove one') as caught:
        list_frames(str(tmp_path))
    assert all(name in str(caught.value) for name in names)
