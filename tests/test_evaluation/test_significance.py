"""Tests of two models against SciPy and statsmodels on random data, and what they hold under no difference."""
import numpy as np
import pytest
from scipy import stats

from mmdfer.evaluation.significance import bootstrap_difference, holm, mcnemar, pairs_needed, wilcoxon
from mmdfer.evaluation.statistics import resample

REFERENCE = 'statsmodels is a reference of tests alone'


def test_mcnemar_is_statsmodels():
    tables = pytest.importorskip('statsmodels.stats.contingency_tables', reason=REFERENCE)
    rng = np.random.default_rng(0)
    for better, worse in [(0, 3), (5, 5), (24, 0), *rng.integers(0, 200, (20, 2)).tolist()]:
        few = better + worse < 25
        theirs = tables.mcnemar([[50, better], [worse, 60]], exact=few, correction=True)
        found = mcnemar(better, worse)
        assert found['p'] == pytest.approx(theirs.pvalue, abs=1e-12) and found['test'] == ('exact' if few else 'chi2')


def test_mcnemar_of_few_is_the_binomial_and_of_none_tells_nothing():
    assert mcnemar(1, 9)['p'] == pytest.approx(2 * stats.binom.cdf(1, 10, 0.5))
    assert mcnemar(0, 0)['p'] == 1 and mcnemar(30, 30)['p'] == 1


def test_holm_is_statsmodels():
    multitest = pytest.importorskip('statsmodels.stats.multitest', reason=REFERENCE)
    rng = np.random.default_rng(1)
    for count in (1, 2, 5, 9):
        values = rng.random(count) ** 3
        assert holm(values.tolist()) == pytest.approx(multitest.multipletests(values, method='holm')[1])
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]


@pytest.mark.parametrize('count', [6, 15, 60])
def test_wilcoxon_is_scipys(count):
    differences = np.random.default_rng(count).normal(0.3, 1, count)
    found = wilcoxon(differences)
    assert found['p'] == pytest.approx(stats.wilcoxon(differences).pvalue) and found['enough']
    assert found['pairs'] == found['differ'] == count


def test_wilcoxon_says_when_its_pairs_cannot_reach_the_level():
    assert pairs_needed() == 6
    for count in (2, 3, 5):
        found = wilcoxon([0.1 * (1 + index) for index in range(count)])
        assert found['p'] == pytest.approx(found['least']) == pytest.approx(2 / 2 ** count) and not found['enough']
    assert wilcoxon([0.1, 0.1, 0.1, 0.1, 0.1])['p'] == pytest.approx(2 / 2 ** 5)        # equal ones: no normal's p
    assert wilcoxon([0.1])['p'] is None and wilcoxon([0., 0.])['p'] is None
    assert wilcoxon([0.1, 0.2, 0.3, 0.4, 0.5, 0.])['least'] == 2 / 2 ** 5


def test_under_no_difference_a_twentieth_of_bootstraps_is_below_the_level():
    rng, trials, below = np.random.default_rng(3), 300, 0
    labels = np.repeat(np.arange(4), [120, 60, 90, 40])
    for _ in range(trials):
        hard = rng.random((len(labels), 1))
        right = (rng.random((len(labels), 2)) < 0.3 + 0.6 * hard).astype(float)         # alike in all but luck
        found = resample([(labels, right)], 4, 299, seed=int(rng.integers(1e9)))
        below += bootstrap_difference(found.uar[:, 0] - found.uar[:, 1])['p'] < 0.05
    assert 0.02 <= below / trials <= 0.08


def test_bootstrap_of_a_difference_is_scipys_interval():
    rng = np.random.default_rng(4)
    right = (rng.random((200, 2)) < [0.7, 0.6]).astype(float)
    theirs = stats.bootstrap((right[:, 0] - right[:, 1], ), np.mean, method='percentile', n_resamples=9999, rng=0)
    found = resample([(np.zeros(200, int), right)], 1, 9999)
    ours = bootstrap_difference(found.war[:, 0] - found.war[:, 1])
    assert [ours['low'], ours['high']] == pytest.approx(list(theirs.confidence_interval), abs=0.005)


def test_p_of_a_bootstrap_has_a_floor_and_a_ceiling():
    assert bootstrap_difference(np.full(999, 0.1))['p'] == pytest.approx(2 / 1000)
    assert bootstrap_difference(np.zeros(999))['p'] == 1
