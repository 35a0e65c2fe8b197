"""Logs of interrupted and resumed runs are read as one run."""
import json

import pytest
import torch
from mmengine.runner import Runner

from mmdfer.runs.log import read_scalars
from mmdfer.visualization import plot_curves


def train(step, loss, epoch=None, lr=0.1):
    record = dict(lr=lr, loss=loss, iter=step, step=step)
    return record if epoch is None else dict(record, epoch=epoch)


def val(step, uar, war=0.9):
    return {'uar': uar, 'war': war, 'recall/happy': 0.5, 'step': step}


def write(work_dir, time, records, tail=''):
    folder = work_dir / time / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(record) + '\n' for record in records) + tail)


def steps(records, key):
    return {record['step']: record[key] for record in records if key in record}


def test_later_part_of_a_resumed_run_wins(tmp_path):
    """The first part died in epoch 3; the second resumed after epoch 1, whose checkpoint was the last."""
    write(tmp_path, '20250101_100000', [
        train(5, 2.0, 1), train(10, 1.9, 1), val(1, 0.1), train(15, 1.8, 2), train(20, 1.7, 2), val(2, 0.2),
        train(25, 1.6, 3)])
    write(tmp_path, '20250101_120000', [train(15, 0.8, 2), train(20, 0.7, 2), val(2, 0.4)])
    records = read_scalars(tmp_path)
    assert steps(records, 'loss') == {5: 2.0, 10: 1.9, 15: 0.8, 20: 0.7}      # nor does step 25 of the first remain
    assert steps(records, 'uar') == {1: 0.1, 2: 0.4}


def test_validation_of_given_up_weights_is_dropped(tmp_path):
    """The resumed part ended before it validated: the first part's epoch 2 is not its epoch 2."""
    write(tmp_path, '1', [train(10, 1.9, 1), val(1, 0.1), train(20, 1.7, 2), val(2, 0.9)])
    write(tmp_path, '2', [train(15, 0.8, 2)])
    assert steps(read_scalars(tmp_path), 'uar') == {1: 0.1}


def test_loop_by_iterations_is_merged_by_iteration(tmp_path):
    write(tmp_path, '1', [train(10, 1.9), val(10, 0.1), train(20, 1.7), val(20, 0.9), train(30, 1.6), val(30, 0.95)])
    write(tmp_path, '2', [train(20, 0.8), val(20, 0.3)])
    records = read_scalars(tmp_path)
    assert steps(records, 'loss') == {10: 1.9, 20: 0.8}
    assert steps(records, 'uar') == {10: 0.1, 20: 0.3}


def test_a_run_that_only_validates_leaves_training_alone(tmp_path):
    write(tmp_path, '1', [train(10, 1.9, 1), val(1, 0.1)])
    write(tmp_path, '2', [val(0, 0.7)])
    records = read_scalars(tmp_path)
    assert steps(records, 'loss') == {10: 1.9} and steps(records, 'uar') == {0: 0.7, 1: 0.1}


def test_parts_are_ordered_by_time_and_one_file_may_be_named(tmp_path):
    for time, loss in (('20250102_000000', 3.0), ('20241231_000000', 1.0), ('20250101_000000', 2.0)):
        write(tmp_path, time, [train(10, loss, 1)])
    assert steps(read_scalars(tmp_path), 'loss') == {10: 3.0}
    assert steps(read_scalars(str(tmp_path / '20250101_000000/vis_data/scalars.json')), 'loss') == {10: 2.0}


def test_unfinished_last_line_is_left_out(tmp_path):
    write(tmp_path, '1', [train(10, 1.9, 1)], tail='{"lr": 0.1, "lo')
    assert steps(read_scalars(tmp_path), 'loss') == {10: 1.9}


@pytest.mark.parametrize('tail,message', [
    ('{"lo\n{"step": 2}\n', r'scalars.json:2: not JSON'),
    ('[1, 2]\n', r'scalars.json:2: no record with a step'),
    ('{"loss": 2}\n', r'scalars.json:2: no record with a step'),
])
def test_broken_file_is_named_with_its_line(tail, message, tmp_path):
    write(tmp_path, '1', [train(10, 1.9, 1)], tail=tail)
    with pytest.raises(ValueError, match=message):
        read_scalars(tmp_path)


def test_missing_and_empty_logs_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match='LocalVisBackend'):
        read_scalars(tmp_path)
    write(tmp_path, '1', [])
    with pytest.raises(ValueError, match='ended before its first log line'):
        read_scalars(tmp_path)


class Slope(torch.nn.Module):
    """A model that any loop accepts: one weight, a loss that falls."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def train_step(self, data, optim_wrapper):
        loss = (self.weight ** 2).sum()
        optim_wrapper.update_params(loss)
        return dict(loss=loss.detach())

    def val_step(self, data):
        return [dict(gt_label=torch.tensor([label]), pred_score=torch.eye(2)[0]) for label in data]


def run(work_dir, max_epochs, resume=False):
    loader = dict(dataset=[0, 0, 0, 1], batch_size=2, sampler=dict(type='DefaultSampler', shuffle=False))
    Runner(
        Slope(), str(work_dir), train_dataloader=loader, val_dataloader=loader, resume=resume,
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs), val_cfg=dict(),
        val_evaluator=dict(type='RecallMetric', num_classes=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1)), log_level='ERROR',
        visualizer=dict(type='Visualizer', name=f'{work_dir}{max_epochs}', vis_backends=[dict(type='LocalVisBackend')]),
        experiment_name=f'{work_dir.name}{max_epochs}').train()


def test_logs_of_mmengine_itself_are_read(tmp_path):
    """A real run and a real resumption, so that a change of MMEngine's log format is noticed."""
    run(tmp_path / 'a', 2)
    run(tmp_path / 'a', 3, resume=True)
    records = read_scalars(tmp_path / 'a')
    losses = steps(records, 'loss')
    assert list(losses) == [1, 2, 3, 4, 5, 6] and losses[6] < losses[1]
    assert steps(records, 'uar') == dict.fromkeys([1, 2, 3], 0.5)
    assert steps(records, 'war') == dict.fromkeys([1, 2, 3], 0.75)
    figure = plot_curves(records, None)
    assert figure.legends[0].get_texts()[-1].get_text() == 'best UAR 50.00%, WAR 75.00%, epoch 1'
