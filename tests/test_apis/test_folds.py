"""Which folds run, where, how often, and what their summary refuses; training itself is played by a short script."""
import json
import os
import shutil
import signal
import time

import numpy as np
import pytest

from mmdfer.apis.folds import parse_folds, plan_folds, run_folds
from mmdfer.apis.launching import Launch
from mmdfer.apis.processes import Places
from mmdfer.evaluation import fold_row, load_predictions, save_predictions
from mmdfer.run_config import load_config
from mmdfer.runs.fold_results import summarize_folds
from mmdfer.runs.lock import locked
from mmdfer.runs.settings import settings_of

from ..conftest import ROOT

DFEW = str(ROOT / 'configs/demo/fe_adapter.py')
CLASSES = ('happy', 'sad', 'neutral', 'angry', 'surprise', 'disgust', 'fear')

# Plays mmdfer train: notes how it was started, fails for the fold named in the file "failing", else copies a
# finished run into the work directory.
PLAYER = '''
import json, os, pathlib, shutil, sys, time
here, start = pathlib.Path(__file__).parent, time.time()
fold, work_dir = (sys.argv[sys.argv.index(option) + 1] for option in ('--fold', '--work-dir'))
(here / 'pid').write_text(str(os.getpid()))
time.sleep(float(os.environ.get('PLAYING', 0.3)))
failing = (here / 'failing').read_text() if (here / 'failing').exists() else ''
if fold != failing:
    shutil.copytree(here / 'runs' / f'fold_{fold}', work_dir, dirs_exist_ok=True)
with open(here / 'calls', 'a') as file:
    file.write(json.dumps(dict(fold=int(fold), argv=sys.argv[2:], command=sys.argv[1], start=start, end=time.time(),
                               gpus=os.environ.get('CUDA_VISIBLE_DEVICES'), rank=os.environ.get('RANK'))) + '\\n')
if fold == failing:
    sys.exit('error: 00005: is cut short')
'''


def write_fold(folder, fold, settings, clips=20, names=None, **changes):
    """A finished run of two epochs, the first one better, with random predictions."""
    rng = np.random.default_rng(fold)
    figures = []
    for epoch in (1, 2):
        labels = np.arange(clips) % 7
        scores = rng.random((clips, 7)) + np.eye(7)[labels] / epoch
        path = folder / 'predictions' / f'epoch_{epoch}.npz'
        save_predictions(path, names or [f'{fold}-{index}' for index in range(clips)], labels, scores, CLASSES)
        row = fold_row(fold, epoch, load_predictions(path))
        figures.append({key: row[key] for key in ('uar', 'war', 'epoch')})
    assert figures[0]['uar'] > figures[1]['uar']
    result = dict(name='fe', fold=fold, tunable=1, total=2, seconds=3., processes=1, **figures[1], best=figures[0])
    (folder / 'result.json').write_text(json.dumps(dict(result, **changes)))
    (folder / 'settings.json').write_text(json.dumps(settings))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The player in the program's place, what it copies, and a place for the folds."""
    monkeypatch.setattr('mmdfer.apis.launching.PROGRAM', (str(tmp_path / 'program.py'), ))
    settings = settings_of(load_config(DFEW))
    for fold in range(1, 6):
        write_fold(tmp_path / 'runs' / f'fold_{fold}', fold, settings)
    (tmp_path / 'program.py').write_text(PLAYER)
    return tmp_path


def plan(place, *rest, **kwargs):
    return plan_folds(DFEW, ['--data-root', str(place), *rest], out=str(place / 'out'), **kwargs)


def calls(place):
    return [json.loads(line) for line in (place / 'calls').read_text().splitlines()]


def test_every_fold_once_in_order_with_the_same_options(place):
    chosen = plan(place, '--seed', '7', '--cfg-options', 'randomness.seed=42', folds='1-3')
    summary = run_folds(chosen, Places(Launch()))
    found = calls(place)
    assert [call['fold'] for call in found] == summary['folds'] == [1, 2, 3] and summary['missing'] == [4, 5]
    for fold, call in enumerate(found, 1):
        assert call['command'] == 'train'
        assert call['argv'] == [DFEW, '--fold', str(fold), '--work-dir', str(place / 'out' / f'fold_{fold}'),
                                '--resume', '--data-root', str(place), '--seed', '7', '--cfg-options',
                                'randomness.seed=42']
    assert all(one['end'] < two['start'] for one, two in zip(found, found[1:]))


def test_finished_folds_are_passed_over_and_the_summary_is_of_all(place, capsys):
    shutil.copytree(place / 'runs' / 'fold_2', place / 'out' / 'fold_2')
    shutil.copytree(place / 'runs' / 'fold_5', place / 'out' / 'fold_5')
    summary = run_folds(plan(place), Places(Launch()))
    assert [call['fold'] for call in calls(place)] == [1, 3, 4] and summary['folds'] == [1, 2, 3, 4, 5]
    assert 'fold 2: done before' in capsys.readouterr().out


def test_folds_at_a_time(place):
    run_folds(plan(place), Places(Launch(), parallel=2))
    events = sorted((moment, step) for call in calls(place) for moment, step in ((call['start'], 1), (call['end'], -1)))
    together = np.cumsum([step for _, step in events])
    assert together.max() == 2 and len(calls(place)) == 5


def test_several_processes_a_fold(place):
    run_folds(plan(place, folds='3'), Places(Launch(gpus=2)))
    found = calls(place)
    assert sorted(call['rank'] for call in found) == ['0', '1']
    assert all('--launcher pytorch' in ' '.join(call['argv']) for call in found)


def test_gpus_are_dealt_out(monkeypatch):
    monkeypatch.setattr('torch.cuda.device_count', lambda: 4)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    pairs = Places(Launch(gpus=2), 2)
    assert [pairs.environment(slot)['CUDA_VISIBLE_DEVICES'] for slot in (0, 1)] == ['0,1', '2,3']
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3,5,6,7')
    assert Places(Launch(), 4).environment(2)['CUDA_VISIBLE_DEVICES'] == '6'
    with pytest.raises(ValueError, match='--gpus 2 --parallel 3: 6 GPUs are wanted, 4 are here'):
        Places(Launch(gpus=2), 3)
    with pytest.raises(ValueError, match='--gpus 5: 4 are here'):
        Places(Launch(gpus=5))


def test_a_failed_fold_stops_the_rest_and_is_named(place):
    (place / 'failing').write_text('2')
    with pytest.raises(ValueError, match='fold 2 failed: 00005: is cut short .log: .*fold_2/console.log'):
        run_folds(plan(place, folds='1-3'), Places(Launch()))
    assert [call['fold'] for call in calls(place)] == [1, 2]
    (place / 'failing').write_text('3')
    with pytest.raises(ValueError, match='^fold 3 failed: 00005'):      # and not what the log says of the time before
        run_folds(plan(place, folds='3'), Places(Launch()))
    (place / 'failing').unlink()
    assert run_folds(plan(place, folds='1-3'), Places(Launch()))['folds'] == [1, 2, 3]
    assert [call['fold'] for call in calls(place)] == [1, 2, 3, 2, 3]


def test_who_ends_the_runner_ends_its_trainings(place, monkeypatch):
    monkeypatch.setenv('PLAYING', '60')
    chosen, child = plan(place), os.fork()
    if not child:
        try:
            run_folds(chosen, Places(Launch()))
        finally:
            os._exit(3)
    for _ in range(400):
        if (place / 'pid').exists() and (place / 'pid').read_text():
            break
        time.sleep(0.05)
    player = int((place / 'pid').read_text())
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(player, 0)
    assert not (place / 'calls').exists()


@pytest.mark.parametrize('text, expected', [(None, (1, 2, 3, 4, 5)), ('1-3', (1, 2, 3)), ('4,1', (1, 4)),
                                            ('1-2,2,5', (1, 2, 5))])
def test_lists_of_folds(text, expected):
    assert parse_folds(text, (1, 2, 3, 4, 5)) == expected


@pytest.mark.parametrize('path, rest, kwargs, message', [
    (DFEW, [], dict(folds='4-7'), '--folds 4-7: fold 6, 7 does not exist; the set has folds 1, 2, 3, 4, 5'),
    (DFEW, [], dict(folds='3-1'), '--folds 3-1: names no fold'),
    (DFEW, [], dict(folds='one'), '--folds one: expected numbers and ranges'),
    (DFEW, ['--fold', '1'], {}, '--fold is for one run'),
    (DFEW, ['--inner-val', '0.2'], dict(select='best'), '--select best: with --inner-val the epoch is chosen'),
    (DFEW, ['--inner-val', '1.5'], {}, 'inner_share=1.5'),
    (DFEW, ['--cfg-options', 'val_evaluator.type=AccMetric'], {}, 'val_evaluator: .* need dict.type=.RecallMetric'),
    (DFEW, ['--cfg-options', 'custom_hooks=[]'], {}, 'custom_hooks: .* needs dict.type=.PredictionsHook'),
    (DFEW, ['--data-root', '/no/such'], {}, "data_root='/no/such': no such folder"),
    (str(ROOT / 'configs/image_fer/vitb_rafdb.py'), [], {},
     'RAFDBDataset has one split and no folds; use mmdfer train'),
])
def test_mistakes_are_found_before_anything_runs(path, rest, kwargs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plan_folds(path, ['--data-root', str(tmp_path), *rest], **kwargs)


def test_folders_are_named_after_the_config():
    assert plan_folds(DFEW, [], to_train=False).out == os.path.join('work_dirs', 'fe_adapter')
    inner = plan_folds(DFEW, [], select='inner', to_train=False)
    assert inner.out == os.path.join('work_dirs', 'fe_adapter_inner') and inner.rest == ('--inner-val', '0.1')
    assert plan_folds(DFEW, ['--inner-val', '0.2'], to_train=False).select == 'inner'


def test_a_folder_with_a_run_of_other_settings_is_refused(place):
    shutil.copytree(place / 'runs' / 'fold_1', place / 'out' / 'fold_1')
    plan(place, '--cfg-options', 'train_dataloader.num_workers=3', 'default_hooks.logger.interval=5')
    with pytest.raises(ValueError, match='fold_1 holds a run with other settings: .*lr is 0.0015 there and 0.1 here'):
        plan(place, '--cfg-options', 'optim_wrapper.optimizer.lr=0.1')
    (place / 'image.pth').touch()
    with pytest.raises(ValueError, match='init_cfg.checkpoint is .*best.pth. there and .*image.pth. here'):
        plan(place, '--image-checkpoint', str(place / 'image.pth'))
    (place / 'out' / 'fold_1' / 'result.json').unlink()                  # not finished, but with a checkpoint
    (place / 'out' / 'fold_1' / 'last_checkpoint').write_text('epoch_1.pth')
    with pytest.raises(ValueError, match='randomness.seed is 42 there and 3 here'):
        plan(place, '--seed', '3')


def runs(place):
    return str(place / 'runs')


def change(place, number, name, **entries):
    path = place / 'runs' / f'fold_{number}' / name
    path.write_text(json.dumps(dict(json.loads(path.read_text()), **entries)))


def test_summary_of_all_that_is_there(place):
    found = summarize_folds(runs(place))
    uars = [json.loads((place / 'runs' / f'fold_{fold}' / 'result.json').read_text()) for fold in range(1, 6)]
    assert found['last']['uar']['mean'] == pytest.approx(np.mean([one['uar'] for one in uars]))
    assert found['best']['war']['std'] == pytest.approx(np.std([one['best']['war'] for one in uars], ddof=1))
    assert [row['epoch'] for row in found['best']['folds']] == [1] * 5 and found['select'] == 'last'
    assert json.loads((place / 'runs' / 'folds.json').read_text()) == found and found['notes'] == []
    assert (place / 'runs' / 'folds.png').stat().st_size > 10_000


def test_unfinished_folds_are_named(place):
    for fold in (2, 4):
        (place / 'runs' / f'fold_{fold}' / 'result.json').unlink()
    with pytest.raises(ValueError, match='not finished: fold 2, 4'):
        summarize_folds(runs(place), range(1, 6))
    found = summarize_folds(runs(place), range(1, 6), allow_missing=True)
    assert found['missing'] == [2, 4] and found['notes'][0].startswith('Not in it: fold 2, 4.')
    with pytest.raises(ValueError, match='none is there'):
        summarize_folds(str(place))


def test_folds_that_do_not_belong_together_are_refused(place):
    change(place, 3, 'settings.json', **{'optim_wrapper.optimizer.lr': '0.5'})
    with pytest.raises(ValueError, match=r'fold 1 .* and fold 3 .*lr is 0.0015 there and 0.5 here'):
        summarize_folds(runs(place))


def test_a_result_of_another_fold_is_refused(place):
    change(place, 3, 'result.json', fold=4)
    with pytest.raises(ValueError, match='fold_3/result.json is of fold 4'):
        summarize_folds(runs(place))


def test_predictions_of_another_run_are_refused(place):
    change(place, 2, 'result.json', uar=0.123)
    with pytest.raises(ValueError, match='fold_2/predictions/epoch_2.npz gives UAR 0.* result.json 0.1230'):
        summarize_folds(runs(place))


def test_a_run_without_predictions_is_told_how_to_have_them(place):
    shutil.rmtree(place / 'runs' / 'fold_2' / 'predictions')
    with pytest.raises(ValueError, match='fold_2: has no predictions/epoch_2.npz: add dict.*PredictionsHook'):
        summarize_folds(runs(place))


def test_a_figure_that_the_runs_do_not_have_is_refused(place):
    with pytest.raises(ValueError, match='were trained without a validation part; train with --select inner'):
        summarize_folds(runs(place), select='inner')
    for fold in range(1, 6):
        change(place, fold, 'result.json', inner=dict(share=0.1, uar=0, war=0, epoch=1))
    with pytest.raises(ValueError, match='their figure is --select inner'):
        summarize_folds(runs(place), select='best')


def test_clips_in_two_test_sets_and_uneven_processes_are_noted(place):
    settings = json.loads((place / 'runs' / 'fold_1' / 'settings.json').read_text())
    names = [f'1-{index}' for index in range(20)]
    write_fold(place / 'runs' / 'fold_5', 5, settings, names=names, processes=8)
    notes = summarize_folds(runs(place))['notes']
    assert notes[0].startswith('20 clips (such as 1-0') and 'fold 1 on 1' in notes[1] and 'fold 5 on 8' in notes[1]


def test_one_training_in_a_folder_at_a_time(tmp_path):
    with locked(str(tmp_path)):
        child = os.fork()
        if not child:
            try:
                with locked(str(tmp_path)):
                    os._exit(0)
            except ValueError as error:
                os._exit(7 if f'process {os.getppid()} on' in str(error) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    with locked(str(tmp_path)):
        assert (tmp_path / 'run.lock').read_text().startswith(f'process {os.getpid()}')
