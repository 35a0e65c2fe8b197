"""MAFW: single and compound labels, captions in both languages, frames, faces and videos."""
import shutil

import cv2
import numpy as np
import pytest
from mmaction.registry import DATASETS

from mmdfer.datasets import DatasetError, class_names
from mmdfer.run_config import flow_classes, load_config, set_data

from ..conftest import ROOT
from ..official_layouts import write_list, write_mafw_copy

PIPELINE = [dict(type='ClipInit'), dict(type='SampleSegments', num_frames=4, test_mode=True), dict(type='ClipDecode'),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs', meta_keys=('video_id', ), algorithm_keys=('caption', 'caption_zh'))]


def build(root, kind='MAFWDataset', **kwargs):
    return DATASETS.build(dict(dict(type=kind, data_root=str(root), pipeline=PIPELINE), **kwargs))


@pytest.fixture(scope='module')
def mafw(tmp_path_factory):
    return write_mafw_copy(tmp_path_factory.mktemp('data') / 'MAFW', (11, 11, 11, 11, 11), 60)


@pytest.fixture
def copy(mafw, tmp_path):
    return shutil.copytree(mafw, tmp_path / 'MAFW')


def infos(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


@pytest.mark.parametrize('kind, setting, total',
                         [('MAFWDataset', 'single', 55), ('MAFWCompoundDataset', 'compound', 60)])
@pytest.mark.parametrize('fold', [1, 5])
def test_folds(mafw, kind, setting, total, fold):
    seen = {}
    for split in ('train', 'test'):
        lines = (mafw / f'Train & Test Set/{setting}/no_caption/set_{fold}/{split}.txt').read_text().split()
        dataset = build(mafw, kind, fold=fold, split=split)
        names = dataset.metainfo['classes']
        assert [(info['video_id'], names[info['label']])
                for info in infos(dataset)] == list(zip(lines[::2], lines[1::2]))
        seen.update({info['video_id']: info for info in infos(dataset)})
    assert len(seen) == total
    assert all(info['clip'].endswith(f'frames/{name[:5]}') for name, info in seen.items())


def test_captions_come_when_asked_for(mafw):
    plain, told = build(mafw), build(mafw, captions=True)
    assert 'caption' not in infos(plain)[0] and len(plain) == len(told)
    neutral = class_names('mafw').index('neutral')
    for info in infos(told):
        number = int(info['video_id'][:5])
        is_neutral = info['label'] == neutral
        assert info['caption'] == ('' if is_neutral else f'A person, frowning, number {number}.')
        assert info['caption_zh'] == ('' if is_neutral else f'一个人，皱眉 {number}。')
    sample = told[0]['data_samples']
    assert sample.caption == infos(told)[0]['caption']
    captioned = build(mafw, lists='with_caption', captions=True)
    assert 0 < len(captioned) < len(told) and all(info['caption'] for info in infos(captioned))


def test_faces_and_videos(copy):
    shutil.copytree(copy / 'frames', copy / 'faces')
    (copy / 'clips').mkdir()
    for folder in (copy / 'frames').glob('0*'):
        writer = cv2.VideoWriter(str(copy / 'clips' / f'{folder.name}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25,
                                 (32, 32))
        for frame in range(6):
            writer.write(np.full((32, 32, 3), 20 * frame, np.uint8))
        writer.release()
    for clip, size in (('faces', 16), ('clips', 32)):
        dataset = build(copy, data_prefix=dict(clip=clip))
        assert len(dataset) == 44 and f'/{clip}/' in infos(dataset)[0]['clip']
        assert dataset[0]['inputs'].shape == (1, 3, 4, size, size)


@pytest.mark.parametrize('kwargs, message', [
    (dict(fold=6), 'fold=6 does not exist: MAFW has folds 1 to 5'), (dict(lists='captions'), "lists='captions'"),
    (dict(split='val'), "split='val'"), (dict(data_prefix=dict(clip='videos')), 'no such clip folder'),
])
def test_missing_parts_are_named(mafw, kwargs, message):
    with pytest.raises(DatasetError, match=message):
        build(mafw, **kwargs)


def test_captions_that_are_not_there_are_missed(copy):
    folder = copy / 'Train & Test Set/single/with_caption'
    write_list(folder / 'set_1/train.txt', ['00001.mp4 anger'])
    with pytest.raises(DatasetError, match='train.txt: holds no captions; expected file, label, Chinese and English'):
        build(copy, captions=True)
    shutil.rmtree(folder)
    with pytest.raises(DatasetError, match='train.txt: no such list, which holds the captions; .* captions=False'):
        build(copy, captions=True)


@pytest.mark.parametrize('line, message', [
    ('00001.mp4 joy', "label='joy' is no class of mafw; expected one of anger, disgust"),
    ('00001.mp4 anger_disgust', "label='anger_disgust' is no class of mafw"),
    ('00001.mp4 7', "label='7' is no class of mafw"),
])
def test_unknown_labels_are_named_with_their_line(copy, line, message):
    path = copy / 'Train & Test Set/single/no_caption/set_1/train.txt'
    write_list(path, [*path.read_text().splitlines(), line])
    with pytest.raises(DatasetError, match=rf'train.txt:45: {message}'):
        build(copy)


@pytest.mark.parametrize('name, classes', [('mafw', 11), ('mafw_compound', 43)])
def test_configs_fit(mafw, name, classes):
    cfg = load_config(ROOT / f'configs/fe_adapter_vitb_{name}.py')
    assert flow_classes(cfg) == class_names(name)
    set_data(cfg, str(mafw), fold=3)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    assert len(dataset.metainfo['classes']) == classes and dataset.fold == 3 and dataset.test_mode
    with pytest.raises(ValueError, match=f'num_classes=7, MAFW.*Dataset has {classes} classes'):
        load_config(ROOT / f'configs/fe_adapter_vitb_{name}.py', {'model.cls_head.num_classes': 7})
