"""A data set of one's own: one class in one module outside the package trains, is checked and packed, and gets its maps
and captions, by the same commands as the sets that are known here."""
import json
import sys
import textwrap

import numpy as np
import pytest

from mmdfer import labels
from mmdfer.apis.cli import run_command
from mmdfer.captions import read_captions
from mmdfer.datasets import Pack, class_names
from mmdfer.face.store import load_faces
from mmdfer.registry import DATASETS, FACE_FINDERS

from ..conftest import ROOT, write_clip

MODULE = '''
    import numpy as np
    from mmdfer.datasets import ListedDataset
    from mmdfer.datasets.declaration import fold_sizes
    from mmdfer.face import FaceFinder
    from mmdfer.registry import DATASETS, FACE_FINDERS


    @DATASETS.register_module()
    class ToyBoxDataset(ListedDataset):
        """Faces in a box."""
        METAINFO = dict(dataset='toybox', classes=('beaming', 'gloomy', 'calm'))
        TITLE = 'Toy Box'
        SPLITS = ('train', 'held_out')
        FOLDS = (1, 2)
        LISTS = 'lists/{split}_{fold}.csv'
        CAPTIONS = LISTS
        FOLDERS = ('pictures', 'films')
        ORDERS = dict(release=('gloomy', 'beaming', 'calm'))
        EMOTIONS = dict(beaming='happiness', gloomy='sadness', calm='neutral')
        TAKES_NAMES = False
        OFFICIAL_BASE = 1
        SIZES = fold_sizes((6, 6), (6, 6), splits=SPLITS)
        CLASS_SIZES = {('fold 1', 'train'): (2, 2, 2)}
        TOTAL = 12


    @FACE_FINDERS.register_module()
    class WholeFrame(FaceFinder):
        GIVES = ('landmarks', )

        def detect(self, frame):
            return np.array([[0., 0, frame.shape[1], frame.shape[0]]])

        def landmarks(self, frame, box):
            return np.linspace(box[:2], box[2:], 68)
'''
CONFIG = '''
    _base_ = ['{root}/configs/demo/fe_adapter.py']
    custom_imports = dict(imports=['mmdfer', 'toy_box'], allow_failed_imports=False)
    model = dict(
        backbone=dict(arch=dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48), init_cfg=None,
                      adapters=[dict(type='FEAdapter', slot='before_attn', blocks='all', width=8)]),
        cls_head=dict(in_channels=24, num_classes=3))
    set = dict(type='ToyBoxDataset', data_root='{data}', fold=2)
    train_dataloader = dict(batch_size=6, num_workers=0, persistent_workers=False, dataset=dict(set, split='train'))
    val_dataloader = dict(batch_size=6, num_workers=0, persistent_workers=False, dataset=dict(set, split='held_out'))
    test_dataloader = val_dataloader
    train_cfg = dict(max_epochs=1)
'''
RELEASE = ('gloomy', 'beaming', 'calm')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Twelve clips; lists with numbers in the release's order, from 1, and captions but for one clip."""
    root = tmp_path_factory.mktemp('toys')
    for number in range(12):
        write_clip(root / 'pictures' / f'clip{number:02d}', 10, 48, seed=number)
    (root / 'lists').mkdir()
    for fold in (1, 2):
        for split, numbers in (('train', range(6 * (fold - 1),
                                               6 * fold)), ('held_out', range(6 * (2 - fold), 6 * (3 - fold)))):
            lines = [
                f'clip{number:02d},{number % 3 + 1},' + (f'"The brows, number {number}, rise."' if number != 4 else '')
                for number in numbers
            ]
            (root / f'lists/{split}_{fold}.csv').write_text('\n'.join(['clip,label,caption', *lines]) + '\n')
    return root


@pytest.fixture
def config(unpainted, data, tmp_path, monkeypatch):
    """The config beside the module, in a folder of their own; nothing of them is left behind."""
    monkeypatch.setattr(labels, '_WORDS', dict(labels._WORDS))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('mmdfer.visualization.contact_sheet', lambda *args: None)        # takes seconds
    (tmp_path / 'toy_box.py').write_text(textwrap.dedent(MODULE))
    path = tmp_path / 'toy_config.py'
    path.write_text(textwrap.dedent(CONFIG).format(root=ROOT, data=data))
    yield str(path)
    sys.modules.pop('toy_box', None)
    DATASETS.module_dict.pop('ToyBoxDataset', None)
    FACE_FINDERS.module_dict.pop('WholeFrame', None)


def command(name, *words):
    """The exit status of a command."""
    try:
        run_command(name, [str(word) for word in words])
    except SystemExit as ended:
        return ended.code
    return 0


def test_one_class_is_all_that_a_set_needs(config, data, tmp_path, capsys):
    for number, word in enumerate((config, 'toy_box.ToyBoxDataset', 'toybox')):
        assert command('check', word, data, '--workers', 1, '--out', tmp_path / f'check{number}') == 0
        said = capsys.readouterr().out
        assert f'toybox in {data}' in said and '| toybox | fold 2 held_out | 6 | 6 | 2 2 2 |' in said
        assert 'labels 1 to 3 in the release order' in said and 'classes of toybox: beaming, gloomy, calm' in said
    assert class_names('toybox') == ('beaming', 'gloomy', 'calm')
    assert labels.class_colours(['gloomy']) == [labels.EMOTIONS['sadness'].colour]

    assert command('faces', config, data, '--finder', 'WholeFrame', '--what', 'landmarks', '--workers', 1) == 0
    faces = load_faces(data / 'pictures_faces/clip07.npz', what=('landmarks', ))
    np.testing.assert_allclose(faces.boxes, [(0, 0, 48, 48)] * 10)

    assert command('captions', config, data, '--source', 'lists') == 0
    found = read_captions(data / 'captions.jsonl')
    assert len(found) == 11 and found['clip07'].caption == 'The brows, number 7, rise.'
    assert found['clip07'].about == dict(source='toybox')
    assert command('refine', data / 'captions.jsonl', '--set', config, data) == 0
    assert json.loads((data / 'captions.refined.report.json').read_text())['without'] == ['clip04']

    assert command('pack', config, '--out', tmp_path / 'toys.pack') == 0
    assert len(Pack(str(tmp_path / 'toys.pack'))) == 12
    work = tmp_path / 'run'
    assert command('train', config, '--packed', tmp_path / 'toys.pack', '--work-dir', work, '--no-report') == 0
    result = json.loads((work / 'result.json').read_text())
    assert (result['dataset'], result['title']) == ('toybox', 'Toy Box') and 0 <= result['uar'] <= 1


def test_faults_of_an_own_set_are_found(config, data, tmp_path, capsys):
    path = data / 'lists/held_out_1.csv'
    kept = path.read_text()
    path.write_text('\n'.join(kept.splitlines()[:-1]) + '\n')
    try:
        assert command('check', config, data, '--workers', 1, '--out', tmp_path / 'check') == 1
    finally:
        path.write_text(kept)
    said = capsys.readouterr().out
    assert 'size: ' in said and 'lists 5 clips; published: 6' in said and 'in no test fold' in said


@pytest.mark.parametrize('word, message', [
    ('toybx', "'toybx' is no data set known here"),
    ('toy_box.ToyBoxDatase', "has no 'ToyBoxDatase': did you mean 'ToyBoxDataset'"),
    ('toy_box.WholeFrame', 'toy_box.WholeFrame: is no data set of clips; derive it from'),
    ('none.py', 'none.py: no such config'),
    ('toy_bok.ToyBox', "toy_bok.ToyBox: there is no module 'toy_bok' here"),
])
def test_words_that_name_no_set(config, data, word, message, capsys):
    assert command('check', word, data) == 2
    assert message in capsys.readouterr().err


def test_a_contradiction_is_told_by_the_command(config, data, tmp_path, capsys):
    path = tmp_path / 'toy_box.py'
    path.write_text(path.read_text().replace('TOTAL = 12', 'TOTAL = 13'))
    assert command('check', config, data) == 2
    assert "error: ToyBoxDataset.SIZES['fold 1']: adds up to 12 clips, but TOTAL is 13" in capsys.readouterr().err
