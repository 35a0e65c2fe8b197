"""FERV39k: all scenes and single ones, nested clip folders, and what is said when something is missing."""
import shutil

import pytest
from mmaction.registry import DATASETS

from mmdfer.datasets import BadClipError, DatasetError
from mmdfer.run_config import load_config, set_data, set_work_dir

from ..conftest import ROOT
from ..official_layouts import write_ferv39k_copy, write_list

CLASSES = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')
TRAIN = {name: 2 for name in ('Angry', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise')}
PIPELINE = [dict(type='ClipInit'), dict(type='SampleSegments', num_frames=4, test_mode=True), dict(type='ClipDecode'),
            dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs', meta_keys=('video_id', ))]


def build(root, **kwargs):
    return DATASETS.build(dict(dict(type='FERV39kDataset', data_root=str(root), pipeline=PIPELINE), **kwargs))


@pytest.fixture(scope='module')
def ferv39k(tmp_path_factory):
    return write_ferv39k_copy(tmp_path_factory.mktemp('data') / 'FERV39k', TRAIN, 7, ('Action', 'Crime'), frames=5)


@pytest.fixture
def copy(ferv39k, tmp_path):
    return shutil.copytree(ferv39k, tmp_path / 'FERV39k')


def infos(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def test_all_scenes_and_one(ferv39k):
    whole, action, crime = build(ferv39k), build(ferv39k, scene='Action'), build(ferv39k, scene='Crime')
    assert len(whole) == 14 and whole.metainfo['classes'] == CLASSES
    for info in infos(whole):
        scene, name, number = info['video_id'].split('/')
        assert CLASSES[info['label']] == name.lower() and info['clip'].endswith(f'{scene}/{name}/{number}')
    assert {info['video_id'] for info in infos(action)} | {info['video_id'] for info in infos(crime)} == {
        info['video_id'] for info in infos(whole)}
    assert {info['video_id'].split('/')[0] for info in infos(action)} == {'Action'}
    assert len(build(ferv39k, split='test', test_mode=True)) == 7


def test_an_item_holds_its_frames(ferv39k):
    dataset = build(ferv39k)
    assert dataset[0]['inputs'].shape == (1, 3, 4, 16, 16)
    assert dataset[0]['data_samples'].video_id == infos(dataset)[0]['video_id']


def test_paths_of_another_machine_become_names(ferv39k, tmp_path):
    write_list(tmp_path / 'list', ['/data/them/2_ClipsforFaceCrop/Action/Angry/0000 40 3'])
    assert infos(build(ferv39k, ann_file=str(tmp_path / 'list')))[0]['video_id'] == 'Action/Angry/0000'


@pytest.mark.parametrize('kwargs, message', [
    (dict(scene='Opera'), "scene='Opera' does not exist: choose one of Action, Crime"),
    (dict(split='val'), "split='val'"),
    (dict(data_prefix=dict(clip='2_Clips')), 'no such clip folder'), (dict(fold=1), 'fold=1: FERV39k has no folds'),
])
def test_missing_parts_are_named(ferv39k, kwargs, message):
    with pytest.raises((DatasetError, TypeError), match=message):
        build(ferv39k, **kwargs)


def test_faults_met_in_training_and_testing(copy):
    folder = copy / '2_ClipsforFaceCrop'
    first = infos(build(copy))[0]['video_id']
    for frame in (folder / first).iterdir():
        frame.unlink()
    with pytest.raises(BadClipError, match=f'{first}: holds no frame'):
        build(copy)[0]
    shutil.rmtree(folder / first)
    with pytest.raises(DatasetError, match=rf'1 of 14 listed clips have no folder.*\(such as {first}\)'):
        build(copy)
    assert len(build(copy, skip_bad_clips=True)) == 13


def test_test_clips_that_are_trained_on_are_refused(copy):
    lists = copy / '4_setups' / 'All_scenes'
    shared = (lists / 'train_All.csv').read_text().splitlines()[:2]
    with open(lists / 'test_All.csv', 'a') as file:
        file.write('\n'.join(shared) + '\n')
    with pytest.raises(DatasetError, match=f'2 test clips are also in .*train_All.csv .such as {shared[0].split()[0]}'):
        build(copy, split='test', test_mode=True)


def test_a_clip_listed_with_two_labels_is_refused(copy):
    lists = copy / '4_setups' / 'All_scenes' / 'train_All.csv'
    lines = lists.read_text().splitlines() * 2
    write_list(lists, lines)
    assert len(build(copy)) == 28                                          # listed twice: counts twice, with a warning
    clip = lines[0].split()[0]
    write_list(lists, lines + [f'{clip} Surprise'])
    with pytest.raises(DatasetError, match=f'{clip} is listed as .* and as surprise; keep one'):
        build(copy)


def test_config_takes_a_scene_and_no_fold(ferv39k):
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_ferv39k.py')
    set_data(cfg, str(ferv39k), scene='Crime')
    set_work_dir(cfg, 'configs/fe_adapter_vitb_ferv39k.py')
    assert cfg.work_dir == 'work_dirs/fe_adapter_vitb_ferv39k/Crime'
    lines = (ferv39k / '4_setups/22_scenes/test_Crime.csv').read_text().splitlines()
    assert len(DATASETS.build(cfg.test_dataloader.dataset)) == len(lines)
    with pytest.raises(DatasetError, match='--fold 1: FERV39kDataset has no folds'):
        set_data(cfg, fold=1)
    with pytest.raises(DatasetError, match='--scene Crime: DFEWDataset has no scenes'):
        set_data(load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py'), scene='Crime')
