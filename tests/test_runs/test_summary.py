"""Runs in one table: folds as their mean, the papers' figures beside, and rows that LaTeX reads."""
import json
import re
import subprocess
import sys

import pytest

from mmdfer.apis.launching import child_environment
from mmdfer.runs.published import comparable
from mmdfer.runs.summary import summarize
from mmdfer.visualization.report import Table, escape_latex, latex_rows
from mmdfer.visualization.report.cells import count, duration, mebibytes, memory, millions

from .fake_runs import fake_run


def full_size(fold):
    """Labels of a test set with the published number of clips."""
    return [index % 7 for index in range((2341, 2341, 2340, 2339, 2336)[fold - 1])]


@pytest.fixture
def runs(tmp_path):
    """Two folds of a paper's config at full size, and a small run of no paper."""
    for fold in (1, 2):
        fake_run(tmp_path / 'fe_adapter_vitb_dfew' / f'fold_{fold}', fold=fold, seed=fold, stem='fe_adapter_vitb_dfew',
                 labels=full_size(fold), ids=[f'{fold}-{index}' for index in range(len(full_size(fold)))])
    fake_run(tmp_path / 'small_one', name='small_one & co', seed=5)
    return tmp_path


def test_folds_are_one_row_with_the_papers_figures(runs, capsys):
    rows = summarize([str(runs)], out=str(runs / 'out' / 'all.json'), latex=str(runs / 'out' / 'rows.tex'))
    assert json.loads((runs / 'out' / 'all.json').read_text()) == rows
    model, small = rows
    results = [json.loads((runs / f'fe_adapter_vitb_dfew/fold_{fold}/result.json').read_text()) for fold in (1, 2)]
    assert model['folds'] == [1, 2] and model['seconds'] == 122
    for key in ('uar', 'war'):
        assert model[key] == pytest.approx(sum(one[key] for one in results) / 2)
        assert model['best'][key] == pytest.approx(sum(one['best'][key] for one in results) / 2)
    assert (model['paper']['uar'], model['paper']['war']) == (0.6089, 0.7367) and small['paper'] is None
    printed = capsys.readouterr().out
    assert '60.89' in printed and f'{100 * model["uar"]:.2f} ± {100 * model["uar_std"]:.2f}' in printed
    html = (runs / 'out' / 'all.html').read_text()
    assert 'PE-CLIP' in html and 'small_one &amp; co' in html
    assert 'http' not in re.sub(r'data:image/[^"]*', '', html)
    assert (runs / 'out' / 'all.md').read_text().strip() == printed.strip()


def test_all_that_is_published_stands_around_ours_with_protocol_and_tunable_parameters(runs, capsys):
    model, _ = summarize([str(runs)], sort='war', with_published=True)[::-1][:2][::-1]
    told = capsys.readouterr().out
    lines = told[told.index('published and measured here'):].splitlines()
    rows = [[cell.strip() for cell in line.strip('| ').split(' | ')] for line in lines if line.startswith('| ')]
    assert rows[0] == ['method', 'printed in', 'figures are of', 'tunable', 'UAR', 'WAR']
    by_name = {row[0]: row for row in rows[2:]}
    mae, = (row for name, row in by_name.items() if name.startswith('MAE-DFER') and 'its own' in row[1])
    assert mae[2:] == ['last epoch, 2 views', '85.00 M', '63.41', '74.43']
    ours, = (row for name, row in by_name.items() if 'measured here' in name)
    assert 'fe_adapter_vitb_dfew' in ours[0] and 'last epoch' in ours[2] and '6.63 M' in ours[3]
    wars = [float(re.search(r'[\d.]+', row[5].strip('*'))[0]) for row in rows[2:] if row[5] != 'not given']
    assert wars == sorted(wars, reverse=True) and len(wars) > 30


def test_latex_rows_hold_the_figures(runs):
    model, small = summarize([str(runs)], latex=str(runs / 'rows.tex'))
    lines = [line for line in (runs / 'rows.tex').read_text().splitlines() if line and not line.startswith('%')]
    assert lines[0] == r'\multicolumn{6}{l}{DFEW} \\' and len(lines) == 5
    cells = lines[1].removesuffix(r' \\').split(' & ')
    assert cells == [r'fe\_adapter\_vitb\_dfew', '6.63',
                     f'${100 * model["uar"]:.2f} \\pm {100 * model["uar_std"]:.2f}$',
                     f'${100 * model["war"]:.2f} \\pm {100 * model["war_std"]:.2f}$', '60.89', '73.67']
    # Of other test clips than the published ones: not under the set's bare name.
    assert lines[2:4] == [r'\midrule', r'\multicolumn{6}{l}{DFEW, 35 test clips} \\']
    assert lines[4].startswith(r'small\_one \& co & 6.63 & ') and lines[4].endswith(r' & -- & -- \\')


@pytest.mark.parametrize('text, escaped', [
    ('a_b', r'a\_b'), ('50% & #1 {x} $', r'50\% \& \#1 \{x\} \$'), ('a\\b', r'a\textbackslash{}b'),
    ('~^', r'\textasciitilde{}\textasciicircum{}'), ('D²Conv3D', 'D$^2$Conv3D'), ('plain', 'plain')])
def test_latex_escapes(text, escaped):
    assert escape_latex(text) == escaped


def test_sets_are_set_apart_in_latex():
    row = dict(name='m', uar=0.5, war=0.6, uar_std=None, war_std=None, tunable=None, paper=dict(uar=None, war=0.7668))
    text = latex_rows([dict(row, dataset='mafw'), dict(row, dataset='dfew')])
    assert text.count(r'\midrule') == 1 and text.index('DFEW') < text.index(r'\midrule') < text.index('MAFW')
    assert 'm & -- & 50.00 & 60.00 & -- & 76.68 \\\\' in text


@pytest.mark.parametrize('sort, order', [('name', ['fe_adapter_vitb_dfew', 'small_one & co']),
                                         ('seconds', ['fe_adapter_vitb_dfew', 'small_one & co'])])
def test_rows_are_sorted(sort, order, runs):
    assert [row['name'] for row in summarize([str(runs / 'small_one'), str(runs)], sort=sort)] == order
    assert [row['name'] for row in summarize([str(runs / 'small_one'), str(runs)])] == order[::-1]


def test_unknown_column_and_empty_folder_are_errors(runs, tmp_path):
    with pytest.raises(ValueError, match="sort='size': choose one of uar"):
        summarize([str(runs)], sort='size')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='empty: no finished run in it'):
        summarize([str(tmp_path / 'empty')])


def test_papers_do_not_stand_beside_other_test_sets(tmp_path):
    """A config of a paper on a small or synthetic set in the same layout is not compared."""
    fake_run(tmp_path / 'run', stem='fe_adapter_vitb_dfew')
    row, = summarize([str(tmp_path)])
    assert row['paper'] is None and not row['comparable']
    assert comparable('dfew', [2341, 2336]) and comparable('dfew', [None]) and not comparable('rafdb', [100])


@pytest.mark.parametrize('cell, text, value', [
    (duration(None), 'not measured', None), (duration(0.21), '210 ms', 0.21), (duration(4.06), '4.1 s', 4.06),
    (duration(59.97), '1 min 00 s', 59.97), (duration(3723), '1 h 02 min', 3723), (millions(679), '679', 679),
    (millions(6628027), '6.63 M', 6628027), (count(6628027), '6,628,027', 6628027), (mebibytes(512), '512 MiB', 512),
    (mebibytes(20480), '20.0 GiB', 20480), (memory(None, 640), '640 MiB RSS', 640),
    (memory(9000, 640), '9,000 MiB', 9000),
    (memory(None, None), 'not measured', None)])
def test_cells_read_well_and_sort_by_their_number(cell, text, value):
    assert cell == text and cell.value == value


def test_markdown_keeps_columns_apart():
    table = Table(('name', 'figure'), [['a|b', '1']], foot=[['all', '2']])
    assert table.markdown() == '| name | figure |\n| --- | ---: |\n| a\\|b | 1 |\n| **all** | **2** |'


def test_a_table_of_runs_needs_neither_torch_nor_mmengine(runs):
    """Hundreds of runs are read with NumPy alone; their pictures, where asked for, with matplotlib."""
    code = '''
import sys
from mmdfer.runs.summary import summarize
summarize(sys.argv[1:2], out=sys.argv[2])
print(*sorted({'torch', 'mmengine', 'mmcv', 'cv2'} & set(sys.modules)), file=sys.stderr)
'''
    done = subprocess.run([sys.executable, '-c', code, str(runs), str(runs / 'out' / 'all.json')],
                          env=child_environment(), capture_output=True, text=True, check=True)
    assert done.stderr.strip() == '' and 'PE-CLIP' in (runs / 'out' / 'all.html').read_text()
