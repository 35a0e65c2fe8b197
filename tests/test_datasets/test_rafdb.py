"""RAF-DB's layout and labels."""
import pytest
from mmengine.registry import DATASETS

from mmdfer.datasets import DatasetError

from ..conftest import write_clip

LINES = ['train_00001.jpg 5', 'train_00002.jpg 4', 'test_0001.jpg 7']


def write_rafdb(root, lines=LINES):
    write_clip(root / 'Image' / 'aligned', 1)
    data = (root / 'Image' / 'aligned' / '00001.jpg').read_bytes()
    for line in LINES:
        (root / 'Image' / 'aligned' / line.split()[0].replace('.jpg', '_aligned.jpg')).write_bytes(data)
    (root / 'EmoLabel').mkdir()
    (root / 'EmoLabel' / 'list_patition_label.txt').write_text('\n'.join(lines) + '\n')
    return root


def build(root, **kwargs):
    return DATASETS.build(dict(type='RAFDBDataset', data_root=str(root), pipeline=[], **kwargs))


def test_splits_and_labels(tmp_path):
    root = write_rafdb(tmp_path / 'RAF')
    train, test = build(root), build(root, split='test')
    assert [train[index]['gt_label'] for index in range(2)] == [4, 3] and len(test) == 1
    classes = train.metainfo['classes']
    assert classes == ('surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral')
    assert [classes[train[0]['gt_label']], classes[test[0]['gt_label']]] == ['sadness', 'neutral']


@pytest.mark.parametrize('lines, message', [
    (['train_00001.jpg 8'], "label.txt:1: 'train_00001.jpg 8' cannot be read; .* 1 to 7"),
    (['train_00001.jpg'], 'cannot be read'),
    (['train_00009.jpg 1'], r'1 listed images are missing \(such as train_00009_aligned.jpg'),
    ([''], "lists no image of the split 'train'"),
])
def test_bad_lists(tmp_path, lines, message):
    with pytest.raises(DatasetError, match=message):
        build(write_rafdb(tmp_path / 'RAF', lines))


def test_missing_folders(tmp_path):
    with pytest.raises(DatasetError, match='no such folder'):
        build(tmp_path / 'none')
    with pytest.raises(DatasetError, match='no such list'):
        build(tmp_path)
