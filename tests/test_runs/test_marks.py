"""A run on drawn clips, or on other test clips than the published ones, is named so wherever its figures stand."""
from __future__ import annotations

import json

import pytest
from matplotlib.text import Text

from mmdfer.apis import running
from mmdfer.datasets.drawn import FORMAT, is_drawn
from mmdfer.run_config import load_config
from mmdfer.runs.fold_results import summarize_folds
from mmdfer.runs.marks import picture_title, set_told
from mmdfer.runs.published import comparable, paper_row
from mmdfer.runs.report import write_report
from mmdfer.runs.samples import set_name, set_title
from mmdfer.runs.summary import summarize
from mmdfer.synthetic import Options, make_dataset
from mmdfer.visualization import plot_confusion_matrix

from ..conftest import ROOT
from .fake_runs import fake_run

TITLE = 'DFEW (synthetic)'


@pytest.fixture
def drawn(tmp_path):
    """A folder with the mark of drawn clips."""
    (tmp_path / 'DFEW').mkdir()
    (tmp_path / 'DFEW/meta.json').write_text(json.dumps(dict(format=FORMAT)))
    return tmp_path / 'DFEW'


def test_drawn_clips_are_known_under_a_real_sets_class(drawn, tmp_path):
    cfg = load_config(ROOT / 'configs/fe_adapter_vitb_dfew.py')
    assert (set_name(cfg), set_title(cfg)) == ('dfew', 'DFEW')
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[loader].dataset.data_root = str(drawn)
    assert (set_name(cfg), set_title(cfg)) == ('dfew-synthetic', TITLE)
    assert not comparable(set_name(cfg), [2341]) and paper_row('fe_adapter_vitb_dfew', set_name(cfg)) is None
    demo = load_config(ROOT / 'configs/demo/fe_adapter.py')
    demo.train_dataloader.dataset.data_root = str(drawn)
    assert (set_name(demo), set_title(demo)) == ('demo', 'demo (synthetic)')
    assert is_drawn(drawn / 'static') and not is_drawn(tmp_path / 'other')
    for content in ('[1]', '{', '[' * 100_000, '{"format": "x"}'):
        (tmp_path / 'y').mkdir(exist_ok=True)
        (tmp_path / 'y/meta.json').write_text(content)
        is_drawn.__globals__['_is_drawn'].cache_clear()
        assert not is_drawn(tmp_path / 'y')


def test_what_the_demo_draws_has_the_mark(tmp_path):
    make_dataset(tmp_path / 'set', Options(subjects=5, clips=35, static=0, size=16))
    assert is_drawn(tmp_path / 'set')


def test_every_table_page_and_picture_names_drawn_clips(tmp_path):
    fake_run(tmp_path / 'run', name='m', dataset='dfew-synthetic', title=TITLE)
    fake_run(tmp_path / 'real', name='m', title='DFEW', stem='fe_adapter_vitb_dfew')
    summarize([str(tmp_path / name) for name in ('real', 'run')], out=str(tmp_path / 'sum.json'),
              latex=str(tmp_path / 'rows.tex'))
    latex = (tmp_path / 'rows.tex').read_text()
    assert f'{{{TITLE}}}' in latex and '{DFEW, 35 test clips}' in latex and '{DFEW}' not in latex
    for file in ('sum.json', 'sum.md', 'sum.html'):
        text = (tmp_path / file).read_text()
        assert TITLE in text or TITLE.replace('(', '\\(') in text, file
        assert 'DFEW, 35 test clips' in text, file
    write_report(str(tmp_path / 'run'))
    folds = tmp_path / 'folds'
    fake_run(folds / 'fold_1', name='m', dataset='dfew-synthetic', title=TITLE)
    summarize_folds(str(folds))
    assert (folds / 'folds.png').is_file()
    assert 'Set: DFEW (synthetic)' in (folds / 'folds.md').read_text()
    assert json.loads((folds / 'folds.json').read_text())['title'] == TITLE
    for file in ('report.json', 'report.md', 'report.html'):
        assert 'synthetic' in (tmp_path / 'run' / file).read_text(), file
    assert json.loads((tmp_path / 'run/report.json').read_text())['published'] == []


def test_pictures_are_headed_by_the_set_where_it_is_synthetic():
    assert picture_title('m', TITLE) == f'm, {TITLE}' and picture_title('m', 'DFEW') == picture_title('m', None) == 'm'
    figure = plot_confusion_matrix([[1, 0], [0, 1]], ['a', 'b'], None, title=picture_title('m', TITLE))
    assert any(TITLE in text.get_text() for text in figure.findobj(Text))
    assert running.picture_title is picture_title


@pytest.mark.parametrize('dataset, clips, told', [
    ('dfew', [2341], 'T'), ('dfew', [2341, 2340], 'T'), ('dfew', [None], 'T'), ('dfew', [7], 'T, 7 test clips'),
    ('dfew', [7, 7, 2341], 'T, 7 test clips'), ('dfew', [5, 7], 'T, 5 and 7 test clips'), ('own', [7], 'T')])
def test_other_test_clips_than_the_published_ones_are_told(dataset, clips, told):
    assert set_told('T', dataset, clips) == told
