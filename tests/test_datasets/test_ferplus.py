"""FERPlus: votes to labels as the release does, pixels as written, and two files that must agree."""
import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate
from mmengine.registry import DATASETS

from mmdfer.datasets import DatasetError
from mmdfer.datasets.ferplus import distributions, majority_labels

VOTES_HEADER = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF'
# Votes, and the label by majority worked out by hand from the release's description; None is left out.
CASES = [
    ((10, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0),
    ((0, 0, 0, 0, 0, 0, 0, 10, 0, 0), 7),
    ((5, 1, 1, 1, 1, 1, 0, 0, 0, 0), 0),        # single votes do not count: 5 of 5
    ((4, 0, 0, 3, 1, 1, 1, 0, 0, 0), 0),        # 4 of 7
    ((5, 5, 0, 0, 0, 0, 0, 0, 0, 0), None),     # a tie
    ((4, 2, 2, 2, 0, 0, 0, 0, 0, 0), None),     # the most, but not more than half
    ((2, 0, 0, 0, 0, 0, 0, 0, 8, 0), None),     # unknown
    ((0, 0, 0, 0, 0, 0, 0, 0, 0, 10), None),    # no face
    ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1), None),     # nobody agrees
]
USAGES = ('Training', 'PublicTest', 'PrivateTest')


def pixels(seed):
    return np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)


def write_ferplus(root, rows=None, usages=None, text=None):
    """Both files, each case once a usage, the usages going round."""
    rows = [votes for votes, _ in CASES for _ in USAGES] if rows is None else rows
    usages = usages or [USAGES[index % 3] for index in range(len(rows))]
    faces, votes = ['emotion,pixels,Usage'], [VOTES_HEADER]
    for index, (row, usage) in enumerate(zip(rows, usages)):
        grey = text if text is not None else ' '.join(map(str, pixels(index).reshape(-1)))
        faces.append(f'3,{grey},{usage}')
        name = '' if row[9] > 5 else f'fer{index:07d}.png'      # the release names no file for what is no face
        votes.append(f'{usage},{name},{",".join(map(str, row))}')
    root.mkdir(exist_ok=True)
    (root / 'fer2013.csv').write_text('\n'.join(faces) + '\n')
    (root / 'fer2013new.csv').write_bytes(('\r\n'.join(votes) + '\r\n').encode())
    return root


def build(root, pipeline=(), **kwargs):
    return DATASETS.build(dict(type='FERPlusDataset', data_root=str(root), pipeline=list(pipeline), **kwargs))


def test_majority():
    votes = np.array([votes for votes, _ in CASES])
    assert majority_labels(votes).tolist() == [-1 if label is None else label for _, label in CASES]


def test_distribution():
    labels, shares = distributions(np.array([(5, 4, 1, 0, 0, 0, 0, 0, 0, 0), (2, 0, 2, 0, 0, 0, 0, 0, 3, 0),
                                             (3, 0, 2, 0, 0, 0, 0, 0, 3, 2), (0, 0, 0, 0, 0, 0, 0, 0, 4, 6)]))
    assert labels.tolist() == [0, 0, -1, -1]
    np.testing.assert_allclose(shares[:2], [[.5, .4, .1, 0, 0, 0, 0, 0], [.5, 0, .5, 0, 0, 0, 0, 0]])


@pytest.mark.parametrize('split, place', [('train', 0), ('val', 1), ('test', 2)])
def test_items(tmp_path, split, place):
    dataset = build(write_ferplus(tmp_path), split=split)
    kept = [index for index, (_, label) in enumerate(CASES) if label is not None]
    assert [dataset[index]['gt_label'] for index in range(len(dataset))] == [CASES[index][1] for index in kept]
    for item, index in zip(dataset, kept):
        assert item['img'].dtype == np.uint8
        np.testing.assert_array_equal(item['img'], np.stack([pixels(3 * index + place)] * 3, axis=2))
    assert dataset.metainfo['classes'] == (
        'neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt')


@pytest.mark.parametrize('target, told', [
    ('majority', '4 of 9 faces of train; 5 left out without a majority for one expression (2 of them mostly unknown '
                 'or no face)'),
    ('distribution', '7 of 9 faces of train; 2 left out as mostly unknown or no face'),
])
def test_what_is_left_out_is_counted(tmp_path, monkeypatch, target, told):
    logged = []
    monkeypatch.setattr('mmdfer.datasets.ferplus.print_log', lambda message, **_: logged.append(message))
    build(write_ferplus(tmp_path), target=target)
    assert len(logged) == 1 and logged[0].endswith(told)


@pytest.mark.parametrize('loss', ['mmpretrain.LabelSmoothLoss', 'mmpretrain.CrossEntropyLoss'])
def test_soft_labels_reach_mmpretrains_loss(tmp_path, loss):
    from mmpretrain.registry import MODELS
    pipeline = [dict(type='mmpretrain.Resize', scale=(32, 32)), dict(type='mmpretrain.PackInputs')]
    dataset = build(write_ferplus(tmp_path, [(5, 4, 1, 0, 0, 0, 0, 0, 0, 0), (0, 0, 2, 0, 6, 0, 0, 0, 2, 0)],
                                  usages=['Training'] * 2), pipeline, target='distribution')
    options = dict(label_smooth_val=0.2) if 'Smooth' in loss else dict(use_soft=True)
    model = MODELS.build(dict(
        type='mmpretrain.ImageClassifier',
        data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor', num_classes=8),
        backbone=dict(type='ImageViT', arch=dict(embed_dims=24, num_layers=1, num_heads=4, feedforward_channels=24),
                      img_size=32),
        head=dict(type='mmpretrain.LinearClsHead', num_classes=8, in_channels=24, loss=dict(type=loss, **options))))
    model.init_weights()
    batch = model.data_preprocessor(default_collate([dataset[0], dataset[1]]), training=True)
    targets = torch.tensor([[.5, .4, .1, 0, 0, 0, 0, 0], [0, 0, .25, 0, .75, 0, 0, 0]])
    if 'Smooth' in loss:
        targets = targets * 0.8 + 0.2 / 8
    expected = -(targets * model(batch['inputs']).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(model(**batch, mode='loss')['loss'], expected)


@pytest.mark.parametrize('mistake, message', [
    (lambda root: (root / 'fer2013.csv').unlink(), 'fer2013.csv: no such file; put fer2013.csv of FER2013'),
    (lambda root: (root / 'fer2013new.csv').unlink(), 'fer2013new.csv: no such file; put fer2013new.csv of FERPlus'),
    (lambda root: edit(root / 'fer2013new.csv', lambda lines: lines[:-1]), 'has 27 rows, .*fer2013new.csv has 26'),
    (lambda root: edit(root / 'fer2013.csv', lambda lines: lines[:-2]), 'has 25 rows, .*fer2013new.csv has 27'),
    (lambda root: edit(root / 'fer2013.csv', lambda lines: lines[:1] + lines[:0:-1]),
     "fer2013.csv:2: Usage is 'PrivateTest', but 'Training' in fer2013new.csv"),
    (lambda root: edit(root / 'fer2013new.csv', lambda lines: [lines[0].replace('NF', 'none'), *lines[1:]]),
     "fer2013new.csv: has no column 'NF'.*expected the header 'Usage,neutral"),
    (lambda root: edit(root / 'fer2013.csv', lambda lines: ['emotion,Usage', '0,Training']), "has no column 'pixels'"),
    (lambda root: edit(root / 'fer2013new.csv', lambda lines: [line.replace(',10,', ',ten,') for line in lines]),
     "fer2013new.csv:2: neutral='ten' is no number of votes"),
    (lambda root: edit(root / 'fer2013new.csv', lambda lines: [lines[0], 'Test' + lines[1], *lines[2:]]),
     "fer2013new.csv:2: Usage='TestTraining' is not known; expected Training, PublicTest, PrivateTest"),
    (lambda root: edit(root / 'fer2013new.csv', lambda lines: [lines[0], 'Training,x', *lines[2:]]), 'has 2 values'),
])
def test_bad_files(tmp_path, mistake, message):
    mistake(write_ferplus(tmp_path))
    with pytest.raises(DatasetError, match=message):
        build(tmp_path)


def edit(path, change):
    path.write_text('\n'.join(change(path.read_text().splitlines())) + '\n')


@pytest.mark.parametrize('text, message', [
    ('1 2 3', 'fer2013.csv:2: pixels holds 3 values; expected 2304'),
    (' '.join(['256'] + ['0'] * 2303), 'fer2013.csv:2: pixels holds something else than numbers from 0 to 255'),
    (' '.join(['grey'] * 2304), 'something else than numbers'),
])
def test_bad_pixels(tmp_path, text, message):
    with pytest.raises(DatasetError, match=message):
        build(write_ferplus(tmp_path, text=text))


def test_bad_arguments(tmp_path):
    with pytest.raises(DatasetError, match="target='soft' does not exist: choose 'majority' or 'distribution'"):
        build(tmp_path, target='soft')
    with pytest.raises(DatasetError, match="split='dev' does not exist: choose 'train' or 'val' or 'test'"):
        build(tmp_path, split='dev')
    with pytest.raises(DatasetError, match=r"no face of the split 'train' \(Training\) has a label"):
        build(write_ferplus(tmp_path, [(0, ) * 9 + (10, )]))
