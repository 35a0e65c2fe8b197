"""``mmdfer reproduce``: what is listed, planned and refused, how a table is written, and one that is run to its end."""
from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmdfer.apis import job_queue, running
from mmdfer.apis.figures import FIGURES as DRAWN_BY
from mmdfer.apis.reproduce import job_of, wanted_entries, write_table
from mmdfer.apis.reproduction.collecting import collect
from mmdfer.apis.reproduction.costs import costs_of, render_costs
from mmdfer.apis.reproduction.demo import demo_entries
from mmdfer.apis.reproduction.figures import FIGURES, find_figure
from mmdfer.apis.reproduction.plan import make_plan
from mmdfer.apis.reproduction.wishes import DRAWN, Wishes, read_data, read_images
from mmdfer.config_reading import files_read_once
from mmdfer.config_rows import find_row
from mmdfer.evaluation import save_predictions
from mmdfer.files import write_json
from mmdfer.runs.paper_table import DEMO, Measured, compare, quote
from mmdfer.runs.published import find_table, known_test_clips, read_papers

from ..commands import command
from ..conftest import write_dfew
from ..test_runs.fake_runs import CLASSES, fake_run

TABLES = [table for paper in read_papers().values() for table in paper.tables.values()]
FOLDS = {'dfew': 5, 'ferv39k': 1, 'mafw': 5}


@pytest.fixture(scope='module')
def plans(tmp_path_factory):
    """A plan of every table on its sets; nothing of them is there."""
    wishes = Wishes(str(tmp_path_factory.mktemp('plans')), seeds=(0, 1))
    with files_read_once():
        return {table.name: make_plan(wanted_entries(table, wishes), wishes, lenient=True) for table in TABLES}


def test_every_own_row_of_every_table_is_planned_on_each_set_and_fold(plans):
    for table in TABLES:
        plan = plans[table.name]
        wanted = {(row.row, dataset) for row in table.rows if row.own and not row.label_lost for dataset in row.figures}
        assert set(plan.cells) == wanted, table.name
        assert {run.folder for runs in plan.cells.values() for run in runs} <= set(plan.runs)
        for (_, dataset), runs in plan.cells.items():
            tests = [run for run in runs if run.is_test]
            if not tests:
                folds = 1 if table.folds == 'first' else FOLDS[dataset]
                assert len(runs) == 2 * folds and {run.dataset for run in runs} == {dataset}
                assert len({run.folder for run in runs}) == len(runs)
        assert all(run.epochs > 0 and run.clips for run in plan.runs.values() if not run.is_test)
    assert {table.name for table in TABLES if table.folds == 'first'} == {f'PE-CLIP {n}' for n in range(5, 11)}


def test_rows_of_the_same_settings_are_one_run_also_over_tables(plans):
    def folders(name, row, dataset):
        return [run.folder.rpartition('-')[2] for run in plans[name].cells[row, dataset]]

    assert folders('FE-Adapter II', 'd2conv3d', 'mafw') == folders('FE-Adapter III', 'blocks_1_12', 'mafw') == folders(
        'FE-Adapter IV', 'before_mhsa', 'mafw') == folders('FE-Adapter V', 'fe_adapter', 'mafw')
    assert folders('PE-CLIP 5', 'baseline_adapters', 'dfew') == folders('PE-CLIP 10', 'class_names', 'dfew')
    eight = folders('PE-CLIP 9', 'reduction_8', 'dfew')
    assert eight == folders('PE-CLIP 7', 'tda_w_post_up_projection_scaling', 'dfew')
    assert eight != folders('PE-CLIP 9', 'reduction_16', 'dfew')
    assert len(plans['PE-CLIP 6'].runs) == 2 * 5 and len(plans['FE-Adapter I'].runs) == 2 * 3 * 11


def test_zero_shot_trainings_are_tested_on_every_set(plans):
    plan = plans['FineCLIPER 3']
    trainings = {run.config for run in plan.runs.values() if not run.is_test}
    assert trainings == {f'finecliper_zeroshot/{name}' for name in ('mafw_own', 'mafw', 'dfew', 'ferv39k')}
    assert [run.is_test for run in plan.runs.values()] == sorted(run.is_test for run in plan.runs.values())
    dfew = plan.cells['mafw', 'dfew']
    assert len(dfew) == 2 * 5 and all(run.trained.startswith(plan.wishes.out) for run in dfew)
    assert {run.fold for run in plan.cells['mafw', 'mafw']} == {1} == {run.fold for run in plan.cells['dfew', 'dfew']}
    job = job_of(dfew[0])
    assert job.command == 'test' and job.arguments[1].endswith('last.safetensors') and '--seed' not in job.arguments


def test_what_a_plan_costs(plans):
    text = render_costs(plans['FE-Adapter III'])
    assert re.search(r'fe_adapter/blocks_1_to_4@mafw +mafw +1, 2, 3, 4, 5 +0, 1 +100 +10 +0 ', text)
    clips = 2 * 5 * 100 * (31088 + 7333 + 7335 + 7339 + 7340 + 7341)
    assert f'60 of 60 runs to do: 6,000 epochs, {clips:,} clips to see, time not known' in text
    assert 'lacking: FERV39k, MAFW must be given: --data ferv39k=FOLDER mafw=FOLDER' in text
    assert {cost.seconds for cost in costs_of(plans['FineCLIPER 3'])} == {None}


def test_every_table_has_rows_on_the_drawn_set(tmp_path):
    wishes, runs = Wishes(str(tmp_path), demo=True), {}
    with files_read_once():
        for table in TABLES:
            entries = demo_entries(table, wishes)
            assert {entry.row for entry in entries} == {row.row for row in table.rows if row.own and not row.label_lost}
            assert {entry.dataset for entry in entries} == {DRAWN} and all(
                Path(entry.config).is_file() for entry in entries)
            if table.name in ('FE-Adapter I', 'FineCLIPER 3', 'FineCLIPER 5', 'PE-CLIP 10'):
                runs[table.name] = make_plan(entries, wishes, lenient=True).runs
    # There is one image model and one file of captions there.
    assert {name: len(found) for name, found in runs.items()} == {
        'FE-Adapter I': 1, 'FineCLIPER 3': 1, 'FineCLIPER 5': 5, 'PE-CLIP 10': 5}
    assert all(run.fold == 1 for found in runs.values() for run in found.values())


def test_the_list_names_all_tables_and_figures(tmp_path):
    done = command('reproduce', '--list', '--out', tmp_path)
    found = re.findall(r'^  ((?:table|figure)\d+) ', done.stdout, re.M)
    assert sum(name.startswith('table') for name in found) == 18 and sum(name.startswith('fig') for name in found) == 8
    assert {paper: list(figures) for paper, figures in FIGURES.items()} == dict(
        fe_adapter=['figure1'], pe_clip=['figure1', 'figure3', 'figure4'],
        finecliper=['figure1', 'figure4', 'figure5', 'figure6'])
    assert '3 of 4 own rows run' in done.stdout and done.stdout.count('not run') == 18
    for figures in FIGURES.values():
        assert all(find_row(name) is not None for figure in figures.values() for _, name in figure.rows)
    assert find_figure('PE-CLIP', 'Figure 4').name == 'PE-CLIP, figure 4'


def test_every_figure_has_a_function_that_draws_it(tmp_path):
    assert {paper: {key: figure.draws for key, figure in figures.items()} for paper, figures in FIGURES.items()} == {
        paper: {key: figure.needs for key, figure in figures.items()} for paper, figures in DRAWN_BY.items()}
    done = command('reproduce', 'pe_clip', 'figure1', '--out', tmp_path)
    assert done.returncode == 0 and (tmp_path / 'pe_clip_figure1/pe_clip_figure1.png').stat().st_size > 10_000
    told = command('reproduce', '--list', '--out', tmp_path).stdout
    assert told.count('not drawn\n') == 7 and told.count(' drawn\n') == 8
    plan = command('reproduce', 'finecliper', 'figure6', '--dry-run', '--out', tmp_path).stdout
    assert '4 of 4 runs to do: 120 epochs' in plan and 'DFEW must be given' in plan


def finish(run, seed, uar=None):
    """What the training of a run leaves; with ``uar`` its figures are these alone."""
    rng = np.random.default_rng(seed)
    count = dict(zip(range(1, 6), known_test_clips(run.dataset) or [35] * 5)).get(run.fold or 1)
    labels = np.concatenate([np.arange(7), rng.integers(0, 7, count - 7)])
    return fake_run(Path(run.folder), fold=run.fold, seed=seed, labels=labels, stem='a_row', dataset=run.dataset)


def test_ours_stand_below_the_papers_with_their_spread(tmp_path):
    table, wishes = find_table('pe_clip', '9'), Wishes(str(tmp_path), seeds=(0, 1), folds='1-2')
    plan = make_plan(wanted_entries(table, wishes), wishes, lenient=True)
    for number, run in enumerate(plan.cells['reduction_8', 'dfew'] + plan.cells['reduction_16', 'dfew'][:3]):
        finish(run, number)
    results = collect(plan, table)
    eight, sixteen = results['reduction_8', 'dfew'], results['reduction_16', 'dfew']
    assert set(results) == {('reduction_8', 'dfew'), ('reduction_16', 'dfew')} and eight.told() == '2 folds × 2 seeds'
    mean, std = (float(value) for value in (100 * np.mean(eight.uar), 100 * np.std(eight.uar, ddof=1)))
    sheet = write_table(plan, table)
    lines = sheet.markdown().splitlines()
    ours = lines[next(index for index, line in enumerate(lines) if line.startswith('| reduction 8')) + 1]
    assert ours.startswith('| *measured here, 2 folds × 2 seeds* | 6.63 |') and f'{mean:.2f} ± {std:.2f}' in ours
    assert '| reduction 8 | 9 | **63.02** | **75.35** |' in lines
    assert '| *measured here* |  | not measured | not measured |' in lines
    assert any('3 of 4 runs are finished; not all of fold 2' in note for note in sixteen.notes)
    better = max(np.mean(eight.war), np.mean(sixteen.war))
    assert sheet.markdown().count('**') // 2 == 2 + 2 and f'**{100 * better:.2f} ±' in sheet.markdown()
    content = json.loads((tmp_path / 'pe_clip_table9/table.json').read_text())
    assert content['runs'] == dict(planned=12, finished=7) and len(content['rows']) == 3
    row = content['rows'][1]
    assert row['paper'] == {'dfew.uar': 63.02, 'dfew.war': 75.35} and row['measured']['dfew']['uar'] == eight.uar
    assert row['measured']['dfew']['figures']['uar'] == dict(mean=pytest.approx(mean), std=pytest.approx(std))
    done = command('reproduce', '--list', '--out', tmp_path).stdout
    assert '7 of 12 runs' in next(line for line in done.splitlines() if line.startswith('  table9'))
    # What is finished tells how long the rest takes: 30 iterations of half a second each.
    costs = {cost.runs[0].config: cost for cost in costs_of(plan)}
    sixteen = costs['pe_clip/reduction_16@dfew']
    assert (sixteen.waiting, sixteen.seconds, sixteen.clips) == (1, 15.0, 30 * 9356)
    with pytest.raises(ValueError, match='holds a run with other settings: model.type'):
        make_plan(wanted_entries(table, wishes), wishes, lenient=True)


def test_recalls_of_each_class_and_other_test_sets(tmp_path):
    table, wishes = find_table('pe_clip', '4'), Wishes(str(tmp_path), folds='1')
    plan = make_plan(wanted_entries(table, wishes), wishes, lenient=True)
    run, = plan.cells['pe_clip', 'dfew']
    labels, scores = fake_run(Path(run.folder), fold=1, seed=3)[3]
    found = collect(plan, table)['pe_clip', 'dfew']
    recalls = [np.mean(scores.argmax(1)[labels == label] == label) for label in range(7)]
    assert [found.recall[0][name] for name in CLASSES] == pytest.approx(recalls)
    assert any('Over 35 test clips' in note and 'Not comparable' in note for note in found.notes)
    assert any('Of fold 1 alone, where the paper has 5 folds' in note for note in found.notes)
    text = compare(table, {('pe_clip', 'dfew'): found}).markdown()
    assert f'{100 * recalls[0]:.2f}' in text and 'Likely a misprint' in text


def test_tests_of_one_training_are_a_mean_over_folds(tmp_path):
    table, wishes = find_table('finecliper', '3'), Wishes(str(tmp_path), rows=('mafw', ))
    plan = make_plan(wanted_entries(table, wishes), wishes, lenient=True)
    runs = plan.cells['mafw', 'dfew']
    for number, run in enumerate(runs):
        metrics = dict(uar=0.5 + number / 100, war=0.6, seen_clips=0, trained_on='mafw', **{'recall/happy': 0.7})
        write_json(metrics, Path(run.folder) / 'metrics.json')
        labels = np.arange(known_test_clips('dfew')[number]) % 7
        save_predictions(Path(run.folder) / 'predictions.npz', [str(one) for one in range(len(labels))], labels,
                         np.eye(7)[labels], CLASSES)
    found = collect(plan, table)['mafw', 'dfew']
    assert found.told() == '5 folds' and found.uar == [0.5, 0.51, 0.52, 0.53, 0.54]
    assert len(found.notes) == 1 and found.notes[0].startswith('Trained on the captions of MAFW on fold 1; tested on')


@pytest.mark.parametrize('words, message', [
    (['fe_adapter', 'table3', '--data', 'ferv39k=/nowhere'], 'MAFW must be given: --data mafw=FOLDER'),
    (['fe_adapter', '3', '--data', 'ferv39k=/nowhere', '--sets', 'ferv39k'], "data_root='/nowhere': no such folder"),
    (['pe_clip', 'table11'], r"the paper has no such table of results; did you mean .*table1"),
    (['pe_clipp', 'table3'], "pe_clipp: there is no such paper; did you mean 'pe_clip'"),
    (['finecliper', 'figure7'], "has no such figure of results; did you mean 'figure"),
    (['pe_clip', 'table9', '--rows', 'reduction_17'], "there is no 'reduction_17'; did you mean 'reduction_1"),
    (['fe_adapter', 'table3', '--sets', 'dfew'], "FE-Adapter III: --sets: there is no 'dfew'; "),
    (['pe_clip', 'table9', '--data', 'defw=/x'], "--data: there is no 'defw'; did you mean 'dfew'"),
    (['pe_clip', 'table9', '--data', '/x'], '--data /x: expected SET=FOLDER'),
    (['pe_clip', 'table9', '--seed', '3'], '--seed is for one run: .* it has --seeds'),
    (['fe_adapter', 'table1', '--image-checkpoint', 'a.pth', 'b.pth'], 'one model serves all rows; .* ROW=FILE'),
    (['pe_clip'], 'of which paper and table'),
])
def test_mistakes_are_one_line(words, message):
    done = command('reproduce', *words)
    assert done.returncode == 2 and re.search(message, done.stderr) and done.stderr.count('\n') == 1, done.stderr


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    return write_dfew(tmp_path_factory.mktemp('reproduce') / 'demo', train=7, test=7, frames=4, size=16)


def test_a_missing_fold_is_told_before_anything_starts(drawn, tmp_path):
    checkpoint = tmp_path / 'clip.pt'
    checkpoint.touch()
    words = ['pe_clip', 'table9', '--data', f'dfew={drawn}', '--clip-checkpoint', checkpoint, '--out', tmp_path / 'out']
    done = command('reproduce', *words, '--folds', '2-3')
    assert done.returncode == 2 and re.search('fold 3 of DFEW is missing: there is no .*set_3.csv', done.stderr)
    assert not (tmp_path / 'out').exists()
    told = command('reproduce', *words, '--folds', '1-2', '--dry-run')
    assert told.returncode == 0 and '6 of 6 runs to do: 180 epochs' in told.stdout and 'lacking' not in told.stdout
    without = command('reproduce', *words[:4], '--out', tmp_path / 'out')
    assert without.returncode == 2 and 'would keep random weights' in without.stderr


def test_one_image_model_is_not_taken_for_several(tmp_path):
    model = tmp_path / 'vitb.pth'
    model.touch()
    words = ['fe_adapter', 'table1', '--sets', 'dfew', '--dry-run', '--out', tmp_path]
    done = command('reproduce', *words, '--image-checkpoint', model)
    assert done.returncode == 2 and 'different image sets' in done.stderr and 'choose rows by --rows' in done.stderr
    single = [f'{row}={model}' for row in ('raf_db', 'ferplus', 'affectnet')]
    assert command('reproduce', *words, '--image-checkpoint', *single).returncode == 0
    # Without any, each row wants that of its own image set.
    told = command('reproduce', *words, '--rows', 'ferplus').stdout
    assert 'lacking: FERPlus: work_dirs/vitb_ferplus/best.pth is not there' in told


class InProcess:
    """A training that runs where the tests do."""

    def __init__(self, arguments, folder, launch, environment, name):
        self.log, self.done = f'{folder}/console.log', command(name, *arguments)

    def ended(self):
        return True

    def failed(self):
        return self.done.returncode != 0

    def complaint(self):
        return self.done.stderr

    def end(self):
        pass


SMALL = ['train_cfg.max_epochs=1', 'model.backbone.init_cfg=None', 'size=16', *(
    f'{loader}_dataloader.{key}' for loader in ('train', 'val', 'test')
    for key in ('num_workers=0', 'persistent_workers=False', 'batch_size=7'))]


def test_a_table_runs_to_its_end_and_is_not_run_again(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(job_queue, 'Training', InProcess)
    monkeypatch.setattr(job_queue, 'time', SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(running, '_draw', lambda *args: None)
    words = ['--demo', '--data', f'demo={drawn}', '--out', tmp_path, '--no-report', '--cfg-options', *SMALL]
    done = command('reproduce', 'fe_adapter', 'table2', '--rows', 'd2conv3d', *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(': training; log in') == 1 and 'demo (synthetic) UAR' in done.stdout
    content = json.loads((tmp_path / 'fe_adapter_table2/table.json').read_text())
    assert content['synthetic'] and content['runs'] == dict(planned=1, finished=1)
    measured = {row['row']: row['measured'].get(DEMO) for row in content['rows']}
    assert [row for row, found in measured.items() if found is not None] == ['d2conv3d']
    assert 0 <= measured['d2conv3d']['uar'][0] <= 1 and measured['d2conv3d']['tunable'] > 80_000
    # The same run serves Table V, whose own row is this model; and it is not repeated.
    again = command('reproduce', 'fe_adapter', 'table5', *words)
    assert again.returncode == 0, again.stderr
    assert ': training' not in again.stdout and again.stdout.count('done before') == 1
    assert 'drawn faces' in again.stdout and '| C3D |' in again.stdout


def test_a_failed_run_is_told_and_the_table_is_written_all_the_same(drawn, tmp_path, monkeypatch):
    class Failing(InProcess):
        def __init__(self, *args):
            self.log = 'x'

        def failed(self):
            return True

        def complaint(self):
            return 'out of luck (log: x)'
    monkeypatch.setattr(job_queue, 'Training', Failing)
    words = ['fe_adapter', 'table4', '--demo', '--data', f'demo={drawn}', '--out', tmp_path, '--cfg-options', *SMALL]
    done = command('reproduce', *words)
    assert done.returncode == 2 and 'out of luck' in done.stderr
    assert 'not measured' in (tmp_path / 'fe_adapter_table4/table.md').read_text()


def test_options_are_read():
    assert read_data(['DFEW=/a', 'mafw=/b=c']) == dict(dfew='/a', mafw='/b=c')
    assert read_images(['x=y.pth', 'dfer_clip=b.pt'], ['dfer_clip']) == ('x=y.pth', dict(dfer_clip='b.pt'))
    table = find_table('fe_adapter', 'V')
    rows = {entry.row for entry in wanted_entries(table, Wishes('out', rivals=True))}
    assert rows == {'c3d', '3d_resnet_18', 'dfer_clip', 'fe_adapter'}
    assert {entry.row for entry in wanted_entries(table, Wishes('out', rows=('dfer_clip', )))} == {'dfer_clip'}
    with pytest.raises(ValueError, match='FE-Adapter V: there is no config of est on dfew'):
        wanted_entries(table, Wishes('out', rows=('est', ), sets=('dfew', )))
    with pytest.raises(ValueError, match='FE-Adapter V: none of its rows runs on the drawn set'):
        demo_entries(table, Wishes('out', rows=('est', ), demo=True))


@pytest.mark.parametrize('table', TABLES, ids=lambda table: table.name)
def test_a_table_is_quoted_with_every_cell_and_note(table):
    done = command('reproduce', table.paper.stem, table.key, '--quote')
    lines = [line for line in done.stdout.splitlines() if line.startswith('| ')][2:]
    assert len(lines) == len(table.rows)
    for line, row in zip(lines, table.rows):
        cells = [re.sub(r'[*⁰¹²³⁴⁵⁶⁷⁸⁹ ]', '', cell) for cell in line.strip('| ').split('|')][-len(table.columns):]
        assert cells == ['–' if row.value(column) is None else f'{row.value(column):.2f}' for column in table.columns]
    notes = [note.says for note in (*table.notes, *table.lost_digits())]
    assert len(re.findall(r'^\d+\. ', done.stdout, re.M)) == len(set(notes))
    best = max(value for _, column, value in table.cells() if column == table.columns[-1])
    assert f'**{best:.2f}**' in done.stdout


def balanced(text):
    return [text.count(f'\\begin{{{name}}}') - text.count(f'\\end{{{name}}}')
            for name in ('table', 'tabular', 'minipage')]


def test_tables_are_latex():
    """As many cells in each line as columns, and nothing that LaTeX takes for a command."""
    for table in TABLES:
        text = quote(table).latex()
        assert balanced(text) == [0, 0, 0] and r'\toprule' in text and r'\bottomrule' in text
        columns = len(re.search(r'\\begin\{tabular\}\{(\w+)\}', text)[1])
        for line in re.findall(r'^(?!.*multicolumn)(.* & .*) \\\\$', text, re.M):
            assert len(re.findall(r'(?<!\\)&', line)) == columns - 1, line
        assert not re.findall(r'(?<!\\)[%#_](?!$)', text.partition('\n')[2], re.M)
    ours = compare(find_table('pe_clip', '9'), {('reduction_8', 'dfew'): Measured([0.6, 0.7], [0.7, 0.8])}).latex()
    assert r'65.00 $\pm$ 7.07' in ours and r'\textbf{63.02}' in ours and r'\textit{not measured}' in ours


@pytest.mark.skipif(not shutil.which('pdflatex') and not shutil.which('tectonic'), reason='no LaTeX is installed here')
def test_tables_compile(tmp_path):
    body = '\n\\clearpage\n'.join(quote(table).latex() for table in TABLES)
    (tmp_path / 'all.tex').write_text('\\documentclass{article}\\usepackage[utf8]{inputenc}'
                                      '\\usepackage{booktabs,graphicx}\\begin{document}\n' + body + '\\end{document}\n')
    words = ['pdflatex', '-interaction=nonstopmode', '-halt-on-error'] if shutil.which('pdflatex') else ['tectonic']
    done = subprocess.run([*words, 'all.tex'], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and (tmp_path / 'all.pdf').stat().st_size > 10000, done.stdout[-2000:]
