"""A data set says what it is once, and a declaration that contradicts itself is refused by class and attribute."""
import pytest

from mmdfer import labels
from mmdfer.datasets import (
    DatasetError,
    DemoDataset,
    DFERDataset,
    DFEWDataset,
    FERV39kDataset,
    ListedDataset,
    MAFWCompoundDataset,
    MAFWDataset,
    StaticFERDataset,
    class_names,
    declared_sets,
    find_set,
)
from mmdfer.datasets.declaration import fold_sizes
from mmdfer.registry import DATASETS
from mmdfer.run_config import load_config
from mmdfer.runs.published import comparable
from mmdfer.runs.samples import set_name, set_title

from ..conftest import ROOT

CLASSES = ('calm', 'happy', 'sad')


@pytest.fixture(autouse=True)
def own_words(monkeypatch):
    monkeypatch.setattr(labels, '_WORDS', dict(labels._WORDS))


def declare(base=ListedDataset, name='Toy', **attributes):
    return type(name, (base, ), dict(dict(METAINFO=dict(dataset='toy', classes=CLASSES)), **attributes))


# What the published sets say, as their papers have it


@pytest.mark.parametrize('kind, sizes', [
    (DFEWDataset, [(9356, 2341), (9356, 2341), (9357, 2340), (9358, 2339), (9361, 2336)]),
    (MAFWDataset, [(7333, 1839), (7335, 1837), (7339, 1833), (7340, 1832), (7341, 1831)]),
])
def test_sizes_of_folds(kind, sizes):
    assert [tuple(kind.SIZES[f'fold {fold}'][split] for split in ('train', 'test')) for fold in range(1, 6)] == sizes
    assert len(kind.SIZES) == 5 and kind.FOLDS == (1, 2, 3, 4, 5)


def test_other_published_sizes():
    assert FERV39kDataset.SIZES == {'all scenes': dict(train=31088, test=7847)}
    assert (DFEWDataset.TOTAL, FERV39kDataset.TOTAL, MAFWDataset.TOTAL, MAFWCompoundDataset.TOTAL) == (11697, 38935,
                                                                                                       9172, 8996)
    assert DFEWDataset.CLASS_SIZES == {('fold 1', 'train'): (1956, 1515, 2135, 1738, 1175, 116, 721),
                                       ('fold 1', 'test'): (489, 379, 534, 435, 294, 29, 181)}
    train = dict(zip(class_names('ferv39k'), FERV39kDataset.CLASS_SIZES['all scenes', 'train']))
    assert train == dict(angry=5906, disgust=1833, fear=1680, happy=5854, neutral=7790, sad=5523, surprise=2502)
    assert not MAFWCompoundDataset.SIZES and not DemoDataset.SIZES and DemoDataset.TOTAL is None


def test_every_set_is_found_by_its_short_name():
    sets = declared_sets()
    assert {'dfew', 'demo', 'ferv39k', 'mafw', 'mafw_compound', 'rafdb', 'affectnet', 'affectnet7', 'ferplus',
            'folder'} <= set(sets)
    assert find_set('dfew') is sets['dfew'] is DFEWDataset and find_set('demo').title() == 'demo (synthetic)'
    assert issubclass(find_set('rafdb'), StaticFERDataset)
    with pytest.raises(ValueError, match="'rafdb' is no data set known here"):
        find_set('rafdb', DFERDataset)
    with pytest.raises(ValueError,
                       match="'dfwe' is no data set known here: did you mean 'dfew'. choose one of afew, affect"):
        find_set('dfwe')
    with pytest.raises(ValueError, match="'folder' has no classes of its own"):
        class_names('folder')


def test_the_demos_figures_are_named_as_synthetic():
    cfg = load_config(ROOT / 'configs/demo/fe_adapter.py')
    assert set_name(cfg) == 'demo' and set_title(cfg) == 'demo (synthetic)'
    assert not comparable('demo', [None])                               # no paper's figures beside them


def test_a_set_of_ones_own_is_found_and_may_not_take_anothers_name():
    own = DATASETS.register_module(module=declare())
    try:
        assert find_set('toy') is own and class_names('toy') == CLASSES
        DATASETS.register_module(name='Twin', module=declare(name='Twin'))
        with pytest.raises(ValueError, match="Twin and .*Toy both declare the data set 'toy'"):
            declared_sets()
    finally:
        for name in ('Toy', 'Twin'):
            DATASETS.module_dict.pop(name, None)
    assert 'toy' not in declared_sets()


def test_a_set_that_says_little_has_defaults():
    kind = declare()
    assert kind.class_orders() == dict(canonical=CLASSES) and kind.title() == 'TOY'
    assert [(setup.name, setup.options) for setup in kind.setups()] == [('all clips', {})]
    assert [setup.name for setup in declare(FOLDS=(1, 2), LISTS='{split}_{fold}').setups()] == ['fold 1', 'fold 2']


def test_emotions_of_classes_that_are_no_words_for_any():
    assert labels.find_emotion('calm') is None
    declare(EMOTIONS=dict(calm='neutral'))
    assert labels.find_emotion('calm') is labels.EMOTIONS['neutral']


SIZES = fold_sizes((6, 3), (6, 3), (6, 3))


@pytest.mark.parametrize('attributes, message', [
    (dict(METAINFO=dict(classes=CLASSES)), "Toy.METAINFO: dataset=None is no short name"),
    (dict(METAINFO=dict(dataset='my set', classes=CLASSES)), "Toy.METAINFO: dataset='my set' is no short name"),
    (dict(METAINFO=dict(dataset='toy', classes='happy')), "Toy.METAINFO: classes='happy': expected names"),
    (dict(METAINFO=dict(dataset='toy', classes=('happy', ''))), 'Toy.METAINFO: classes=.*: expected names'),
    (dict(METAINFO=dict(dataset='toy', classes=('happy', 'sad', 'Happy'))),
     r"Toy.METAINFO\['classes'\]: 'happy' stands in it "
     'twice'),
    (dict(METAINFO=dict(dataset='toy', classes=('fear_sadness', 'sadness_fear'))), "'fear_sadness' stands in it twice"),
    (dict(SPLITS=('train', 'train')), "Toy.SPLITS: 'train' stands in it twice"),
    (dict(FOLDS=(1, 2, 2)), 'Toy.FOLDS: 2 stands in it twice'),
    (dict(FOLDERS=('a', 'a')), "Toy.FOLDERS: 'a' stands in it twice"),
    (dict(FOLDERS=('a', ), FRAMES=dict(b=16)), "Toy.FRAMES: 'b' is none of FOLDERS: a"),
    (dict(ORDERS=dict(other=('sad', 'happy'))),
     r"Toy.ORDERS\['other'\]: is no permutation of the 3 classes: it lacks calm"),
    (dict(ORDERS=dict(other=('sad', 'happy', 'joy'))), 'it lacks calm; has joy'),
    (dict(ORDERS=dict(other=('sad', 'happy', 'calm', 'sad'))), 'it has sad 2 times'),
    (dict(EMOTIONS=dict(joy='happiness')), "Toy.EMOTIONS: 'joy' is no class; the classes are calm, happy, sad"),
    (dict(EMOTIONS=dict(calm='serenity')), "Toy.EMOTIONS: 'calm': 'serenity' is no emotion"),
    (dict(EMOTIONS=dict(happy='sadness')), "Toy.EMOTIONS: 'happy': stands for happiness already"),
    (dict(SIZES={'fold 1': dict(train=1, test=1)}), "Toy.SIZES: 'fold 1' is no setup of the set; expected 'all clips'"),
    (dict(FOLDS=(1, 2), LISTS='{split}{fold}', SIZES=SIZES),
     r"Toy.SIZES: 'fold 3' is no setup of the set .FOLDS are 1, 2.; expected 'fold 1'"),
    (dict(SIZES={'all clips': dict(train=6, val=3)}),
     r"Toy.SIZES\['all clips'\]: 'val' is no split; expected 'train', 'test'"),
    (dict(SIZES={'all clips': dict(train=6, test=0)}), r"Toy.SIZES\['all clips'\]: 0 is no number of clips"),
    (dict(SIZES={'all clips': dict(train=6, test=3)}, TOTAL=10), 'adds up to 9 clips, but TOTAL is 10'),
    (dict(FOLDS=(1, 2, 3), LISTS='{split}{fold}', SIZES=SIZES, TOTAL=10),
     r"Toy.SIZES\['fold 1'\]: adds up to 9 clips, but "
     'TOTAL is 10'),
    (dict(FOLDS=(1, 2), LISTS='{split}{fold}', SIZES=fold_sizes((6, 3), (6, 4))),
     'adds up to 10 clips, but the setup before'),
    (dict(FOLDS=(1, 2), LISTS='{split}{fold}', SIZES=fold_sizes((6, 3), (6, 3))),
     'the test clips of the 2 folds are 6, but a '
     'fold has 9 clips'),
    (dict(SIZES={'all clips': dict(train=6, test=3)}, CLASS_SIZES={('all clips', 'test'): (1, 2)}),
     r"Toy.CLASS_SIZES\['all clips', 'test'\]: has 2 numbers; expected one for each of the 3 classes"),
    (dict(SIZES={'all clips': dict(train=6, test=3)}, CLASS_SIZES={('all clips', 'test'): (1, 1, 2)}),
     'adds up to 4, but SIZES says 3'),
    (dict(CLASS_SIZES={('all clips', 'val'): (1, 1, 2)}), "'val' is no split"),
    (dict(LISTS='all.txt'), r"Toy.LISTS: 'all.txt' is the same for every split; put {split} into it"),
    (dict(LISTS='{split}.txt', FOLDS=(1, 2)), r'Toy.LISTS: .* and FOLDS=\(1, 2\) do not fit: put {fold} into it'),
    (dict(LISTS='{split}_{fold}.txt'), 'Toy.LISTS: .*a set without folds has one list a split'),
])
def test_contradictions_are_refused_when_the_class_is_defined(attributes, message):
    with pytest.raises(DatasetError, match=message):
        declare(**attributes)


def test_a_subclass_must_fit_what_it_inherits():
    with pytest.raises(DatasetError,
                       match=r"Fewer.ORDERS\['official'\]: is no permutation of the 2 classes: it has sad"):
        declare(DFEWDataset, 'Fewer', METAINFO=dict(dataset='fewer', classes=('happy', 'angry')))
    with pytest.raises(DatasetError, match=r'More.CLASS_SIZES\[.fold 1., .train.\]: adds up to 9356'):
        declare(DFEWDataset, 'More', METAINFO=DFEWDataset.METAINFO, SIZES={'fold 1': dict(train=9000)}, TOTAL=None)


def test_folds_and_lists_that_do_not_exist(tmp_path):
    with pytest.raises(DatasetError, match='fold=3 does not exist: TOY has folds 1, 2, 5'):
        declare(FOLDS=(1, 2, 5), LISTS='{split}{fold}')([], fold=3)
    with pytest.raises(DatasetError, match='fold=1: TOY has no folds'):
        declare(LISTS='{split}')([], fold=1)
    with pytest.raises(DatasetError, match='Toy: declares no LISTS; give ann_file'):
        declare()([])
    with pytest.raises(DatasetError, match='captions=True: the lists of TOY hold none'):
        declare(LISTS='{split}')([], captions=True)
    with pytest.raises(DatasetError, match=r'no such clip folder; .* \(frames or faces\)'):
        (tmp_path / 'train').write_text('1 happy\n')
        declare(LISTS='{split}', FOLDERS=('frames', 'faces'))([], data_root=str(tmp_path))


def test_a_single_order_of_numbers_is_the_declared_one(tmp_path):
    (tmp_path / 'train').write_text('1 0\n2 1\n3 2\n')
    for name in '123':
        (tmp_path / 'clips' / name).mkdir(parents=True)
    kind = declare(LISTS='{split}', FOLDERS=('clips', ), ORDERS=dict(release=('sad', 'happy', 'calm')))
    dataset = kind([], data_root=str(tmp_path))
    assert [CLASSES[dataset.get_data_info(index)['label']] for index in range(3)] == ['sad', 'happy', 'calm']
