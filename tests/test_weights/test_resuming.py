"""A run goes on from a whole checkpoint alone; what a file lacks is named."""
import copy

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmdfer.weights import CheckpointError, check_resumable, load_from_local, read_checkpoint

WHOLE = dict(
    state_dict=dict(w=torch.ones(2)), meta=dict(epoch=1, iter=7, seed=0),
    optimizer=dict(state={}, param_groups=[dict(lr=.1)]),
    message_hub=dict(log_scalars={}, runtime_info={}, resumed_keys={}), param_schedulers=[dict(last_step=3)])


def without(*names):
    return {name: part for name, part in copy.deepcopy(WHOLE).items() if name not in names}


def test_a_whole_checkpoint_passes():
    assert check_resumable(WHOLE, 'x.pth') is None
    assert check_resumable(without('param_schedulers'), 'x.pth', has_schedulers=False) is None


@pytest.mark.parametrize('content, message', [
    (without('optimizer'), "lacks optimizer .the optimizer's state.; give a checkpoint that training left whole"),
    (without('message_hub', 'meta'), r'lacks meta \(.*\), message_hub \('),
    (without('param_schedulers'), r'lacks param_schedulers \(the learning rate schedule\)'),
    (without('optimizer', 'meta', 'message_hub', 'param_schedulers'), 'or start from these weights by .* load_from'),
    (dict(WHOLE, meta=dict(epoch=1)), 'its meta is not what training writes'),
    (dict(WHOLE, meta=dict(epoch=-1, iter=3)), 'its meta is not what training writes'),
    (dict(WHOLE, meta=dict(epoch='1', iter=3)), 'its meta is not what training writes'),
    (dict(WHOLE, meta=[1]), 'its meta is not what training writes'),
    (dict(WHOLE, optimizer=[1]), 'its optimizer is not what training writes'),
    (dict(WHOLE, optimizer=dict(state={})), 'its optimizer is not what training writes'),
    (dict(WHOLE, message_hub={}), 'its message_hub is not what training writes'),
    (dict(WHOLE, param_schedulers=3), 'its param_schedulers is not what training writes'),
])
def test_a_checkpoint_without_its_parts_is_refused(content, message):
    with pytest.raises(CheckpointError, match=f'x.pth: cannot be resumed from, for .*{message}'):
        check_resumable(content, 'x.pth')


def test_parts_that_reading_left_out_ask_for_trust(tmp_path):
    torch.save(dict(WHOLE, message_hub=dict(WHOLE['message_hub'], log_scalars=dict(loss=HistoryBuffer([1.], [1])))),
               tmp_path / 'x.pth')
    with pytest.raises(CheckpointError,
                       match='x.pth: .* its message_hub holds an object of mmengine.*--trust-checkpoint'):
        check_resumable(load_from_local(str(tmp_path / 'x.pth')), tmp_path / 'x.pth')
    torch.save(dict(WHOLE, optimizer=dict(state={}, param_groups=[dict(lr=np.float64(.1))])), tmp_path / 'y.pth')
    with pytest.raises(CheckpointError, match='its optimizer holds an object of numpy'):
        check_resumable(read_checkpoint(tmp_path / 'y.pth'), 'y.pth')


def test_a_part_nested_beyond_measure_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CheckpointError, match='its meta is nested beyond measure'):
        check_resumable(dict(WHOLE, meta=dict(WHOLE['meta'], notes=deep)), 'x.pth')
