"""What was said of each clip is kept in the list's order, once, by any number of processes and in any batches."""
import os
import socket
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.dataset import DefaultSampler
from mmengine.runner import EpochBasedTrainLoop

from mmdfer.engine import PredictionsHook
from mmdfer.evaluation import load_predictions


class Clips(list):
    metainfo = dict(classes=('a', 'b', 'c'))


def clips(count=11):
    scores = torch.from_numpy(np.random.default_rng(0).random((count, 3)))
    return Clips(ActionDataSample(metainfo=dict(video_id=f'clip{index}')).set_gt_label(index % 3).set_pred_score(score)
                 for index, score in enumerate(scores))


def validate(hook, samples, folder, epoch=4, batch_size=4):
    """The part of a validation loop that the hook sees, with the sampler's share of a process."""
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    runner = SimpleNamespace(_train_loop=loop, epoch=epoch, iter=70, work_dir=str(folder),
                             val_dataloader=SimpleNamespace(dataset=samples))
    hook.before_val_epoch(runner)
    indices = list(DefaultSampler(samples, shuffle=False, round_up=True))
    for start in range(0, len(indices), batch_size):
        hook.after_val_iter(runner, 0, outputs=[samples[index] for index in indices[start:start + batch_size]])
    hook.after_val_epoch(runner)
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
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(share, (port, tmp_path), nprocs=2)
    assert_kept(tmp_path / 'predictions' / 'epoch_4.npz', clips())


@pytest.mark.parametrize('start, left', [(0, []), (12, ['epoch_1.npz'])])
def test_a_new_run_begins_empty_and_a_resumed_one_goes_on(tmp_path, start, left):
    (tmp_path / 'predictions').mkdir()
    (tmp_path / 'predictions' / 'epoch_1.npz').touch()
    PredictionsHook().before_train(SimpleNamespace(iter=start, work_dir=str(tmp_path)))
    assert [path.name for path in tmp_path.glob('predictions/*')] == left
