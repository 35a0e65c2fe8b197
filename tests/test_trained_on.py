"""What a file says of the clips it was trained on: counted exactly, the same for every list and copy of a set."""
import json

import numpy as np
import pytest

from mmdfer.datasets import DFEWDataset, MAFWCompoundDataset, MAFWDataset, VideoFolderDataset
from mmdfer.datasets.sample_ids import part_name, sample_ids, trained_on
from mmdfer.trained_on import TrainedOn

from .official_layouts import write_dfew_copy, write_folder_copy, write_list, write_mafw_copy


@pytest.mark.parametrize('seed', range(2))
def test_shared_clips_are_counted_as_sets_count_them(seed):
    rng = np.random.default_rng(seed)
    ours, theirs = ([f'dfew/{number}' for number in rng.choice(16000, size, replace=False)] for size in (9356, 2341))
    assert TrainedOn.of(ours, 'ours').among(theirs) == [name for name in theirs if name in set(ours)]


def test_what_is_written_is_read_again():
    one = TrainedOn.of([f'ferv39k/Action/Happy/{number}' for number in range(31088)], 'ferv39k, train')
    text = json.dumps(dict(trained_on=one.to_meta()))
    found = TrainedOn.from_meta(json.loads(text), 'file')
    assert np.array_equal(found.digests, one.digests) and len(found) == 31088 and found.is_whole
    assert found.parts == ('ferv39k, train: 31088 clips', ) and len(text) < 340_000


def test_trainings_add_up_and_what_is_unknown_stays_so():
    one, two = TrainedOn.of(['dfew/1', 'dfew/2'], 'fold 1'), TrainedOn.of(['dfew/2', 'dfew/3'], 'fold 2')
    both = one | two | one
    assert len(both) == 3 and str(both) == 'fold 1: 2 clips; fold 2: 2 clips' and both.is_whole
    partly = TrainedOn.from_meta({}, 'file') | two
    assert not partly.is_whole and str(partly) == 'partly unknown; fold 2: 2 clips' and len(partly) == 2
    assert str(TrainedOn.unknown()) == 'unknown' and str(TrainedOn.nothing()) == 'no clips'
    assert not TrainedOn.from_meta(dict(trained_on=partly.to_meta()), 'file').is_whole


GOOD = TrainedOn.of(['dfew/1', 'dfew/2'], 'fold 1').to_meta()


@pytest.mark.parametrize('found', [
    [], 'all', 3, {}, dict(GOOD, digests='*'), dict(GOOD, digests='AAAA'), dict(GOOD, digests=None),
    dict(GOOD, clips=3), dict(GOOD, format=2), dict(GOOD, parts=None), dict(GOOD, is_whole='yes'),
    dict(GOOD, digests=GOOD['digests'] + 'ü')], ids=repr)
def test_what_cannot_be_read_is_refused(found):
    with pytest.raises(ValueError, match='best.pth: what it says of the clips it was trained on .* cannot be read'):
        TrainedOn.from_meta(dict(trained_on=found), 'best.pth')


@pytest.fixture(scope='module')
def copies(tmp_path_factory):
    root = tmp_path_factory.mktemp('copies')
    write_dfew_copy(root / 'dfew', tests=(7, 7, 7, 7, 7), classes=None, first_test=None, frames=1)
    write_mafw_copy(root / 'mafw', tests=(11, 11, 11, 11, 11), compound=86, frames=1)
    write_folder_copy(root / 'folder', 2, frames=1)
    return root


def build(kind, root, **options):
    return kind(pipeline=[], data_root=str(root), **options)


def test_folds_lists_and_names_of_one_set_agree(copies, tmp_path):
    train, test = (build(DFEWDataset, copies / 'dfew', fold=1, split=split) for split in ('train', 'test'))
    other = build(DFEWDataset, copies / 'dfew', fold=2, split='test')
    seen = trained_on(train)
    assert seen.among(sample_ids(test)) == [] and seen.among(sample_ids(other)) == sample_ids(other)
    write_list(tmp_path / 'mine.csv', [f'D:\\x\\{int(name.split("/")[1]):07d}.mp4,{place % 7 + 1}'
                                       for place, name in enumerate(sample_ids(test))])
    mine = build(DFEWDataset, copies / 'dfew', ann_file=str(tmp_path / 'mine.csv'), label_base=1)
    assert sample_ids(mine) == sample_ids(test)
    assert [part_name(one) for one in (train, other, mine)] == [
        'dfew, fold 1, train', 'dfew, fold 2, test', 'dfew, fold 1, train, mine.csv']


def test_equal_numbers_of_two_sets_are_two_clips_and_two_labels_of_one_clip_are_one(copies):
    dfew, mafw = build(DFEWDataset, copies / 'dfew'), build(MAFWDataset, copies / 'mafw', split='test')
    assert trained_on(dfew).among(sample_ids(mafw)) == []
    compound = build(MAFWCompoundDataset, copies / 'mafw')
    single = {name for split in ('train', 'test')
              for name in sample_ids(build(MAFWDataset, copies / 'mafw', split=split))}
    assert set(trained_on(compound).among(sorted(single))) == single & set(sample_ids(compound)) != set()


def test_class_folders_name_their_clips_by_split_and_class(copies):
    train, val = (build(VideoFolderDataset, copies / 'folder', split=split) for split in ('train', 'val'))
    assert sample_ids(train)[0] == 'folder/train/Angry/0' and trained_on(train).among(sample_ids(val)) == []


def test_wrappers_parts_and_several_sets_add_up(copies):
    from mmengine.dataset import ConcatDataset, RepeatDataset
    whole = build(DFEWDataset, copies / 'dfew', metainfo={})
    parts = [build(DFEWDataset, copies / 'dfew', inner=part, inner_share=0.3) for part in ('train', 'val')]
    assert trained_on(parts[0]).among(sample_ids(parts[1])) == []
    assert sorted(sum(map(sample_ids, parts), [])) == sorted(sample_ids(whole))
    assert str(trained_on(parts[0])).startswith('dfew, fold 1, train, without its validation part: ')
    test = build(DFEWDataset, copies / 'dfew', split='test')
    joined, repeated = ConcatDataset([whole, test, test]), RepeatDataset(whole, 3)
    assert sample_ids(repeated) == sample_ids(whole)
    assert len(trained_on(joined)) == 35 and trained_on(joined).parts == (
        'dfew, fold 1, train: 28 clips', 'dfew, fold 1, test: 7 clips')
    first = build(DFEWDataset, copies / 'dfew', indices=5)
    assert sample_ids(first) == sample_ids(whole)[:5]


def test_a_set_of_another_class_is_known_by_its_files_or_not_at_all(tmp_path):
    from mmengine.dataset import BaseDataset
    for key, ids in (('img_path', [f'file{tmp_path}/a.jpg']), ('pixels', None)):
        dataset = BaseDataset(lazy_init=True)
        dataset.data_list, dataset.serialize_data = [{key: f'{tmp_path}/x/../a.jpg'}], False
        dataset._fully_initialized = True
        assert sample_ids(dataset) == ids
        assert trained_on(dataset).is_whole == (ids is not None)


def test_words_of_a_file_stay_on_one_line():
    meta = dict(GOOD, parts=['a\nb\x1b[31m' + 'c' * 1000] * 1000)
    found = TrainedOn.from_meta(dict(trained_on=meta), 'file')
    assert '\n' not in str(found) and '\x1b' not in str(found) and len(str(found)) < 11_000
