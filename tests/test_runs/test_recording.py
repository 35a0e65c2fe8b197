"""What was said of each clip is kept in the list's order, once, by any number of processes and in any batches."""
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.dataset import DefaultSampler
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from mmdfer.apis.launching import free_port
from mmdfer.evaluation import load_predictions
from mmdfer.runs.metrics import Evaluation, add_evaluation, read_evaluations
from mmdfer.runs.recording import MetricsHook, PredictionsHook

from ..commands import in_copies

METRICS = {'uar': 0.25, 'war': 0.5, 'recall/a': 1.0, 'recall/b': 0.0, 'acc/top1': 0.5}


class Clips(list):
    metainfo = dict(classes=('a', 'b', 'c'))


def clips(count=11):
    scores = torch.from_numpy(np.random.default_rng(0).random((count, 3)))
    return Clips(ActionDataSample(metainfo=dict(video_id=f'clip{index}')).set_gt_label(index % 3).set_pred_score(score)
                 for index, score in enumerate(scores))


def stand_in(folder, samples=(), epoch=4, iteration=70, loop=EpochBasedTrainLoop):
    """What the hooks ask of a runner."""
    return SimpleNamespace(_train_loop=loop and loop.__new__(loop), epoch=epoch, iter=iteration, work_dir=str(folder),
                           val_dataloader=SimpleNamespace(dataset=samples))


def validate(hook, samples, folder, epoch=4, batch_size=4):
    """The part of a validation loop that the hook sees, with the sampler's share of a process."""
    runner = stand_in(folder, samples, epoch)
    hook.before_val_epoch(runner)
    indices = list(DefaultSampler(samples, shuffle=False, round_up=True))
    for start in range(0, len(indices), batch_size):
        hook.after_val_iter(runner, 0, outputs=[samples[index] for index in indices[start:start + batch_size]])
    hook.after_val_epoch(runner, dict(METRICS))
    return folder / 'predictions' / f'epoch_{epoch}.npz'


def assert_kept(path, samples):
    found = load_predictions(path)
    assert found.ids.tolist() == [sample.video_id for sample in samples]
    assert found.labels.tolist() == [int(sample.gt_label) for sample in samples]
    assert np.array_equal(found.scores, np.float32([sample.pred_score.numpy() for sample in samples]))
    assert found.classes == ('a', 'b', 'c')


@pytest.mark.parametrize('batch_size', [1, 4, 11])
def test_one_process(tmp_path, batch_size):
    samples = clips()
    assert_kept(validate(PredictionsHook(), samples, tmp_path, batch_size=batch_size), samples)


def test_a_stopped_validation_leaves_nothing_to_the_next(tmp_path):
    hook, samples = PredictionsHook(), clips()
    hook.after_val_iter(None, 0, outputs=samples[:3])
    assert_kept(validate(hook, samples, tmp_path), samples)


def share(rank, port, folder):
    torch.set_num_threads(1)
    os.chdir(folder)                            # where processes exchange what they have
    torch.distributed.init_process_group('gloo', f'tcp://127.0.0.1:{port}', rank=rank, world_size=2)
    validate(PredictionsHook(), clips(), folder)
    torch.distributed.destroy_process_group()


def test_two_processes_and_a_number_of_clips_that_they_do_not_share_evenly(tmp_path):
    in_copies(share, (free_port(), tmp_path), 2)
    assert_kept(tmp_path / 'predictions' / 'epoch_4.npz', clips())


@pytest.mark.parametrize('start, left', [(0, []), (1, ['epoch_1.npz']), (2, ['epoch_1.npz', 'epoch_2.npz'])])
def test_a_new_run_begins_empty_and_a_resumed_one_keeps_what_its_weights_gave(tmp_path, start, left):
    (tmp_path / 'predictions').mkdir()
    for epoch in (1, 2):
        (tmp_path / 'predictions' / f'epoch_{epoch}.npz').touch()
        add_evaluation(tmp_path, Evaluation('epoch', epoch, uar=0.5, war=0.5))
    (tmp_path / 'predictions' / 'notes.npz').touch()                   # a user's own
    PredictionsHook().before_train(stand_in(tmp_path, epoch=start, iteration=10 * start))
    assert sorted(path.name for path in tmp_path.glob('predictions/*')) == sorted({*left, 'notes.npz'})
    assert [one.step for one in read_evaluations(tmp_path)] == list(range(1, start + 1))


def test_figures_are_those_that_the_evaluator_returned(tmp_path):
    samples = clips()
    validate(PredictionsHook(), samples, tmp_path)
    assert read_evaluations(tmp_path) == [
        Evaluation('epoch', 4, 0.25, 0.5, dict(a=1.0, b=0.0), len(samples), {'acc/top1': 0.5})]


def test_figures_are_kept_without_predictions_and_by_iteration(tmp_path):
    MetricsHook().after_val_epoch(stand_in(tmp_path, clips(), loop=IterBasedTrainLoop), METRICS)
    assert [(one.unit, one.step) for one in read_evaluations(tmp_path)] == [('iter', 70)]
    assert not (tmp_path / 'predictions').exists()


def test_a_lone_validation_writes_no_figure_of_a_run(tmp_path):
    MetricsHook().after_val_epoch(stand_in(tmp_path, clips(), loop=None), METRICS)
    assert list(tmp_path.iterdir()) == []
