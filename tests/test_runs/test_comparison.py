"""A comparison tells what the predictions of its runs tell, and refuses runs that do not compare."""
import csv
import json
from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import recall_score

from mmdfer.evaluation import load_predictions, save_predictions
from mmdfer.runs.comparison import compare

from ..commands import command, tool
from .fake_runs import CLASSES, fake_run

QUICK = dict(resamples=400)


def rewritten(run, change):
    """Every epoch's predictions through a function of ids, labels, scores and classes."""
    for file in (run / 'predictions').glob('*.npz'):
        found = load_predictions(file)
        save_predictions(file, *change(found.ids, found.labels, found.scores, found.classes))


def one_seed(seed):
    return dict(replace=('seed=7', f'seed={seed}'))


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    """Two models of three folds and two seeds, and the scores of each run by fold and seed."""
    place = tmp_path_factory.mktemp('pair')
    found = {name: {(fold, seed): fake_run(place / name / f'seed_{seed}' / f'fold_{fold}', fold=fold,
                                           seed=100 * fold + 10 * seed + number, name=name, **one_seed(seed),
                                           ids=[f'{fold}-{index}' for index in range(70)],
                                           labels=[index % 7 for index in range(70)])
                    for fold, seed in product((1, 2, 3), (0, 1))} for number, name in enumerate(('ours', 'theirs'))}
    return place, found


@pytest.fixture(scope='module')
def compared(pair, tmp_path_factory):
    out = tmp_path_factory.mktemp('out')
    return compare([str(pair[0] / 'ours'), str(pair[0] / 'theirs')], str(out), **QUICK), out


def right(found, name, key, epoch=3):
    labels, scores = found[name][key][epoch]
    return scores.argmax(axis=1) == labels


def uar(found, name, key, epoch=3):
    labels, scores = found[name][key][epoch]
    return recall_score(labels, scores.argmax(axis=1), average='macro')


def test_figures_and_tests_are_those_of_the_predictions(pair, compared):
    found, told = pair[1], compared[0]
    assert told['epoch'] == 'last' and told['folds'] == [1, 2, 3] and told['clips'] == 210
    assert [model['seeds'] for model in told['models']] == [[0, 1], [0, 1]]
    test, keys = told['pairs'][0], list(found['ours'])
    for name, model in zip(('ours', 'theirs'), told['models']):
        assert model['uar']['mean'] == pytest.approx(np.mean([uar(found, name, key) for key in keys]))
        assert model['uar']['low'] < model['uar']['mean'] < model['uar']['high']
    differences = [uar(found, 'ours', key) - uar(found, 'theirs', key) for key in keys]
    assert test['uar']['difference'] == pytest.approx(np.mean(differences))
    assert test['wilcoxon_uar']['p'] == pytest.approx(stats.wilcoxon(differences).pvalue)
    assert test['wilcoxon_uar']['pairs'] == 6 and test['wilcoxon_uar']['enough']
    counts = {name: np.concatenate([right(found, name, (fold, 0)).astype(int) + right(found, name, (fold, 1))
                                    for fold in (1, 2, 3)]) for name in found}
    better, worse = (counts['ours'] > counts['theirs']).sum(), (counts['ours'] < counts['theirs']).sum()
    assert (test['clips']['better'], test['clips']['worse']) == (better, worse)
    assert len(test['changed']) == better + worse
    assert sum(one['difference'] for one in test['recall']) / 7 == pytest.approx(test['uar']['difference'])
    assert np.trace(test['confusion']) / 7 == pytest.approx(test['uar']['difference'])         # folds of one size


def test_clips_that_changed_side_are_listed(compared):
    told, out = compared
    rows = list(csv.DictReader((out / 'changed_clips.csv').open()))
    assert [row['clip'] for row in rows] == [one['id'] for one in told['pairs'][0]['changed']]
    for row in rows:
        ours, theirs = (int(row[f'right in {side}'].split()[0]) for side in 'ab')
        assert (ours > theirs) == (row['better'] == 'ours') and ours != theirs
        assert row['predicted by a'].split().count(row['class']) == ours


def test_files_are_whole_and_name_what_their_intervals_are(compared):
    told, out = compared
    assert json.loads((out / 'compare.json').read_text()) == told
    assert (out / 'confusion_difference.png').stat().st_size > 5000
    for name in ('compare.md', 'compare.html'):
        text = (out / name).read_text()
        assert '400 resamples' in text and 'within each class of each fold' in text and '6 pairs' in text
    assert (out / 'compare.html').read_text().count('data:image/svg+xml') == 1


def test_order_of_clips_and_classes_is_no_difference(tmp_path):
    rng = np.random.default_rng(0)
    for name in ('one', 'same'):
        fake_run(tmp_path / name, seed=3, name=name)

    def shuffled(ids, labels, scores, classes):
        rows, columns = rng.permutation(len(ids)), rng.permutation(7)
        return ids[rows], np.argsort(columns)[labels[rows]], scores[rows][:, columns], [classes[k] for k in columns]
    rewritten(tmp_path / 'same', shuffled)
    test = compare([str(tmp_path / 'one'), str(tmp_path / 'same')], **QUICK)['pairs'][0]
    assert test['uar'] == dict(difference=0, low=0, high=0, p=1, holm=1) and test['changed'] == []
    assert not np.any(test['confusion'])


def test_several_models_are_corrected(tmp_path):
    for index, name in enumerate('abcd'):
        fake_run(tmp_path / name, seed=index, name=name)
    paths = [str(tmp_path / name) for name in 'abcd']
    told = compare(paths, **QUICK)
    assert [(pair['a'], pair['b']) for pair in told['pairs']] == [(0, 1), (0, 2), (0, 3)]
    for key in ('uar', 'war', 'clips'):
        values = [pair[key]['p'] for pair in told['pairs']]
        assert min(pair[key]['holm'] for pair in told['pairs']) == pytest.approx(min(3 * min(values), 1))
    assert len(compare(paths, all_pairs=True, **QUICK)['pairs']) == 6


def test_class_without_clips_and_few_pairs_are_told(tmp_path):
    for index, name in enumerate('ab'):
        fake_run(tmp_path / name, seed=index, name=name, labels=[row % 6 for row in range(30)])
    done = command('compare', tmp_path / 'a', tmp_path / 'b', '--resamples', 400)
    assert done.returncode == 0 and 'No test clip is of fear' in done.stdout and '| fear | no clip |' in done.stdout
    assert 'One training each' in done.stdout


def test_folds_alone_cannot_reach_the_level(tmp_path):
    for index, name in enumerate('ab'):
        for fold in (1, 2, 3):
            fake_run(tmp_path / name / f'fold_{fold}', fold=fold, seed=10 * index + fold, name=name)
    done = command('compare', tmp_path / 'a', tmp_path / 'b', '--resamples', 400)
    assert '3 pairs of trainings cannot reach p \\< 0.05 by Wilcoxon (least 0.250): that needs 6' in done.stdout


def other_clips(place):
    fake_run(place / 'b', ids=[f'{index:05d}' for index in range(1, 36)])


def other_labels(place):
    fake_run(place / 'b', labels=[(index + 1) % 7 for index in range(35)])


def other_classes(place):
    fake_run(place / 'b', classes=('joy', *CLASSES[1:]))


def no_predictions(place):
    fake_run(place / 'b')
    for file in (place / 'b/predictions').iterdir():
        file.unlink()


def without_numbers(place):
    fake_run(place / 'b')
    rewritten(place / 'b', lambda ids, labels, scores, classes: (ids, labels, scores * np.nan, classes))


def two_models(place):
    fake_run(place / 'b/one')
    fake_run(place / 'b/two', fold=2, replace=('width=116', 'width=58'))


def chosen_otherwise(place):
    fake_run(place / 'b', inner=dict(share=0.1, uar=0.9, war=0.9, epoch=2))


@pytest.mark.parametrize('make, message', [
    (other_clips, r'a and .*/b were tested on different clips: 1 clips of .*/a alone \(such as 00000\) and 1 clips of'),
    (other_labels, r'35 clips have another class in .*/b than in .*/a \(such as 00000: sad and happy\)'),
    (other_classes, r'a tells 7 classes \(happy.*b 7 \(joy.*: give runs of the same classes'),
    (no_predictions, r'b: has no predictions/epoch_3.npz: add dict\(type=.PredictionsHook'),
    (without_numbers, r'scores hold NaN: the model has diverged'),
    (two_models, r'b: holds several models: .* \(model.backbone.adapters.0.width is .*\); give each as a run'),
    (chosen_otherwise, r'a has the last and best epoch and .*/b the inner: .* train both with --inner-val'),
    (lambda place: fake_run(place / 'b', dataset='mafw'), r'a is of dfew, .*/b of mafw: only runs over the same clips'),
    (lambda place: fake_run(place / 'b', fold=2), r'a has fold 1, .*/b fold 2: train the ones that are missing'),
    (lambda place: (place / 'b').mkdir(), r'b: no finished run in it')])
def test_runs_that_do_not_compare_are_refused_in_one_line(make, message, tmp_path):
    fake_run(tmp_path / 'a')
    make(tmp_path)
    done = tool('analysis/compare_runs.py', tmp_path / 'a', tmp_path / 'b')
    assert done.returncode == 2 and done.stderr.count('\n') == 1
    pytest.raises(ValueError, compare, [str(tmp_path / 'a'), str(tmp_path / 'b')]).match(message)


def test_one_run_or_the_same_twice_is_refused(tmp_path):
    fake_run(tmp_path / 'a')
    with pytest.raises(ValueError, match='needs two runs or more'):
        compare([str(tmp_path / 'a')])
    with pytest.raises(ValueError, match='a run is given twice'):
        compare([str(tmp_path / 'a'), str(tmp_path / 'a')])
    told = command('compare', tmp_path / 'a', '.', '--epoch', 'lats').stderr
    assert "there is no 'lats'; did you mean 'last'" in told


def test_best_epochs_are_compared_with_a_warning(pair):
    told = compare([str(pair[0] / 'ours'), str(pair[0] / 'theirs')], kind='best', folds=[1], **QUICK)
    assert told['folds'] == [1] and any('chosen on the test clips' in note for note in told['notes'])
    assert told['models'][0]['uar']['mean'] == pytest.approx(
        np.mean([uar(pair[1], 'ours', (1, seed), 2) for seed in (0, 1)]))
