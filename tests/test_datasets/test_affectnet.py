"""AffectNet's two official layouts, what is left out, and the crop to the listed face."""
import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import DATASETS

from mmdfer.datasets import DatasetError

HEADER = 'subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal'
# Expressions by the release's numbers: each once, then what is no expression.
ROWS = [(f'{number % 3}/face{number}.jpg', number) for number in range(11)]


def write_picture(path, seed=0, size=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(picture, (size, size)))


def line(name, number):
    return f'{name},10,8,40,44,1.5;2.5;3.5,{number},0.1,-0.2'


def write_lists(root, rows=ROWS, header=HEADER, list_folder='', image_folder='Manually_Annotated_Images'):
    for index, (name, number) in enumerate(ROWS):
        if number < 8:      # images of the others need not be there
            write_picture(root / image_folder / name, index)
    (root / list_folder).mkdir(parents=True, exist_ok=True)
    for name in ('training.csv', 'validation.csv'):
        lines = ([header] if header else []) + [row if isinstance(row, str) else line(*row) for row in rows]
        (root / list_folder / name).write_bytes(('\r\n'.join(lines) + '\r\n').encode())
    return root


def write_folders(root, numbers=range(9), as_text=True):
    for name in ('train_set', 'val_set'):
        (root / name / 'annotations').mkdir(parents=True)
        for index, number in enumerate(numbers):
            write_picture(root / name / 'images' / f'{index + 5}.jpg', index)
            np.save(root / name / 'annotations' / f'{index + 5}_exp.npy', np.array(str(number) if as_text else number))
            np.save(root / name / 'annotations' / f'{index + 5}_val.npy', np.array('0.5'))
    return root


def build(root, kind='AffectNetDataset', **kwargs):
    return DATASETS.build(dict(type=kind, data_root=str(root), pipeline=[], **kwargs))


def labels(dataset):
    return [dataset.get_data_info(index)['gt_label'] for index in range(len(dataset))]


def test_official_order():
    assert DATASETS.get('AffectNetDataset').METAINFO['classes'] == (
        'neutral', 'happy', 'sad', 'surprise', 'fear', 'disgust', 'anger', 'contempt')
    assert DATASETS.get('AffectNet7Dataset').METAINFO['classes'] == (
        'neutral', 'happy', 'sad', 'surprise', 'fear', 'disgust', 'anger')


@pytest.mark.parametrize('list_folder, image_folder', [
    ('', 'Manually_Annotated_Images'),
    ('Manually_Annotated_file_lists', 'Manually_Annotated/Manually_Annotated_Images'),
])
@pytest.mark.parametrize('header', [HEADER, None])
def test_lists(tmp_path, list_folder, image_folder, header):
    root = write_lists(tmp_path, header=header, list_folder=list_folder, image_folder=image_folder)
    for split in ('train', 'val'):
        dataset = build(root, split=split)
        assert labels(dataset) == list(range(8))
        item = dataset[5]
        assert item['img_path'] == str(root / image_folder / '2' / 'face5.jpg') and item['face_box'] == [10, 8, 40, 44]


@pytest.mark.parametrize('as_text', [True, False])
def test_folders(tmp_path, as_text):
    dataset = build(write_folders(tmp_path, as_text=as_text), split='val')
    assert labels(dataset) == list(range(8))
    assert [dataset[index]['img_path'] for index in (0, 5)] == [
        str(tmp_path / 'val_set' / 'images' / '5.jpg'), str(tmp_path / 'val_set' / 'images' / '10.jpg')]
    assert 'face_box' not in dataset[0]


@pytest.mark.parametrize('kind, kept, told', [
    ('AffectNetDataset', 8, '8 images of 8 classes; 3 left out (1 None, 1 Uncertain, 1 No-Face)'),
    ('AffectNet7Dataset', 7, '7 images of 7 classes; 4 left out (1 Contempt, 1 None, 1 Uncertain, 1 No-Face)'),
])
def test_what_is_left_out_is_counted(tmp_path, monkeypatch, kind, kept, told):
    logged = []
    monkeypatch.setattr('mmdfer.datasets.affectnet.print_log', lambda message, **_: logged.append(message))
    assert labels(build(write_lists(tmp_path), kind)) == list(range(kept))
    assert len(logged) == 1 and logged[0].endswith(told)


def test_lists_win_over_folders(tmp_path):
    write_folders(write_lists(tmp_path), numbers=[3])
    assert len(build(tmp_path)) == 8


@pytest.mark.parametrize('rows, header, message', [
    ([('0/face0.jpg', 11)], HEADER, r"training.csv:2: expression='11' is not known; expected 0 to 10"),
    ([('0/face0.jpg', -1)], HEADER, r"training.csv:2: expression='-1' is not known"),
    (['0/face0.jpg,10,8,40,44,1;2,happy,0,0'], HEADER, r"expression='happy' is not known"),
    (['0/face0.jpg,10,8,,44,1;2,1,0,0'], HEADER, r"training.csv:2: the face box '10,8,,44' cannot be read"),
    (['0/face0.jpg,10,8'], HEADER, 'training.csv:2: has 3 values; expected 9'),
    (ROWS, HEADER.replace('expression', 'emotion'), "has no column 'expression'.*expected the header 'subDirectory"),
    ([('0/none.jpg', 1), ('9/face1.jpg', 1)], HEADER, r'2 listed images are missing \(such as 0/none.jpg, 9/face1.jpg'),
    ([('0/face0.jpg', 9)], HEADER, 'lists no image of the 8 classes'),
])
def test_bad_lists(tmp_path, rows, header, message):
    with pytest.raises(DatasetError, match=message):
        build(write_lists(tmp_path, rows, header))


def test_bad_folders(tmp_path):
    with pytest.raises(DatasetError, match='no such folder.*--data-root'):
        build(tmp_path / 'none')
    with pytest.raises(DatasetError, match='holds neither training.csv nor the folder train_set'):
        build(tmp_path)
    with pytest.raises(DatasetError, match="split='test' does not exist: choose 'train' or 'val'"):
        build(tmp_path, split='test')
    (tmp_path / 'training.csv').write_text(HEADER + '\n')
    with pytest.raises(DatasetError, match='Manually_Annotated_Images: no such folder, although training.csv is there'):
        build(tmp_path)
    (tmp_path / 'training.csv').unlink()
    write_folders(tmp_path, numbers=[1, 2])
    (tmp_path / 'train_set' / 'images' / '6.jpg').unlink()
    with pytest.raises(DatasetError, match=r'1 listed images are missing \(such as 6.jpg\)'):
        build(tmp_path)
    (tmp_path / 'val_set' / 'annotations' / '5_exp.npy').write_bytes(b'nothing')
    with pytest.raises(DatasetError, match='5_exp.npy: cannot be read as an array'):
        build(tmp_path, split='val')
    np.save(tmp_path / 'val_set' / 'annotations' / '5_exp.npy', np.array([1, 2]))
    with pytest.raises(DatasetError, match=r"5_exp.npy: expression='\[1, 2\]' is not known"):
        build(tmp_path, split='val')


@pytest.mark.parametrize('box, margin, expected', [
    ((2, 3, 4, 6), 0., (slice(3, 9), slice(1, 7))),             # a square of the longer side, about the centre
    ((2, 3, 6, 6), 1., (slice(0, 12), slice(0, 11))),           # cut at the picture's edges
    ((100, 100, 5, 5), 0., (slice(None), slice(None))),         # outside: the whole picture
    (None, 0., (slice(None), slice(None))),
])
def test_crop(box, margin, expected):
    img = np.arange(20 * 16 * 3, dtype=np.uint16).reshape(20, 16, 3)
    results = Compose([dict(type='CropFaceBox', margin=margin)])(
        dict(img=img, img_shape=(20, 16), **({} if box is None else dict(face_box=box))))
    np.testing.assert_array_equal(results['img'], img[expected])
    assert results['img_shape'] == results['img'].shape[:2]


def test_balancing_repeats_rare_classes_with_draws_of_their_own(tmp_path):
    rows = [('0/face0.jpg', 0)] * 15 + [('1/face1.jpg', 1)]
    pipeline = [dict(type='mmpretrain.LoadImageFromFile'), dict(type='CropFaceBox'),
                dict(type='mmpretrain.RandomResizedCrop', scale=16)]
    inner = dict(type='AffectNetDataset', data_root=str(write_lists(tmp_path, rows)), pipeline=pipeline)
    # sqrt(0.5 / (1 / 16)) = 2.8, rounded up
    balanced = DATASETS.build(dict(type='ClassBalancedDataset', oversample_thr=0.5, dataset=inner))
    assert len(balanced) == 15 + 3
    assert len(DATASETS.build(dict(type='ClassBalancedDataset', oversample_thr=0., dataset=inner))) == 16

    def draw(seed, epoch):
        balanced.dataset.set_epoch(seed, epoch)
        return [balanced[index]['img'] for index in (15, 16, 17)]

    first, other_epoch, other_seed = draw(1, 0), draw(1, 1), draw(2, 0)
    np.random.seed(0)
    again = draw(1, 0)
    assert all(np.array_equal(one, two) for one, two in zip(first, again))
    for one, two in ((first[0], first[1]), (first[1], first[2]), (first[0], other_epoch[0]), (first[0], other_seed[0])):
        assert not np.array_equal(one, two)
