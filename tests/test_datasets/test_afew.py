"""AFEW by its lists, whatever order their numbers have, and checked, packed and found by its short name."""
import os
import runpy
import sys

import pytest
from mmaction.registry import DATASETS

from mmdfer.datasets import DatasetError, class_names
from mmdfer.labels import EMOTIONS, find_emotion
from mmdfer.preparation.check import check_dataset
from mmdfer.preparation.packing import pack
from mmdfer.preparation.set_clips import set_clips
from mmdfer.run_config import load_config, set_data

from ..conftest import ROOT
from ..official_layouts import AFEW_CLASSES, write_afew_copy, write_list

PIPELINE = [dict(type='ClipInit'), dict(type='SampleSegments', num_frames=4, test_mode=True), dict(type='ClipDecode'),
            dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs', meta_keys=('video_id', ))]


@pytest.fixture(scope='module')
def afew(tmp_path_factory):
    return write_afew_copy(tmp_path_factory.mktemp('data') / 'AFEW', dict(train=21, val=14))


def build(root, **kwargs):
    return DATASETS.build(dict(dict(type='AFEWDataset', data_root=str(root), pipeline=PIPELINE), **kwargs))


def named(dataset):
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    return {info['video_id']: dataset.metainfo['classes'][info['label']] for info in infos}


def test_lists_are_read_and_frames_are_the_disks(afew):
    train, val = build(afew), build(afew, split='val', test_mode=True)
    assert len(train) == 21 and len(val) == 14 and train.metainfo['classes'] == class_names('afew') == AFEW_CLASSES
    for dataset in (train, val):
        assert all(name.split('/')[1] == label for name, label in named(dataset).items())
    assert train[0]['inputs'].shape == (1, 3, 4, 16, 16)                    # of 2 frames, although the list says 99
    assert [find_emotion(name).noun for name in AFEW_CLASSES
            ] == ['anger', 'disgust', 'fear', 'happiness', 'neutral', 'sadness', 'surprise'] and len(EMOTIONS) == 11


@pytest.mark.parametrize('form', ['D:/AFEW/{clip} 46 {dfer_clip}', '/my data/AFEW/{clip} 46 {name}', '{clip} {name}',
                                  '{clip},46,{one}', '{clip}\t46\t{noun}'])
def test_dialects_agree(afew, tmp_path, form):
    order = ('Happy', 'Sad', 'Neutral', 'Angry', 'Surprise', 'Disgust', 'Fear')
    expected = named(build(afew))
    write_list(tmp_path / 'list', [
        form.format(clip=clip, name=name, dfer_clip=order.index(name), one=AFEW_CLASSES.index(name) + 1,
                    noun=find_emotion(name).noun) for clip, name in expected.items()
    ])
    assert named(build(afew, ann_file=str(tmp_path / 'list'))) == expected


def test_what_does_not_fit_is_named(afew, tmp_path):
    for kwargs, message in ((dict(split='test'), "split='test' does not exist: choose 'train' or 'val'"),
                            (dict(fold=1), 'AFEW has no folds'), (dict(data_prefix=dict(clip='videos')),
                                                                  'no such clip folder')):
        with pytest.raises(DatasetError, match=message):
            build(afew, **kwargs)
    write_list(tmp_path / 'list', ['train/Angry/000000001 46 3', 'train/Happy/000000002 46 3'])
    with pytest.raises(DatasetError, match='label 3 stands for both Angry .* and Happy'):
        build(afew, ann_file=str(tmp_path / 'list'))


def test_checked_by_its_short_name(afew, tmp_path, capsys):
    report = check_dataset('afew', str(afew), out=str(tmp_path), published=False)
    assert report['faults'] == [] and [(row['setup'], row['split'], row['clips']) for row in report['lists']] == [
        ('all clips', 'train', 21), ('all clips', 'val', 14)]
    printed = capsys.readouterr().out
    assert ('clip frames label separated by spaces, no header, UTF-8, CRLF; labels 0 to 6 in the alphabetical order'
            in printed)
    report = check_dataset('afew', str(afew), out=str(tmp_path / 'published'))
    assert {fault['kind'] for fault in report['faults']} == {'size', 'total'}
    assert [row['published'] for row in report['lists']] == [773, 383]


def test_a_clip_in_both_splits_is_a_fault(tmp_path):
    root = write_afew_copy(tmp_path / 'AFEW', dict(train=14, val=7))
    path = root / 'AFEW_val.txt'
    lines = path.read_text().splitlines()
    write_list(path, [*lines, (root / 'AFEW_train.txt').read_text().splitlines()[0]])
    report = check_dataset('afew', str(root), out=str(tmp_path / 'out'), published=False)
    assert {fault['kind'] for fault in report['faults']} == {'in train and test'}
    with pytest.raises(DatasetError, match='1 test clips are also in .*AFEW_train.txt'):
        build(root, split='val', test_mode=True)


def test_maps_pack_and_config(afew, tmp_path):
    clips, out = set_clips(DATASETS.get('AFEWDataset'), str(afew))
    assert len(clips) == 35 and out == afew / 'frames_faces' and clips[0].maps.parent.parent.parent == out
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_afew.py')
    set_data(cfg, str(afew))
    made = pack(cfg, str(tmp_path / 'clips.pack'))
    assert made['clips'] == 35 and made['frames'] == 70
    assert len(build(afew, packed=str(tmp_path / 'clips.pack'))) == 21
    with pytest.raises(DatasetError, match='--fold 1: AFEWDataset has no folds'):
        set_data(cfg, fold=1)


def test_the_tool_takes_the_short_name(afew, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('mmdfer.visualization.contact_sheet', lambda *args: None)        # takes seconds
    monkeypatch.setattr(sys, 'argv',
                        ['check_dataset.py', 'afew',
                         str(afew), '--part', '--workers', '1', '--out',
                         str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(os.fspath(ROOT / 'tools/data/check_dataset.py'), run_name='__main__')
    assert ended.value.code == 0 and '| afew | all clips val | 14 |' in capsys.readouterr().out
