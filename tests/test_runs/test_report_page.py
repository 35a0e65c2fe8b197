"""What a page says of how sure its figures are, and that its pictures stand on a light and on a dark page."""
import base64
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.special import softmax

from mmdfer.evaluation import save_predictions
from mmdfer.evaluation.calibration import calibration, fit_temperature
from mmdfer.runs.report import write_report
from mmdfer.visualization import figure as house
from mmdfer.visualization.class_rows import plot_class_rows
from mmdfer.visualization.reliability import plot_reliability
from mmdfer.visualization.report.pictures import svg_uri

from .fake_runs import CLASSES, fake_run

SVG = '{http://www.w3.org/2000/svg}'


def svgs(page):
    found = re.findall(r'data:image/svg\+xml;base64,([^"]*)', page)
    return [ElementTree.fromstring(base64.b64decode(one)) for one in found]


@pytest.fixture(scope='module')
def folds(tmp_path_factory):
    """Three folds of a synthetic set."""
    place = tmp_path_factory.mktemp('folds')
    for fold in (1, 2, 3):
        fake_run(place / f'fold_{fold}', fold=fold, seed=fold, title='DFEW (synthetic)', dataset='dfew-synthetic',
                 ids=[f'{fold}-{index}' for index in range(35)])
    return write_report(str(place)), (place / 'report.html').read_text(), (place / 'report.md').read_text()


def test_every_headline_has_its_interval_and_says_what_it_is(folds):
    report, page, text = folds
    inside = report['last']['intervals']
    for key in ('uar', 'war'):
        low, high = inside[key]['low'], inside[key]['high']
        assert low < report['last'][key]['mean'] < high
        told = f'{100 * low:.2f}–{100 * high:.2f}'
        assert f'<span class="range">{told}</span>' in page and told in text
    for one in inside['recall']:
        assert f'{100 * one["low"]:.2f}–{100 * one["high"]:.2f}' in page
    for told in (page, text):
        assert '95 % intervals: percentile bootstrap over the test clips, within each class of each fold' in told
        assert '10,000 resamples, seed 0' in told and 'Q ' in told and 'Student' in told


def test_a_synthetic_set_is_marked_wherever_figures_stand(folds, tmp_path):
    page = folds[1]
    for section in ('Results', 'Confusion', 'Classes', 'Calibration'):
        assert re.search(rf'<h2 [^>]*>{section} <span class="mark">synthetic set</span></h2>', page)
    assert 'They tell nothing of any real set' in page
    fake_run(tmp_path / 'run', title='DFEW')
    write_report(str(tmp_path / 'run'))
    assert 'synthetic set' not in (tmp_path / 'run/report.html').read_text()


def test_pictures_have_no_ground_and_change_with_the_page(folds):
    pictures = svgs(folds[1])
    assert len(pictures) == 7
    for picture in pictures:
        style = ' '.join(one.text for one in picture.iter(f'{SVG}style'))
        assert 'prefers-color-scheme:dark' in style and f'stroke: {house.GRID}' in style
        ground = next(picture.iter(f'{SVG}path'))
        assert 'fill: none' in ground.get('style') or 'opacity: 0' in ground.get('style')
        texts = [''.join(one.itertext()) for one in picture.iter(f'{SVG}text')]
        assert texts and float(picture.get('width').removesuffix('pt')) < 460         # legible at 360 pixels
    assert '#ffffff: #' not in folds[1]


def test_what_is_the_same_is_told_once(tmp_path):
    """Columns and pictures of the best epoch where that is the last."""
    fake_run(tmp_path / 'run')
    run = tmp_path / 'run'
    result = json.loads((run / 'result.json').read_text())
    result['best'] = {key: result[key] for key in ('uar', 'war', 'epoch')}
    (run / 'result.json').write_text(json.dumps(result))
    report = write_report(str(run))
    page, text = (run / 'report.html').read_text(), (run / 'report.md').read_text()
    assert report['kinds'] == ['last', 'best'] and 'recall, best epoch' not in page and len(svgs(page)) == 6
    assert text.count('which is the best') == 1 and '| best epoch' not in text


def test_temperature_is_of_the_validation_part(tmp_path):
    labels, scores = fake_run(tmp_path / 'run')[2]
    run, rng = tmp_path / 'run', np.random.default_rng(0)
    chosen = dict(uar=0., war=0., epoch=2)
    chosen.update(json.loads((run / 'result.json').read_text())['best'])
    inner_labels = rng.integers(0, 7, 70)
    inner = softmax(4 * (rng.normal(size=(70, 7)) + 1.2 * np.eye(7)[inner_labels]), axis=1)
    recalls = [(inner.argmax(axis=1) == inner_labels)[inner_labels == label].mean() for label in range(7)]
    save_predictions(run / 'predictions' / 'epoch_2.npz', [f'i{index}' for index in range(70)], inner_labels, inner,
                     CLASSES)
    ids = [f'{index:05d}' for index in range(35)]
    save_predictions(run / 'chosen' / 'predictions.npz', ids, labels, scores, CLASSES)
    result = json.loads((run / 'result.json').read_text())
    result.update(chosen, best=chosen, inner=dict(share=0.1, uar=float(np.mean(recalls)), war=0.5, epoch=2))
    (run / 'result.json').write_text(json.dumps(result))
    report = write_report(str(run))
    told = report['calibration']
    assert told['temperature']['values'] == [pytest.approx(fit_temperature(inner.astype(np.float32), inner_labels))]
    assert told['ece'] == calibration(scores, labels)['ece'] and told['temperature']['right'] == told['right']
    assert 'temperature' not in report['missing'] and '<th>temperature' in (run / 'report.html').read_text()


def test_without_a_validation_part_no_temperature_is_fitted(folds):
    report, page, text = folds
    assert report['calibration']['temperature'] is None and report['calibration']['clips'] == 105
    assert 'it would be fitted on test clips' in page and 'No temperature' in text


def test_rows_are_recalls_with_their_intervals():
    recalls = np.array([[0.5, 0.6, 0.], [0.7, 0.8, 0.2]])
    inside = [dict(low=0.4, high=0.9), dict(low=0.5, high=0.8), None]
    figure = plot_class_rows(dict(last=recalls, best=[0.9, 0.8, 0.3]), CLASSES[:3], None, inside, '95 % interval')
    axes, = figure.axes
    assert [bar.get_width() for bar in axes.containers[0]] == pytest.approx([60, 70, 10])
    whiskers = [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == '|']
    assert whiskers == [[40, 90], [50, 80]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['recall, last', '95 % interval', 'folds',
                                                                          'best']
    with pytest.raises(ValueError, match=r"recalls\['a'\] has shape \(1, 1\)"):
        plot_class_rows(dict(a=[0.5]), CLASSES, None)


def test_reliability_is_drawn_of_filled_bins():
    bins = calibration(np.array([[0.9, 0.1], [0.2, 0.8], [0.45, 0.55]]), np.array([0, 0, 1]), bins=5)['bins']
    figure = plot_reliability(bins, None, bins)
    diagram, counts = figure.axes
    assert [bar.get_height() for bar in diagram.patches] == [100, 0, 100]
    assert [bar.get_height() for bar in counts.patches] == [1, 1, 1] and len(figure.legends[0].get_texts()) == 4
    assert svg_uri(figure) == svg_uri(plot_reliability(bins, None, bins))
