"""The mean over folds of a model that is only tested: each fold once, with its own file, and nothing mixed up."""
import json

import numpy as np
import pytest

from mmdfer.apis.folds import plan_tests, run_folds
from mmdfer.apis.launching import ALONE
from mmdfer.apis.processes import Places
from mmdfer.evaluation import fold_row, load_predictions, save_predictions
from mmdfer.runs.fold_results import summarize_folds, tell
from mmdfer.runs.groups import find_runs, summarize_runs
from mmdfer.runs.report import gather, render_markdown

from ..commands import command
from ..conftest import ROOT

CONFIG = str(ROOT / 'configs/demo/fe_adapter.py')
CLASSES = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')

# Plays mmdfer test: notes how it was started and copies the fold's outcome into the folder.
PLAYER = '''
import json, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
fold, out = (sys.argv[sys.argv.index(option) + 1] for option in ('--fold', '--out'))
shutil.copytree(here / 'tests' / f'fold_{fold}', out, dirs_exist_ok=True)
with open(here / 'calls', 'a') as file:
    file.write(json.dumps(sys.argv[1:]) + '\\n')
'''


@pytest.fixture(scope='module')
def outcomes(tmp_path_factory):
    """What a test leaves of each fold, with random predictions."""
    place = tmp_path_factory.mktemp('tests')
    for fold in (1, 2, 3):
        rng, labels, folder = np.random.default_rng(fold), np.arange(21) % 7, place / f'fold_{fold}'
        save_predictions(folder / 'predictions.npz', [f'{fold}-{index}' for index in range(21)], labels,
                         rng.random((21, 7)) + np.eye(7)[labels] / 2, CLASSES)
        row = fold_row(fold, None, load_predictions(folder / 'predictions.npz'))
        (folder / 'metrics.json').write_text(json.dumps(dict(
            uar=row['uar'], war=row['war'], fold=fold, dataset='dfew', title='DFEW, synthetic', tunable=0, total=9,
            trained_on='nothing', seen_clips=0, checkpoint=None)))
    return place


@pytest.fixture
def place(tmp_path, outcomes, monkeypatch):
    monkeypatch.setattr('mmdfer.apis.launching.PROGRAM', (str(tmp_path / 'program.py'), ))
    (tmp_path / 'tests').symlink_to(outcomes)
    (tmp_path / 'program.py').write_text(PLAYER)
    for fold in (1, 2, 3):
        (tmp_path / f'fold_{fold}.pth').touch()
    return tmp_path


def plan(place, checkpoint='', **kwargs):
    return plan_tests(CONFIG, checkpoint, ['--data-root', str(place)], out=str(place / 'out'), **kwargs)


def test_each_fold_is_tested_once_and_the_mean_is_of_all(place, outcomes):
    summary = run_folds(plan(place, folds='1-2'), Places(ALONE, 2))
    told = [json.loads((outcomes / f'fold_{fold}/metrics.json').read_text()) for fold in (1, 2)]
    for name in ('uar', 'war'):
        assert summary['tested'][name]['mean'] == pytest.approx(np.mean([one[name] for one in told]))
        assert summary['tested'][name]['std'] == pytest.approx(np.std([one[name] for one in told], ddof=1))
    assert summary['select'] == 'tested' and summary['missing'] == [3, 4, 5]
    assert summary['tested']['pooled']['clips'] == 42
    calls = [json.loads(line) for line in (place / 'calls').read_text().splitlines()]
    assert {call[0] for call in calls} == {'test'} and len(calls) == 2
    page = tell(summary, str(place / 'out'))
    assert 'folds 1, 2, tested as it is, without training here' in page
    assert summarize_folds(str(place / 'out'), all_folds=range(1, 6)) == summary
    # Given again, nothing is tested again; another config or file is refused there.
    run_folds(plan(place, folds='1-2'), Places(ALONE))
    assert len((place / 'calls').read_text().splitlines()) == 2
    with pytest.raises(ValueError, match='holds the test of a model without a checkpoint, not of .*fold_1.pth; remove'):
        plan(place, str(place / 'fold_1.pth'))
    with pytest.raises(ValueError, match='fold_1 holds a run with other settings: model.cls_head.dropout'):
        plan_tests(CONFIG, '', ['--data-root', str(place), '--cfg-options', 'model.cls_head.dropout=0.5'],
                   out=str(place / 'out'))
    with pytest.raises(ValueError, match='--select best: the runs in .* were tested alone; leave --select out'):
        summarize_folds(str(place / 'out'), select='best')
    # Tables and reports read them as other runs.
    assert summarize_runs(find_runs(place / 'out')[0])['tested']['uar'] == summary['tested']['uar']
    assert 'tested alone, mean of 2 folds' in render_markdown(gather(find_runs(place / 'out')[0]))


def test_a_file_may_be_one_for_all_folds_or_one_of_each(place):
    run_folds(plan(place, str(place / 'fold_{fold}.pth'), folds='1,3'), Places(ALONE, 2))
    calls = [json.loads(line) for line in (place / 'calls').read_text().splitlines()]
    assert sorted(call[2] for call in calls) == [str(place / f'fold_{fold}.pth') for fold in (1, 3)]
    told = json.loads((place / 'out/fold_3/result.json').read_text())
    assert told['tested'] == dict(checkpoint=str(place / 'fold_3.pth')) and told['epoch'] is None
    with pytest.raises(ValueError, match=r'fold_4.pth: no such checkpoint, which fold 4 is to be tested with$'):
        plan(place, str(place / 'fold_{fold}.pth'), folds='4')
    with pytest.raises(ValueError, match=r'none.pth: no such checkpoint, .*; \{fold\} in it stands for the number'):
        plan(place, str(place / 'none.pth'), folds='4')


@pytest.mark.parametrize('words, message', [
    (('fe_adapter_vitb_ferv39k', '--test'), 'FERV39kDataset has one split and no folds; use mmdfer test'),
    (('demo/fe_adapter', '--test', '--fold', 1), '--fold is for one run'),
    (('demo/fe_adapter', '--test', '--select', 'best'), '--select: is of trainings, and --test trains nothing'),
    (('demo/fe_adapter', '--test', '--folds', '7'), 'fold 7 does not exist')])
def test_what_cannot_be_tested_is_told_in_a_line(words, message, tmp_path):
    done = command('folds', *words, '--data-root', tmp_path)
    assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr


def test_a_folder_of_trainings_is_left_alone(place):
    (place / 'out/fold_2').mkdir(parents=True)
    (place / 'out/fold_2/result.json').write_text(json.dumps(dict(name='fe', fold=2, uar=.5, war=.5)))
    with pytest.raises(ValueError, match='fold_2 holds a training; give another --work-dir'):
        plan(place)
