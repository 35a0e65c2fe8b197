"""Class folders in place of lists."""
import shutil

import pytest
from mmaction.registry import DATASETS
from mmengine.config import Config

from mmdfer.datasets import BadClipError, DatasetError

from ..conftest import ROOT
from ..official_layouts import write_folder_copy

NAMES = ('Angry', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise')
PIPELINE = [dict(type='ClipInit'), dict(type='SampleSegments', num_frames=4, test_mode=True), dict(type='ClipDecode'),
            dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs', meta_keys=('video_id', ))]


def build(root, **kwargs):
    return DATASETS.build(dict(dict(type='VideoFolderDataset', data_root=str(root), pipeline=PIPELINE), **kwargs))


@pytest.fixture
def afew(tmp_path):
    return write_folder_copy(tmp_path / 'AFEW', clips=2)


def pairs(dataset):
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    return [(info['video_id'], dataset.metainfo['classes'][info['label']]) for info in infos]


def test_folders_are_the_labels(afew, faces):
    shutil.copy(faces / 'single_face.mp4', afew / 'train' / 'Happy' / 'video.mp4')
    (afew / 'train' / 'Happy' / 'notes.txt').touch()
    dataset = build(afew)
    assert dataset.metainfo['classes'] == NAMES and len(dataset) == 15
    assert all(name.split('/')[0] == label for name, label in pairs(dataset))
    assert ('Happy/video.mp4', 'Happy') in pairs(dataset)
    video = [name for name, _ in pairs(dataset)].index('Happy/video.mp4')
    assert dataset[video]['inputs'].shape[:3] == (1, 3, 4) and dataset[0]['inputs'].shape == (1, 3, 4, 16, 16)


def test_classes_are_the_same_for_every_split(afew):
    shutil.rmtree(afew / 'val' / 'Angry')
    train, val = build(afew), build(afew, split='val', test_mode=True)
    assert train.metainfo['classes'] == val.metainfo['classes'] == NAMES
    assert dict(pairs(val))['Sad/000000000'] == 'Sad'


def test_a_given_order_holds(afew):
    dataset = build(afew, metainfo=dict(classes=[name.lower() for name in NAMES[::-1]]))
    assert dataset.get_data_info(0)['label'] == 6 and pairs(dataset)[0][1] == 'angry'


@pytest.mark.parametrize('kwargs, message', [
    (dict(split='test'), r'test: no such split; data_root has the folders train, val'),
    (dict(data_root='/no/such'), 'no such folder'),
    (dict(metainfo=dict(classes=['Angry', 'Sad'])), 'Disgust: is the folder of no class; expected one of Angry, Sad'),
])
def test_what_does_not_fit_is_named(afew, kwargs, message):
    with pytest.raises(DatasetError, match=message):
        build(afew, **kwargs)


def test_empty_splits_and_clips(afew):
    clip = afew / 'train' / 'Angry' / '000000000'
    for frame in clip.iterdir():
        frame.unlink()
    with pytest.raises(BadClipError, match='Angry/000000000: holds no frame'):
        build(afew)[0]
    for name in NAMES:
        for folder in (afew / 'val' / name).iterdir():
            shutil.rmtree(folder)
    with pytest.raises(DatasetError, match='val: holds no clip; expected <class>/<video or folder of frames>'):
        build(afew, split='val')


def test_the_config_part(afew):
    cfg = Config.fromfile(ROOT / 'configs/_base_/datasets/video_folder.py')
    cfg.train_dataloader.dataset.data_root = cfg.test_dataloader.dataset.data_root = str(afew)
    train, test = (DATASETS.build(cfg[name].dataset) for name in ('train_dataloader', 'test_dataloader'))
    assert len(train) == len(test) == 14 and test.test_mode and not train.test_mode
    assert train.metainfo['classes'] == cfg.classes
