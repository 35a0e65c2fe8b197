"""Folds by the tool itself: killed and started again, they give what folds that nothing disturbed give."""
import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, recall_score

from mmdfer import run_config as config
from mmdfer.apis import options
from mmdfer.apis.running import train
from mmdfer.evaluation import load_predictions
from mmdfer.runs.fold_results import summarize_folds
from mmdfer.runs.metrics import read_evaluations

from ..commands import kill_when, started, tool
from ..conftest import ROOT, write_dfew

pytestmark = pytest.mark.slow
CONFIG = str(ROOT / 'configs/demo/fe_adapter.py')
SMALL = ['model.backbone.arch.embed_dims=32', 'model.backbone.arch.feedforward_channels=64',
         'model.cls_head.in_channels=32', 'model.backbone.init_cfg=None', 'model.backbone.freeze=False',
         'train_cfg.max_epochs=2', 'train_cfg.val_interval=1', 'train_dataloader.batch_size=7',
         *(f'{loader}.{entry}' for loader in config.LOADERS for entry in ('num_workers=0', 'persistent_workers=False'))]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Test sets of nine clips, two of each of two classes: as uneven over the classes as over two processes."""
    return write_dfew(tmp_path_factory.mktemp('folds') / 'DFEW', train=18, test=9, size=48, folds=(1, 2))


def undisturbed(data, out, folds, *more):
    """The folds one after another in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    options.add_train_options(parser)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)                    # as in the processes of the tool
    for fold in folds:
        args = parser.parse_args([CONFIG, '--data-root', str(data), '--fold', str(fold), '--work-dir',
                                  str(out / f'fold_{fold}'), *more, '--cfg-options', *SMALL])
        train(options.train_config(args))
    torch.set_num_threads(threads)
    return summarize_folds(str(out), folds, (1, 2, 3, 4, 5))


def words(data, out, *more):
    return [CONFIG, '--folds', '1-2', '--work-dir', out, '--data-root', data, *more, '--cfg-options', *SMALL]


def names_epoch_2(pointer):
    return pointer.exists() and pointer.read_text().endswith('epoch_2.pth')


def scores(out, fold):
    return {path.name: load_predictions(path).scores for path in (out / f'fold_{fold}' / 'predictions').iterdir()}


def test_killed_in_training_and_in_evaluation_is_as_undisturbed(data, tmp_path):
    expected, out = undisturbed(data, tmp_path / 'calm', (1, 2)), tmp_path / 'killed'
    first, second = (out / f'fold_{fold}' for fold in (1, 2))
    kill_when(started('folds', *words(data, out, '--no-report')), (first / 'predictions' / 'epoch_1.npz').exists)
    assert not (first / 'epoch_2.pth').exists()                                 # in training, after the first epoch
    kill_when(started('folds', *words(data, out, '--no-report')), lambda: names_epoch_2(second / 'last_checkpoint'))
    assert not (second / 'predictions' / 'epoch_2.npz').exists()            # in the second fold's last evaluation
    assert (first / 'result.json').exists() and not (second / 'result.json').exists()
    done = tool('train_folds.py', *words(data, out))
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert all((folder / 'report.html').is_file() for folder in (out, *(out / f'fold_{fold}' for fold in (1, 2))))
    assert 'fold 1: done before' in output and 'fold 2: training' in output, output
    assert 'resumed epoch: 2' in (second / 'console.log').read_text()
    assert json.loads((out / 'folds.json').read_text()) == expected
    for fold in (1, 2):                                                      # to the last bit of every score
        ours, theirs = scores(out, fold), scores(tmp_path / 'calm', fold)
        assert ours.keys() == theirs.keys() == {'epoch_1.npz', 'epoch_2.npz'}
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
        figures = read_evaluations(out / f'fold_{fold}')
        assert figures == read_evaluations(tmp_path / 'calm' / f'fold_{fold}')
        assert [one.step for one in figures] == [1, 2]

    dumped = [load_predictions(out / f'fold_{fold}' / 'predictions' / 'epoch_2.npz') for fold in (1, 2)]
    known = dict(average='macro', labels=range(7), zero_division=0)
    assert expected['last']['uar']['mean'] == pytest.approx(np.mean(
        [recall_score(one.labels, one.scores.argmax(1), **known) for one in dumped]), abs=1e-12)
    labels, predicted = (np.concatenate(parts) for parts in zip(*((one.labels, one.predicted) for one in dumped)))
    assert expected['last']['pooled']['uar'] == pytest.approx(recall_score(labels, predicted, **known), abs=1e-12)
    assert expected['last']['pooled']['war'] == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)


def test_an_epoch_chosen_on_a_validation_part_is_tested_once(data, tmp_path):
    found = undisturbed(data, tmp_path, (1, ), '--inner-val', '0.3')
    run = tmp_path / 'fold_1'
    listed = {split: {line.split(',')[0] for line in Path(
        data, 'EmoLabel_DataSplit', f'{split}(single-labeled)', 'set_1.csv').read_text().splitlines()[1:]}
        for split in ('train', 'test')}
    validated = [set(load_predictions(path).ids) for path in (run / 'predictions').iterdir()]
    assert len(validated) == 2 and validated[0] == validated[1] < listed['train'] and len(validated[0]) == 7
    tested = load_predictions(run / 'chosen' / 'predictions.npz')
    assert set(tested.ids) == listed['test']
    result = json.loads((run / 'result.json').read_text())
    assert result['inner']['share'] == 0.3 and result['epoch'] == result['inner']['epoch']
    assert result['uar'] == found['inner']['uar']['mean'] == pytest.approx(
        recall_score(tested.labels, tested.predicted, average='macro', labels=range(7), zero_division=0))
    assert found['select'] == 'inner' and 'best' not in found
