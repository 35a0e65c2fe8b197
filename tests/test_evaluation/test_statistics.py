"""Intervals hold what they promise, and are those of SciPy, statsmodels and a resampling of clips one by one."""
import numpy as np
import pytest
from scipy import stats

from mmdfer.evaluation import Predictions, fold_row, summarize
from mmdfer.evaluation.statistics import fold_spread, interval, intervals, resample, resample_confusions, wilson

SIZES = np.array([489, 379, 534, 435, 294, 29, 181])            # a fold of the order of DFEW's
RECALLS = np.array([0.9, 0.7, 0.7, 0.75, 0.6, 0.15, 0.4])


def predictions_of(sizes, recalls, rng, names=tuple('abcdefg')):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    right = rng.random(len(labels)) < np.asarray(recalls)[labels]
    guess = np.where(right, labels, (labels + 1) % len(sizes))
    return Predictions(np.arange(len(labels)).astype(str), labels, np.eye(len(sizes), dtype=np.float32)[guess],
                       names[:len(sizes)])


def confusion_of(sizes, right):
    matrix = np.diag(right)
    matrix[np.arange(len(sizes)), (np.arange(len(sizes)) + 1) % len(sizes)] += sizes - right
    return matrix


def test_of_simulated_folds_95_of_100_intervals_hold_the_truth():
    """Both the interval over clips, and Student's over folds that differ by more than their clips."""
    rng, trials, within, over = np.random.default_rng(5), 700, 0, 0
    for _ in range(trials):
        rights = rng.binomial(SIZES, RECALLS, (2, 7))
        found = resample_confusions([confusion_of(SIZES, right) for right in rights], 499, seed=int(rng.integers(1e9)))
        low, high = interval(found.uar[:, 0]).values()
        within += low <= RECALLS.mean() <= high
        uars = 0.6 + 0.02 * rng.normal(size=5)
        spread = fold_spread(uars, [1e-4] * 5)
        over += spread['low'] <= 0.6 <= spread['high']
    assert 0.93 <= within / trials <= 0.97 and 0.93 <= over / trials <= 0.97


def test_resamples_are_those_of_clips_drawn_one_by_one():
    """The counted draws against clips drawn within each class."""
    rng = np.random.default_rng(0)
    sizes = [40, 25, 8]
    one = predictions_of(sizes, [0.8, 0.5, 0.6], rng)
    drawn = []
    for _ in range(600):
        rows = np.concatenate([rng.choice(np.flatnonzero(one.labels == k), size) for k, size in enumerate(sizes)])
        drawn.append(np.mean([(one.predicted[rows] == label)[one.labels[rows] == label].mean() for label in range(3)]))
    right = (one.predicted == one.labels).astype(float)
    for found in (resample([(one.labels, right[:, None])], 3), resample_confusions([one.confusion])):
        assert found.uar.mean() == pytest.approx(np.mean(drawn), abs=0.01)
        assert found.uar.std() == pytest.approx(np.std(drawn), rel=0.12)
        assert stats.ks_2samp(found.uar[:, 0], drawn).pvalue > 0.01


def test_interval_of_a_share_is_scipys_bootstrap():
    """WAR of one class alone is a mean of independent clips, which SciPy resamples itself."""
    right = (np.random.default_rng(1).random(300) < 0.7).astype(float)
    theirs = stats.bootstrap((right, ), np.mean, method='percentile', n_resamples=9999, rng=0).confidence_interval
    found = resample([(np.zeros(300, int), right[:, None])], 1, 9999)
    assert list(interval(found.war[:, 0]).values()) == pytest.approx(list(theirs), abs=0.005)


def test_paired_models_are_resampled_together():
    """Models that are right on the same clips differ by nothing, whatever is drawn; and each has its own figures."""
    rng = np.random.default_rng(2)
    labels, right = np.repeat([0, 1], 50), (rng.random(100) < 0.6).astype(float)
    found = resample([(labels, np.stack([right, right, 1 - right], axis=1))], 2, 500)
    assert (found.uar[:, 0] == found.uar[:, 1]).all() and found.uar[:, 0].std() > 0
    assert found.uar[:, 2] == pytest.approx(1 - found.uar[:, 0])
    assert found.recall.shape == (500, 2, 3) and found.recall.mean(axis=1) == pytest.approx(found.uar)


def test_means_over_folds_and_pooled_figures_have_each_their_own():
    big = confusion_of(np.array([400, 100]), np.array([360, 50]))
    small = confusion_of(np.array([10, 10]), np.array([1, 2]))
    found = resample_confusions([big, small], 4000)
    assert found.uar.mean() == pytest.approx(np.mean([0.7, 0.15]), abs=0.01)
    assert found.war.mean() == pytest.approx(np.mean([0.82, 0.15]), abs=0.01)
    assert found.pooled_uar.mean() == pytest.approx(np.mean([361 / 410, 52 / 110]), abs=0.01)
    assert found.pooled_war.mean() == pytest.approx(413 / 520, abs=0.01)


def test_a_seed_fixes_an_interval():
    rows = [fold_row(1, 3, predictions_of(SIZES, RECALLS, np.random.default_rng(3)))]
    assert intervals(rows) == intervals(rows) and intervals(rows)['uar'] != intervals(rows, seed=1)['uar']
    uar, inside = rows[0]['uar'], intervals(rows)['uar']
    assert inside['low'] < uar < inside['high'] and inside['high'] - inside['low'] < 0.06


def test_class_without_clips_has_no_interval_and_counts_as_everywhere():
    one = predictions_of([30, 20, 0], [0.9, 0.5, 0.5], np.random.default_rng(4))
    found = summarize([fold_row(1, 3, one)])
    assert found['intervals']['recall'][2] is None and found['intervals']['folds'] is None
    assert found['intervals']['uar']['high'] <= 2 / 3 and found['intervals']['uar']['low'] < found['uar']['mean']


def test_class_of_which_all_or_none_are_right_has_wilsons_interval():
    row = fold_row(1, 3, predictions_of([30, 20, 10], [1, 0, 0.5], np.random.default_rng(5)))
    every, none, some = intervals([row])['recall']
    for found, right, clips in ((every, 30, 30), (none, 0, 20)):
        theirs = stats.binomtest(right, clips).proportion_ci(method='wilson')
        assert found.pop('by') == 'wilson' and list(found.values()) == pytest.approx([theirs.low, theirs.high])
    assert some['by'] == 'bootstrap' and some['low'] < some['high']


def test_a_model_that_says_one_class_alone_is_not_beyond_doubt():
    """Where resamples never change, the interval is still one, over one fold and several, and holds the figure."""
    matrix = np.zeros((4, 4), int)
    matrix[:, 0] = [12, 9, 20, 7]
    row = fold_row(1, 3, Predictions(np.arange(48).astype(str), np.repeat(range(4), matrix[:, 0]),
                                     np.eye(4, dtype=np.float32)[np.zeros(48, int)], tuple('abcd')))
    one, three = intervals([row]), intervals([row] * 3)
    for found in (one['uar'], one['pooled']['uar'], three['uar']):
        assert found['low'] <= 0.25 <= found['high'] and found['high'] - found['low'] > 0.02
    assert three['uar']['high'] < one['uar']['high'] < 0.4


def test_wilsons_interval_is_statsmodels():
    confint = pytest.importorskip('statsmodels.stats.proportion', reason='statsmodels is a reference of tests alone')
    for right, clips in ((0, 7), (3, 7), (29, 29), (113, 400)):
        low, high = confint.proportion_confint(right, clips, method='wilson')
        assert list(wilson(right, clips).values()) == pytest.approx([low, high], abs=1e-9)


def test_spread_over_folds_is_students_and_cochrans():
    values, variances = [0.61, 0.65, 0.58, 0.63], [4e-4, 5e-4, 4e-4, 6e-4]
    found = fold_spread(values, variances)
    theirs = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert [found['low'], found['high']] == pytest.approx(theirs)
    weights = 1 / np.array(variances)
    q = (weights * (values - np.average(values, weights=weights)) ** 2).sum()
    assert (found['q'], found['p']) == pytest.approx((q, stats.chi2.sf(q, 3)))
    assert found['std_of_clips'] == pytest.approx(np.sqrt(np.mean(variances)))
    assert fold_spread([1., 1.], [0., 0.])['p'] is None


def test_variance_by_clips_is_that_of_the_resamples():
    """What the folds' spread is held against, against the bootstrap of one fold."""
    rows = [fold_row(fold, 3, predictions_of(SIZES, RECALLS, np.random.default_rng(fold))) for fold in (1, 2)]
    found = intervals(rows)['folds']
    draws = [resample_confusions([row['confusion']], 4000) for row in rows]
    for key in ('uar', 'war'):
        told = np.sqrt(np.mean([getattr(one, key).var() for one in draws]))
        assert found[key]['std_of_clips'] == pytest.approx(told, rel=0.05)
