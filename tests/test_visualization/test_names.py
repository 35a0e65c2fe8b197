"""Names of runs and classes stand in pictures, pages, Markdown and LaTeX as they are written."""
import html
import re
import warnings

import numpy as np
import pytest
from matplotlib.text import Text

from mmdfer.visualization import figure as figure_module, plot_class_bars, plot_confusion_matrix, plot_curves
from mmdfer.visualization.figure import legend_text
from mmdfer.visualization.report import Table, escape_latex, latex_rows
from mmdfer.visualization.report.folds import render_folds
from mmdfer.visualization.report.markdown import code_span, escape_markdown

AWKWARD = ('run_$1_$2', '$\\frac{', '_hidden', '100% {x} {{y}}', '\\alpha_ `q` ``r``', '"a" \'b\'',
           '<c> & &lt; <b>d</b>', '[e](f) ![g](h) | i', '#1 j #', '- k', '1. l', '*m* __n__ ~~o~~ p_q_r',
           'ж 喜び é', '-s-', '+ t', ' u ')


def drawn(figure):
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.filterwarnings('ignore:Glyph')
@pytest.mark.parametrize('ending', ['png', 'svg', 'pdf'])
def test_pictures_take_no_name_for_a_formula(ending, tmp_path):
    classes = AWKWARD[:7]
    matrix = np.diag(range(1, 8))
    records = [dict(step=1, unit='epoch', uar=0.5, war=0.5), dict(step=10, iter=10, epoch=1, loss=1.0, lr=0.1)]
    figures = [plot_confusion_matrix(matrix, classes, tmp_path / f'a.{ending}', title=AWKWARD[1]),
               plot_class_bars({AWKWARD[0]: np.ones(7), AWKWARD[2]: np.ones(7)}, classes, tmp_path / f'b.{ending}',
                               AWKWARD[1]),
               plot_curves({name: records for name in AWKWARD}, tmp_path / f'c.{ending}', title=AWKWARD[1])]
    for figure in figures:
        assert not any(text.get_parse_math() for text in figure.findobj(Text))
    assert set(classes) <= set(drawn(figures[1])) and AWKWARD[1] in drawn(figures[2])
    assert all((tmp_path / f'{name}.{ending}').stat().st_size > 5000 for name in 'abc')


def test_a_name_in_another_script_is_drawn_in_a_font_that_has_it(monkeypatch, tmp_path):
    monkeypatch.setattr(figure_module, 'SCRIPTS', ('No Such Font', 'STIXGeneral'))           # which has the letter ᶁ
    figure_module.other_fonts.cache_clear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        plot_class_bars({'a': np.ones(2)}, ['ᶁ', 'b'], tmp_path / 'a.png')
    assert [str(one.message) for one in told if 'Glyph' in str(one.message)] == []
    monkeypatch.undo()
    figure_module.other_fonts.cache_clear()


def test_a_legend_names_every_run():
    figure = plot_curves({name: [dict(step=1, unit='epoch', uar=0.5, war=0.5)] for name in AWKWARD}, None)
    told = [text.get_text().lstrip('\u200b') for text in figure.legends[0].get_texts()]
    assert told[2:] == [f'{name}: best UAR 50.00%, WAR 50.00%, epoch 1' for name in AWKWARD]
    assert legend_text('') is None and legend_text('a_b') == 'a_b'


def shown(text):
    """The text that a reader of rendered Markdown sees, and that it has no markup but the table's or heading's own."""
    markdown_it = pytest.importorskip('markdown_it')
    page = markdown_it.MarkdownIt('gfm-like', dict(linkify=False)).render(text)
    return page, ' '.join(html.unescape(re.sub(r'<[^>]+>', '', page)).split())


@pytest.mark.parametrize('name', AWKWARD)
def test_markdown_shows_a_name_as_it_is(name):
    plain = ' '.join(name.split())
    for before, tag in (('# ', 'h1'), ('- ', 'li'), ('', 'p')):
        page, text = shown(before + escape_markdown(name) + '\n')
        assert text == plain and set(re.findall(r'<(\w+)', page)) <= {tag, 'ul'}, page
    page, text = shown(Table(['model', 'UAR'], [[name, '1']], foot=[[name, '2']]).markdown() + '\n')
    assert re.findall(r'<td[^>]*>(.*?)</td>', page) == [text_of(plain), '1', f'<strong>{text_of(plain)}</strong>',
                                                        '<strong>2</strong>']
    assert shown(f'x: {code_span(name)}\n')[1] == f'x: {plain}'


def text_of(plain):
    """The text as HTML holds it."""
    return html.escape(plain, quote=True).replace('&#x27;', "'")


def test_plain_names_are_not_escaped():
    for name in ('fe_adapter_vitb_dfew', 'small_one & co', 'FE-Adapter (r = 8)', 'D²Conv3D', 'a.b/c@d', 'x - y'):
        assert escape_markdown(name) == name


def test_folds_are_told_under_any_name():
    row = dict(fold=1, epoch=3, clips=4, uar=0.5, war=0.5, recall=[1.0, 0.0], confusion=[[2, 0], [2, 0]], absent=[])
    part = dict(uar=dict(mean=0.5, std=None), war=dict(mean=0.5, std=None), recall=[1.0, 0.0],
                pooled=dict(clips=4, uar=0.5, war=0.5, recall=[1.0, 0.0], confusion=row['confusion']), folds=[row])
    classes = ['$a$|b', '_c_']
    summary = dict(name='<b>*x*</b>', select='last', classes=classes, folds=[1], missing=[], notes=['of `y` *z*.'],
                   last=part, best=part)
    page, text = shown(render_folds(summary))
    assert '<h1>&lt;b&gt;*x*&lt;/b&gt;</h1>' in page and '<strong>of `y` *z*.</strong>' in page
    assert re.findall(r'<th[^>]*>(.*?)</th>', page)[5:7] == classes
    assert 'UAR 50.00, WAR 50.00 (per cent): mean of fold 1, last epoch.' in text


def test_the_quoted_figure_of_folds_is_the_selected_one():
    def part(uar, std):
        rows = [dict(fold=3, epoch=5, clips=17, uar=uar, war=1.0, recall=[1.0, 0.0], confusion=[[17, 0], [0, 0]],
                     absent=['b'])]
        return dict(uar=dict(mean=uar, std=std), war=dict(mean=1.0, std=0.0), recall=[1.0, 0.0], folds=rows,
                    pooled=dict(clips=17, uar=uar, war=1.0, recall=[1.0, 0.0], confusion=[[17, 0], [0, 0]]))
    summary = dict(name='fe', select='best', classes=['a', 'b'], folds=[3, 4], missing=[], notes=['A note.'],
                   last=part(0.25, 0.1), best=part(0.75, 0.1443))
    text = render_folds(summary)
    assert 'UAR 75.00 ± 14.43, WAR 100.00 ± 0.00 (per cent): mean ± standard deviation of folds 3, 4, best' in text
    assert '**A note.**' in text and '| 3 | 5 | 17 | 75.00 | 100.00 | 100.00 |  |' in text.split('## Best epoch')[1]
    assert 'UAR 25.00 ± 10.00' in render_folds(dict(summary, select='last'))


@pytest.mark.parametrize('text, escaped', [
    ('[a] *b*', r'{[}a{]} {*}b{*}'), ('<a> | "b"', r"\textless{}a\textgreater{} \textbar{} ''b''"), ('a\nb', 'a b'),
    ('run_$1_$2', r'run\_\$1\_\$2'), ('ж 喜', 'ж 喜')])
def test_latex_shows_a_name_as_it_is(text, escaped):
    assert escape_latex(text) == escaped


def test_a_row_of_latex_ends_where_it_should_under_any_name():
    row = dict(uar=0.5, war=0.6, uar_std=None, war_std=None, tunable=None, paper=None, dataset=None)
    lines = latex_rows([dict(row, name=name) for name in AWKWARD]).splitlines()
    assert len([line for line in lines if line.endswith(r'\\')]) == len(AWKWARD)
    for line in lines:
        if line.endswith(r'\\'):
            assert re.sub(r'\\&', '', line).count('&') == 5 and not line.startswith(('[', '*'))
