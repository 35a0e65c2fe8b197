"""DFEW's lists, folders, sampling and reading, and what is said when they are not as they should be."""
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS
from mmengine.dataset import Compose

from mmdfer.datasets import BadClipError, DatasetError, DFEWDataset
from mmdfer.datasets.dfer_dataset import clip_key
from mmdfer.datasets.seeding import seeded
from mmdfer.datasets.transforms.clip import ClipDecode, ClipInit, SampleSegments, list_frames, read_frame

from ..conftest import write_clip, write_dfew

PIPELINE = [
    dict(type='ClipInit'), dict(type='SampleSegments', num_frames=16), dict(type='ClipDecode'),
    dict(type='RandomResizedCrop', area_range=(0.5, 1.0)), dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5), dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('video_id', ))
]


def build(root, **kwargs):
    return DATASETS.build(dict(dict(type='DFEWDataset', data_root=str(root), pipeline=PIPELINE), **kwargs))


def set_list(root, lines, split='train', fold=1):
    (root / 'EmoLabel_DataSplit' / f'{split}(single-labeled)' / f'set_{fold}.csv').write_text('\n'.join(lines) + '\n')


@pytest.mark.parametrize('fold, split, size, first', [(1, 'train', 14, 0), (1, 'test', 7, 0), (2, 'train', 14, 0)])
def test_official_layout(dfew, fold, split, size, first):
    dataset = build(dfew, fold=fold, split=split)
    assert len(dataset) == size
    assert dataset.metainfo['classes'] == ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')
    for index in range(size):
        info = dataset.get_data_info(index)
        assert info['label'] == (int(info['video_id']) - 1) % 7
        assert info['clip'].endswith(f'{int(info["video_id"]):05d}')


def test_an_item_is_a_clip_of_16_frames(dfew):
    item = build(dfew)[0]
    assert item['inputs'].shape == (1, 3, 16, 32, 32) and item['inputs'].dtype == torch.uint8
    assert item['data_samples'].gt_label.tolist() == [0]


@pytest.mark.parametrize('suffix', ['.png', '.jpeg', '.JPG'])
def test_other_frame_suffixes(tmp_path, suffix):
    write_clip(tmp_path / 'clip', 3, suffix=suffix)
    assert ClipInit()(dict(clip=str(tmp_path / 'clip')))['total_frames'] == 3


def test_frames_are_counted_and_ordered_on_the_disk(tmp_path):
    write_clip(tmp_path / 'clip', 1)
    for name in ('10.jpg', '9.jpg', 'Thumbs.db', 'frame2.png'):
        shutil.copy(tmp_path / 'clip' / '00001.jpg', tmp_path / 'clip' / name)
    assert list_frames(str(tmp_path / 'clip')) == ['00001.jpg', '9.jpg', '10.jpg', 'frame2.png']


def test_videos_in_place_of_frame_folders(tmp_path):
    root = write_dfew(tmp_path / 'DFEW', folds=(1, ))
    folder = root / 'Clip' / 'video'
    folder.mkdir()
    for number in range(1, 22):
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (40, 40))
        for frame in range(20):
            writer.write(np.full((40, 40, 3), 10 * frame, np.uint8))
        writer.release()
    dataset = build(root, data_prefix=dict(clip='Clip/video'))
    item = dataset[0]
    means = item['inputs'][0].float().mean(dim=(0, 2, 3))
    assert item['inputs'].shape == (1, 3, 16, 32, 32)
    assert (means.diff() > 2).all()                                    # the video brightens frame by frame


# Segment sampling


@pytest.mark.parametrize('frames', [16, 17, 40, 77, 847])
def test_test_sampling_takes_segment_centres(frames):
    results = SampleSegments(16, test_mode=True)(dict(total_frames=frames, start_index=0))
    segment = frames / 16
    expected = [int(segment * index + segment / 2) for index in range(16)]
    assert results['frame_inds'].tolist() == expected
    assert (results['clip_len'], results['num_clips']) == (16, 1)


@pytest.mark.parametrize('frames', [16, 33, 100])
def test_training_sampling_takes_one_frame_of_each_segment(frames):
    seen = set()
    for seed in range(200):
        np.random.seed(seed)
        indices = SampleSegments(16)(dict(total_frames=frames, start_index=5))['frame_inds'] - 5
        step = frames // 16
        assert (indices // step == np.arange(16)).all()
        seen.update(indices.tolist())
    assert seen == set(range(16 * (frames // 16)))


@pytest.mark.parametrize('test_mode', [True, False])
@pytest.mark.parametrize('frames', [1, 7, 15])
def test_short_clips_are_padded_with_their_last_frame(frames, test_mode):
    indices = SampleSegments(16, test_mode)(dict(total_frames=frames, start_index=0))['frame_inds'].tolist()
    assert indices == list(range(frames)) + [frames - 1] * (16 - frames)


def test_a_range_of_a_clip_can_be_sampled_alone(tmp_path):
    write_clip(tmp_path / 'clip', 40)
    results = ClipInit()(dict(clip=str(tmp_path / 'clip'), frame_range=(20, 24)))
    results = ClipDecode()(SampleSegments(4, test_mode=True)(dict(results, modality='RGB')))
    assert results['frame_inds'].tolist() == [20, 21, 22, 23]
    reds = [image[..., 0].mean() for image in results['imgs']]
    np.testing.assert_allclose(reds, [120, 126, 132, 138], atol=4)      # RGB, and the right frames


def test_augmentation_is_the_same_over_a_clip(tmp_path):
    write_clip(tmp_path / 'clip', 1)
    for index in range(2, 19):
        shutil.copy(tmp_path / 'clip' / '00001.jpg', tmp_path / 'clip' / f'{index:05d}.jpg')
    pipeline = Compose(PIPELINE[:-1] + [dict(type='PackActionInputs', meta_keys=())])
    for seed in range(5):
        np.random.seed(seed)
        clip = pipeline(dict(clip=str(tmp_path / 'clip'), modality='RGB', label=0))['inputs'][0]
        assert (clip == clip[:, :1]).all()


# Determinism


def test_draws_depend_on_seed_epoch_and_index_alone(dfew):
    dataset, again = build(dfew), build(dfew)
    for one in (dataset, again):
        one.set_epoch(seed=1, epoch=3)
    first = dataset[4]['inputs']
    np.random.seed(99)
    again[7]
    assert torch.equal(again[4]['inputs'], first)
    assert not torch.equal(again[4]['inputs'], first)             # repeated within the epoch: another draw
    again.set_epoch(seed=1, epoch=4)
    assert not torch.equal(again[4]['inputs'], first)
    again.set_epoch(seed=2, epoch=3)
    assert not torch.equal(again[4]['inputs'], first)


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_workers_do_not_change_the_draws_and_see_a_new_epoch(dfew, workers):
    dataset = build(dfew)
    loader = torch.utils.data.DataLoader(dataset, batch_size=5, num_workers=workers, collate_fn=list,
                                         persistent_workers=workers > 0)
    epochs = []
    for epoch in (0, 1):
        dataset.set_epoch(7, epoch)
        epochs.append(torch.cat([item['inputs'] for batch in loader for item in batch]))
    reference = build(dfew)
    for epoch, found in enumerate(epochs):
        reference.set_epoch(7, epoch)
        assert torch.equal(found, torch.cat([reference[index]['inputs'] for index in range(len(reference))]))
    assert not torch.equal(*epochs)


def test_seeded_leaves_the_global_generators_alone():
    np.random.seed(0)
    torch.manual_seed(0)
    expected = np.random.rand(), torch.rand(1)
    np.random.seed(0)
    torch.manual_seed(0)
    with seeded(1, 2, 3):
        np.random.rand(), torch.rand(1)
    assert (np.random.rand(), torch.rand(1)) == expected


# Bad input


@pytest.fixture
def copy(tmp_path):
    return write_dfew(tmp_path / 'DFEW', train=8, test=7, folds=(1, ))


LABELS = [f'{number},{(number - 1) % 7 + 1}' for number in range(1, 9)]


@pytest.mark.parametrize('lines, message', [
    (['video_name,feeling', *LABELS], "set_1.csv:1: has no column 'label'.*'video_name,feeling'"),
    (['video_name,label', '1,happy'], "set_1.csv:2: label='happy' is no number"),
    (['video_name,label', '1,'], 'set_1.csv:2: a value is missing'),
    (['video_name,label', *LABELS, '1,8'], 'labels run from 1 to 8; expected 1 to 7'),
    (['video_name,label', *LABELS, '1,-1'], 'labels run from -1 to 7; expected 1 to 7'),
    (['video_name,label', *LABELS, '1,0'], 'from 0 to 7, one class too many'),
    (['video_name,label', '1,0', '2,6'], 'labels start at 0, the official lists at 1; set label_base=0'),
    (['video_name,label', '1,1', '2,6'], 'fit both a 1-based and a 0-based list; set label_base'),
    (['video_name,label'], 'lists no clip'),
])
def test_lists_that_cannot_be_told_are_refused(copy, lines, message):
    set_list(copy, lines)
    with pytest.raises(DatasetError, match=message):
        build(copy)


def test_label_base_settles_a_list(copy):
    set_list(copy, ['video_name,label', '1,0', '2,6'])
    assert [build(copy, label_base=0).get_data_info(index)['label'] for index in (0, 1)] == [0, 6]
    set_list(copy, ['video_name,label', '1,1', '2,6'])
    assert [build(copy, label_base=1).get_data_info(index)['label'] for index in (0, 1)] == [0, 5]
    with pytest.raises(DatasetError, match='from 1 to 6; expected 2'):
        build(copy, label_base=2)


@pytest.mark.parametrize('kwargs, message', [
    (dict(fold=0), 'fold=0 does not exist.*1 to 5'), (dict(fold=6), 'fold=6 does not exist'),
    (dict(split='val'), "split='val'"), (dict(data_root='/no/such'), "data_root='/no/such': no such folder"),
    (dict(fold=3), r'set_3.csv: no such list'), (dict(data_prefix=dict(clip='Clip/other')), 'no such clip folder'),
])
def test_missing_parts_are_named(dfew, kwargs, message):
    with pytest.raises(DatasetError, match=message):
        build(dfew, **kwargs)


def test_a_missing_clip_is_refused_unless_training_may_skip_it(copy):
    shutil.rmtree(copy / 'Clip' / 'clip_224x224' / '00003')
    with pytest.raises(DatasetError, match=r'1 of 8 listed clips have no folder.*\(such as 3\).*--skip-bad-clips'):
        build(copy)
    assert len(build(copy, skip_bad_clips=True)) == 7
    shutil.rmtree(copy / 'Clip' / 'clip_224x224' / '00009')
    with pytest.raises(DatasetError, match='1 of 7 listed clips'):
        build(copy, split='test', test_mode=True, skip_bad_clips=True)


def spoil(copy, how, number=3):
    folder = copy / 'Clip' / 'clip_224x224' / f'{number:05d}'
    for frame in folder.iterdir():
        data = frame.read_bytes()
        if how == 'no frames':
            frame.unlink()
        elif how == 'cut short':
            frame.write_bytes(data[:len(data) // 2])
        elif how == 'garbage':
            frame.write_bytes(b'not an image')
        elif how == 'empty':
            frame.write_bytes(b'')


@pytest.mark.parametrize('how, message', [
    ('no frames', '00003: holds no frame'), ('cut short', 'jpg: the image is cut short'),
    ('garbage', 'jpg: does not decode'), ('empty', 'jpg: is empty'),
])
def test_unreadable_clips(copy, tmp_path, how, message):
    spoil(copy, how)
    with pytest.raises(BadClipError, match=message):
        build(copy)[2]
    dataset = build(copy, skip_bad_clips=True)
    dataset.bad_clips_file = str(tmp_path / 'bad.tsv')
    dataset.set_epoch(0, 0)
    assert dataset[2]['data_samples'].video_id != '3'
    assert (tmp_path / 'bad.tsv').read_text().startswith('3\t')
    spoil(copy, how, 9)
    with pytest.raises(BadClipError, match=message.replace('00003', '00009')):
        build(copy, split='test', test_mode=True, skip_bad_clips=True)[0]


def test_a_cut_png_is_noticed(tmp_path):
    write_clip(tmp_path / 'clip', 1, suffix='.png')
    path = tmp_path / 'clip' / '00001.png'
    assert read_frame(str(path)).shape == (40, 40, 3)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadClipError, match='00001.png: the image is cut short'):
        read_frame(str(path))


@pytest.mark.parametrize('content', [b'', b'no video at all', None])
def test_a_video_that_does_not_decode_is_named(tmp_path, content):
    path = tmp_path / 'clip.mp4'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadClipError, match='clip.mp4: (the video does not decode|no such)'):
        ClipInit()(dict(clip=str(path)))


@pytest.mark.parametrize('name, key', [('00012', '12'), ('12', '12'), ('12.mp4', '12'), ('000.avi', '0'),
                                       ('Happy_1', 'Happy_1'), ('a.b', 'a.b')])
def test_clip_keys(name, key):
    assert clip_key(name) == key


def test_class_is_registered_for_mmaction():
    assert DATASETS.get('DFEWDataset') is DFEWDataset
