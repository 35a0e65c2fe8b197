"""A report's figures are those of the dumped predictions, and what was not measured says so."""
import json
import re
import runpy
import shutil
import sys
from contextlib import nullcontext
from html.parser import HTMLParser
from statistics import mean, stdev

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score

from mmdfer.evaluation import Predictions, save_predictions
from mmdfer.runs.folder import RunFolder
from mmdfer.runs.groups import find_runs
from mmdfer.runs.mistakes import confident_mistakes, probabilities
from mmdfer.runs.report import leave_report, write_report

from ..commands import pictures_unpainted
from ..conftest import ROOT
from .fake_runs import CLASSES, fake_run


@pytest.fixture
def no_pictures(monkeypatch):
    """Leave out what takes the time, where the test is of something else."""
    monkeypatch.setattr('mmdfer.runs.report.draw_pictures', lambda report, curves: {})


class Resources(HTMLParser):
    """Everything a browser would fetch, and the texts of the cells."""

    def __init__(self, text):
        super().__init__()
        self.found, self.opened, self.cells, self._in_cell = [], [], [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.found += [attributes[key] for key in ('src', 'srcset', 'data', 'poster', 'action') if key in attributes]
        if tag == 'link' or tag in ('iframe', 'object', 'embed'):
            self.found.append(tag)
        if tag == 'a':
            self.found.append(attributes['href'])
        if tag not in ('meta', 'img', 'br', 'link'):
            self.opened.append(tag)
        self._in_cell = tag == 'td'

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag
        self._in_cell = False

    def handle_data(self, data):
        if self._in_cell:
            self.cells.append(data)


def sklearn_figures(labels, scores):
    predicted = scores.argmax(axis=1)
    return (recall_score(labels, predicted, average='macro', labels=range(7), zero_division=0),
            accuracy_score(labels, predicted))


@pytest.mark.parametrize('old', [False, True])
def test_figures_are_scikit_learns_on_the_dumped_predictions(old, tmp_path, no_pictures):
    found = fake_run(tmp_path / 'run', old=old)
    report = write_report(str(tmp_path / 'run'))
    assert json.loads((tmp_path / 'run' / 'report.json').read_text()) == report
    cells = Resources((tmp_path / 'run' / 'report.html').read_text()).cells
    text = (tmp_path / 'run' / 'report.md').read_text()
    assert report['select'] == 'last' and [report[kind]['folds'][0]['epoch'] for kind in ('last', 'best')] == [3, 2]
    for kind, epoch in (('last', 3), ('best', 2)):
        labels, scores = found[epoch]
        predicted = scores.argmax(axis=1)
        uar, war = sklearn_figures(labels, scores)
        assert report[kind]['uar'] == dict(mean=pytest.approx(uar, abs=1e-12), std=None)
        assert report[kind]['war']['mean'] == pytest.approx(war, abs=1e-12)
        assert report[kind]['pooled']['confusion'] == confusion_matrix(labels, predicted, labels=range(7)).tolist()
        assert report[kind]['recall'] == pytest.approx(recall_score(labels, predicted, average=None))
        for value in (uar, war, *report[kind]['recall']):
            assert f'{100 * value:.2f}' in cells and f'{100 * value:.2f}' in text
    precision = precision_score(*(lambda labels, scores: (labels, scores.argmax(axis=1)))(*found[3]), average=None,
                                zero_division=0)
    assert all(f'{100 * value:.2f}' in cells for value in precision)


def test_folds_give_mean_spread_and_pooled_figures(tmp_path):
    """Folds of uneven size, one without a class."""
    sizes = {1: 35, 2: 28, 3: 40}
    labels = {fold: [index % (6 if fold == 2 else 7) for index in range(size)] for fold, size in sizes.items()}
    ids = {fold: [f'{fold}-{index}' for index in range(size)] for fold, size in sizes.items()}
    found = {fold: fake_run(tmp_path / f'fold_{fold}', fold=fold, seed=fold, labels=labels[fold], ids=ids[fold])
             for fold in sizes}
    report = write_report(str(tmp_path), mistakes=5)
    assert report['folds'] == [1, 2, 3]
    for kind, epoch in (('last', 3), ('best', 2)):
        figures = [sklearn_figures(*found[fold][epoch]) for fold in sizes]
        for key, values in zip(('uar', 'war'), zip(*figures)):
            assert report[kind][key]['mean'] == pytest.approx(mean(values))
            assert report[kind][key]['std'] == pytest.approx(stdev(values))
        labels, scores = (np.concatenate(parts) for parts in zip(*(found[fold][epoch] for fold in sizes)))
        uar, war = sklearn_figures(labels, scores)
        pooled = report[kind]['pooled']
        assert (pooled['uar'], pooled['war']) == pytest.approx((uar, war))
    notes = ' '.join(report['notes'])
    assert 'Not in it: fold 4, 5' in notes and 'Fold 2 has no clip of fear' in notes
    html = (tmp_path / 'report.html').read_text()
    assert 'Not in it: fold 4, 5' in html and f'± {100 * report["last"]["uar"]["std"]:.2f}' in html
    assert len(report['mistakes']) == 5
    assert [one['probability'] for one in report['mistakes']] == sorted(
        (one['probability'] for one in report['mistakes']), reverse=True)


def test_folds_may_be_chosen(tmp_path, no_pictures):
    for fold in (1, 2, 3):
        fake_run(tmp_path / f'fold_{fold}', fold=fold, seed=fold)
    assert write_report(str(tmp_path), folds=(1, 3))['folds'] == [1, 3]
    with pytest.raises(ValueError, match='no run of fold 4'):
        write_report(str(tmp_path), folds=(4, ))


@pytest.mark.parametrize('old', [False, True])
def test_folds_of_different_settings_are_refused(old, tmp_path):
    for fold, width in ((1, 116), (2, 58)):
        fake_run(tmp_path / f'fold_{fold}', fold=fold, old=old, replace=('width=116', f'width={width}'))
    with pytest.raises(ValueError, match='width is 116 there and 58 here'):
        write_report(str(tmp_path))


def test_page_stands_alone_and_is_well_formed(tmp_path, dfew):
    ids = [f'{index}' for index in range(15, 22)]
    fake_run(tmp_path / 'run', root=dfew, labels=[(int(name) - 1) % 7 for name in ids], ids=ids, seed=3)
    report = write_report(str(tmp_path / 'run'))
    page = Resources((tmp_path / 'run' / 'report.html').read_text())
    assert not page.opened
    pictures = [one for one in page.found if not one.startswith('#')]
    assert all(one.startswith(('data:image/svg+xml;base64,', 'data:image/jpeg;base64,')) for one in pictures)
    text = re.sub(r'data:image/[^"]*', '', (tmp_path / 'run' / 'report.html').read_text())
    assert 'http' not in text and '@import' not in text and 'url(' not in text
    strips = sum(one.startswith('data:image/jpeg') for one in pictures)
    assert strips == len(report['mistakes']) > 0 and 'strips' not in report['missing']
    assert report['data'] == [dict(fold=1, train=[2] * 7, test=[1] * 7)]


def test_clips_are_shown_only_where_the_set_has_them(tmp_path, dfew, no_pictures):
    """Predictions over another list than the data set's get no frames of other clips."""
    fake_run(tmp_path / 'run', root=dfew, ids=[f'x{index}' for index in range(35)])
    report = write_report(str(tmp_path / 'run'))
    html = (tmp_path / 'run' / 'report.html').read_text()
    assert report['mistakes'] and 'data:image/jpeg' not in html


def test_most_confident_mistakes_come_first():
    scores = np.array([[.9, .1, 0], [.2, .8, 0], [.1, .2, .7], [.4, .35, .25], [.05, .95, 0]], np.float32)
    labels = np.array([0, 0, 0, 1, 2])
    predictions = Predictions(np.array(list('abcde')), labels, scores, ('x', 'y', 'z'))
    found = confident_mistakes(predictions, 3)
    assert [(one['id'], one['label'], one['predicted']) for one in found] == [
        ('e', 'z', 'y'), ('b', 'x', 'y'), ('c', 'x', 'z')]
    assert found[0]['probability'] == pytest.approx(.95) and found[1]['probability_label'] == pytest.approx(.2)


def test_logits_become_probabilities_and_probabilities_stay():
    logits = np.array([[1., 2., -1.], [0., 0., 0.]])
    assert probabilities(logits) == pytest.approx(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    shares = np.array([[.5, .25, .25]])
    assert probabilities(shares) is shares


def drop(run, *names):
    for name in names:
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize('old, lacking, parts', [
    (False, ['predictions'], {'confusion', 'mistakes'}), (False, ['20250101_000000'], {'curves'}),
    (False, ['settings.json'], {'config'}), (False, ['metrics.jsonl'], set()), (True, ['some_model.py'], {'config'}),
    (False, ['predictions', '20250101_000000', 'settings.json'], {'confusion', 'mistakes', 'curves', 'config'}),
    (True, ['predictions', '20250101_000000', 'some_model.py'], {'confusion', 'mistakes', 'curves', 'config'})])
def test_what_a_run_lacks_is_not_measured(old, lacking, parts, tmp_path):
    fake_run(tmp_path / 'run', old=old)
    drop(tmp_path / 'run', *lacking)
    with pictures_unpainted() if len(lacking) == 1 else nullcontext():
        report = write_report(str(tmp_path / 'run'))
    assert parts <= set(report['missing'])
    page = Resources((tmp_path / 'run' / 'report.html').read_text())
    assert not page.opened and 'not measured' in page.cells
    assert 'not measured' in (tmp_path / 'run' / 'report.md').read_text()


def test_run_without_validation_has_a_page(tmp_path):
    fake_run(tmp_path / 'run')
    result = json.loads((tmp_path / 'run' / 'result.json').read_text())
    for key in ('uar', 'war', 'epoch', 'best'):
        del result[key]
    (tmp_path / 'run' / 'result.json').write_text(json.dumps(result))
    drop(tmp_path / 'run', 'predictions')
    report = write_report(str(tmp_path / 'run'))
    assert report['kinds'] == [] and report['missing']['results'] == 'no epoch was validated'


@pytest.mark.parametrize('old', [False, True])
def test_recalls_are_the_evaluators_where_there_are_no_predictions(old, tmp_path, no_pictures):
    labels, scores = fake_run(tmp_path / 'run', old=old)[3]
    drop(tmp_path / 'run', 'predictions')
    report = write_report(str(tmp_path / 'run'))
    assert report['last']['pooled'] is None
    assert report['last']['recall'] == pytest.approx(recall_score(labels, scores.argmax(axis=1), average=None))


@pytest.mark.parametrize('old', [False, True])
def test_epoch_chosen_on_a_part_of_training_shows_its_test_figures(old, tmp_path, no_pictures):
    labels, scores = fake_run(tmp_path / 'run', old=old)[2]
    run, classes = tmp_path / 'run', CLASSES
    uar, war = sklearn_figures(labels, scores)
    result = json.loads((run / 'result.json').read_text())
    chosen = dict(uar=uar, war=war, epoch=2)
    result.update(chosen, best=chosen, inner=dict(share=0.1, uar=0.9, war=0.9, epoch=2))
    (run / 'result.json').write_text(json.dumps(result))
    kept = run / ('test' if old else 'chosen') / 'predictions.npz'
    save_predictions(kept, list(map(str, range(35))), labels, scores, classes)
    if not old:                                     # of a test by hand, which is no figure of the run
        save_predictions(run / 'test' / 'predictions.npz', ['x'], [0], np.eye(7)[:1], classes)
    report = write_report(str(run))
    assert report['kinds'] == ['inner'] and report['inner']['uar']['mean'] == pytest.approx(uar)
    assert 'best epoch' not in (run / 'report.html').read_text()


def test_predictions_of_another_run_are_refused(tmp_path):
    fake_run(tmp_path / 'run')
    (tmp_path / 'run/predictions/epoch_1.npz').replace(tmp_path / 'run/predictions/epoch_3.npz')
    with pytest.raises(ValueError, match='epoch_3.npz gives UAR .*, result.json .*: they are of different runs'):
        write_report(str(tmp_path / 'run'))


def test_names_are_escaped(tmp_path, no_pictures):
    fake_run(tmp_path / 'run', name='<script>alert("a")</script> & co')
    write_report(str(tmp_path / 'run'))
    html = (tmp_path / 'run' / 'report.html').read_text()
    assert '<script>alert' not in html and '&lt;script&gt;alert' in html


@pytest.mark.filterwarnings('ignore:Glyph')
def test_a_report_is_whole_under_any_name_of_run_and_classes(tmp_path):
    classes = ('$a$', '_b_', '100%', '{c} {{d}}', '<i>e</i> & "f"', '\\frac{', '喜 | g')
    fake_run(tmp_path / 'run', name='$\\alpha_1$ <b>|*x*</b>', classes=classes)
    report = write_report(str(tmp_path / 'run'))
    page = Resources((tmp_path / 'run' / 'report.html').read_text())
    assert not page.opened and set(classes) <= set(page.cells) and report['classes'] == list(classes)
    assert sum(one.startswith('data:image/svg') for one in page.found) == 7
    text = (tmp_path / 'run' / 'report.md').read_text()
    assert text.startswith('# \\$\\\\alpha_1\\$ \\<b\\>\\|\\*x\\*\\</b\\>, fold 1')
    assert '| 喜 \\| g |' in text and '| \\_b\\_ |' in text


@pytest.mark.parametrize('make, message', [
    (lambda path: None, 'no such folder'), (lambda path: path.mkdir(), 'no finished run in it'),
    (lambda path: (path.mkdir(), (path / 'result.json').write_text('{"na')), 'result.json: not JSON'),
    (lambda path: (path.mkdir(), (path / 'result.json').write_text('{}')), 'result.json: no result of a run'),
    (lambda path: (fake_run(path / 'a'), fake_run(path / 'b')), 'holds 2 runs')])
def test_bad_folder_is_named(make, message, tmp_path):
    make(tmp_path / 'run')
    with pytest.raises(ValueError, match=message) as error:
        write_report(str(tmp_path / 'run'))
    assert str(tmp_path / 'run') in str(error.value)


def test_fault_of_the_report_does_not_end_a_training(tmp_path):
    fake_run(tmp_path / 'run')
    (tmp_path / 'run/predictions/epoch_3.npz').write_bytes(b'cut short')
    leave_report(str(tmp_path / 'run'))
    assert not (tmp_path / 'run' / 'report.html').exists()


def test_training_time_adds_up_over_the_log(tmp_path):
    fake_run(tmp_path / 'run', rss_mib=2048)
    cost = RunFolder(tmp_path / 'run').cost()
    assert cost['training_seconds'] == pytest.approx(30 * 0.5) and cost['iteration_seconds'] == 0.5
    assert cost['rss_mib'] == 2048 and cost['cuda_mib'] is None


def test_folds_are_one_group_and_other_runs_their_own(tmp_path):
    for fold in (1, 2, 10):
        fake_run(tmp_path / 'model' / f'fold_{fold}', fold=fold)
    fake_run(tmp_path / 'other')
    groups = [[run.path.name for run in group] for group in find_runs(tmp_path)]
    assert groups == [['fold_1', 'fold_2', 'fold_10'], ['other']]


def test_tool_prints_an_error_and_no_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['report.py', str(tmp_path / 'none')])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools/analysis/report.py'), run_name='__main__')
    assert ended.value.code == 2
    assert capsys.readouterr().err == (f'error: {tmp_path}/none: no such folder; give a work directory, or a folder of '
                                       'them\n')
