"""Class folders of a synthetic set hold all clips of their classes and nothing else."""
import json

import pytest

from mmdfer.datasets import VideoFolderDataset
from mmdfer.synthetic import Options, make_dataset, write_class_folders


def test_folders_are_the_clips_of_their_classes(tmp_path):
    root = tmp_path / 'demo'
    make_dataset(root, Options(subjects=5, clips=35, static=0, size=16))
    write_class_folders(root, ['fear'])
    count = write_class_folders(root, ['sad', 'happy'])
    notes = [note for note in map(json.loads, (root / 'clips.jsonl').open()) if note['stream'] == 'clip']
    expected = sorted(f'{note["name"]}/{note["id"]:05d}' for note in notes if note['name'] in ('sad', 'happy'))
    data = VideoFolderDataset([dict(type='ClipInit')], data_root=str(root / 'by_class'), split='test')
    assert sorted(data.get_data_info(index)['video_id']
                  for index in range(len(data))) == expected and count == len(expected)
    assert data.metainfo['classes'] == ('happy', 'sad')
    assert data[0]['total_frames'] == next(note['n_frames']
                                           for note in notes
                                           if f'{note["name"]}/{note["id"]:05d}' == expected[0])


def test_unknown_classes_are_named(tmp_path):
    with pytest.raises(ValueError, match='joy: choose from happy'):
        write_class_folders(tmp_path, ['joy'])
