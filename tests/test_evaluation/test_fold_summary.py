"""Mean of folds and pooled figures, against scikit-learn on the dumped predictions."""
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from mmdfer.evaluation import Predictions, fold_row, load_predictions, save_predictions, shared_clips, summarize

CLASSES = ('happy', 'sad', 'neutral', 'angry')
SIZES = {1: 40, 2: 41, 3: 17}                   # uneven folds
ABSENT = {1: None, 2: 3, 3: 0}                  # and a class that has no clip in two of them


def fold_predictions(fold, folder):
    """Written and read back: random labels without the absent class, scores right about half the time."""
    rng = np.random.default_rng(fold)
    labels = rng.choice([label for label in range(4) if label != ABSENT[fold]], SIZES[fold])
    scores = rng.random((SIZES[fold], 4)) + 0.6 * np.eye(4)[labels]
    path = folder / f'{fold}.npz'
    save_predictions(path, [f'{fold}-{index}' for index in range(SIZES[fold])], labels, scores, CLASSES)
    return load_predictions(path)


@pytest.fixture
def folds(tmp_path):
    return {fold: fold_predictions(fold, tmp_path) for fold in SIZES}


def summary_of(folds):
    return summarize([fold_row(fold, 5, one) for fold, one in folds.items()])


def sklearn_figures(labels, predicted):
    known = dict(labels=range(4), zero_division=0)
    return (sklearn_metrics.recall_score(labels, predicted, average='macro', **known),
            sklearn_metrics.accuracy_score(labels, predicted),
            sklearn_metrics.recall_score(labels, predicted, average=None, **known))


def test_mean_and_spread_equal_scikit_learn(folds):
    uars, wars, recalls = zip(*(sklearn_figures(one.labels, one.predicted) for one in folds.values()))
    found = summary_of(folds)
    for key, values in (('uar', uars), ('war', wars)):
        assert found[key]['mean'] == pytest.approx(np.mean(values), abs=1e-12)
        assert found[key]['std'] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
    assert found['recall'] == pytest.approx(np.mean(recalls, axis=0), abs=1e-12)
    for row, uar, war, recall in zip(found['folds'], uars, wars, recalls):
        assert (row['uar'], row['war']) == pytest.approx((uar, war), abs=1e-12)
        assert row['recall'] == pytest.approx(recall, abs=1e-12)


def test_pooled_figures_equal_scikit_learn(folds):
    labels = np.concatenate([one.labels for one in folds.values()])
    predicted = np.concatenate([one.predicted for one in folds.values()])
    uar, war, recall = sklearn_figures(labels, predicted)
    pooled = summary_of(folds)['pooled']
    assert pooled['clips'] == 98
    assert pooled['confusion'] == sklearn_metrics.confusion_matrix(labels, predicted).tolist()
    assert (pooled['uar'], pooled['war']) == pytest.approx((uar, war), abs=1e-12)
    assert pooled['recall'] == pytest.approx(recall, abs=1e-12)


def test_a_class_absent_from_a_fold_lowers_its_uar_and_is_named(folds):
    rows = {row['fold']: row for row in summary_of(folds)['folds']}
    assert [rows[fold]['absent'] for fold in (1, 2, 3)] == [[], ['angry'], ['happy']]
    present = np.delete(rows[3]['recall'], 0)
    assert rows[3]['uar'] == pytest.approx(present.mean() * 3 / 4)


def test_one_fold_has_no_spread(folds):
    found = summary_of({2: folds[2]})
    assert found['uar']['std'] is None and found['uar']['mean'] == found['pooled']['uar']


def test_of_equal_scores_the_first_class_is_predicted():
    scores = np.array([[.2, .4, .4, 0], [.25, .25, .25, .25]], dtype=np.float32)
    assert Predictions(np.array(['a', 'b']), np.array([1, 1]), scores, CLASSES).predicted.tolist() == [1, 0]


def test_a_clip_in_two_folds_is_found(folds):
    assert shared_clips(folds) == []
    twice = Predictions(np.array(['1-7', 'x']), np.array([0, 1]), np.eye(4)[:2], CLASSES)
    assert shared_clips({**folds, 4: twice}) == ['1-7']


def test_mistakes_are_named(tmp_path, folds):
    with pytest.raises(ValueError, match='none.npz: no such file'):
        load_predictions(tmp_path / 'none.npz')
    cut = tmp_path / 'cut.npz'
    cut.write_bytes((tmp_path / '1.npz').read_bytes()[:300])
    with pytest.raises(ValueError, match='cut.npz: cannot be read as predictions'):
        load_predictions(cut)
    save_predictions(tmp_path / 'odd.npz', ['a'], [0, 1], np.zeros((2, 4)), CLASSES)
    with pytest.raises(ValueError, match=r'odd.npz: ids, labels and scores have shapes \(\(1,\), \(2,\), \(2, 4\)\)'):
        load_predictions(tmp_path / 'odd.npz')
    save_predictions(tmp_path / 'nan.npz', ['a'], [0], np.full((1, 4), np.nan), CLASSES)
    with pytest.raises(ValueError, match='nan.npz: scores hold NaN'):
        load_predictions(tmp_path / 'nan.npz')
    rows = [fold_row(1, 5, folds[1]), dict(fold_row(2, 5, folds[2]), recall=[0.5] * 7)]
    with pytest.raises(ValueError, match=r'the same classes in each; there are \[4, 7\]'):
        summarize(rows)
    with pytest.raises(ValueError, match='at least one fold'):
        summarize([])
