"""The journal of a run's evaluations: a line a step, whole at every moment, and the last and best of it."""
import json
import os

import numpy as np
import pytest

from mmdfer.runs.metrics import (
    Evaluation,
    add_evaluation,
    best,
    find_figure,
    forget_after,
    read_evaluations,
    result_figures,
    to_evaluation,
)


def journal(folder, *uars):
    for step, uar in enumerate(uars, 1):
        add_evaluation(folder, Evaluation('epoch', step, uar, uar / 2))
    return read_evaluations(folder)


def test_lines_are_read_as_they_were_written(tmp_path):
    awkward = Evaluation('iter', 12, 0.1 + 0.2, 1 / 3, {'$a_$%{}': 0.5, '喜\u2028"': 1e-17}, 7, {'acc/top1': 0.5})
    add_evaluation(tmp_path, awkward)
    assert read_evaluations(tmp_path) == [awkward] and read_evaluations(tmp_path / 'none') == []
    assert list(tmp_path.iterdir()) == [tmp_path / 'metrics.jsonl']


def test_a_step_that_is_evaluated_again_keeps_one_line(tmp_path):
    journal(tmp_path, 0.1, 0.2, 0.3)
    add_evaluation(tmp_path, Evaluation('epoch', 2, 0.9, 0.9))
    assert [(one.step, one.uar) for one in read_evaluations(tmp_path)] == [(1, 0.1), (2, 0.9), (3, 0.3)]


def test_lines_beyond_the_checkpoint_that_a_run_goes_on_from_are_given_up(tmp_path):
    journal(tmp_path, 0.1, 0.2, 0.3)
    forget_after(tmp_path, 2)
    assert [one.step for one in read_evaluations(tmp_path)] == [1, 2]
    forget_after(tmp_path, 0)
    assert read_evaluations(tmp_path) == []


def test_a_line_that_cannot_be_written_leaves_the_others(tmp_path, monkeypatch):
    before = journal(tmp_path, 0.1, 0.2)

    def full(*args):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(OSError, match='No space'):
        add_evaluation(tmp_path, Evaluation('epoch', 3, 0.3, 0.3))
    monkeypatch.undo()
    assert read_evaluations(tmp_path) == before


def test_the_first_of_equal_epochs_is_the_best(tmp_path):
    found = journal(tmp_path, 0.1, 0.4, 0.4, 0.2)
    assert best(found).step == 2
    assert result_figures(found) == dict(unit='epoch', uar=0.2, war=0.1, epoch=4, best=dict(uar=0.4, war=0.2, epoch=2))
    assert result_figures([]) == {} == result_figures([Evaluation('epoch', 1)]) and best([]) is None


def test_figures_are_found_under_a_prefix_and_plain_ones_first():
    metrics = {'val/uar': 0.1, 'uar': 0.2, 'b/war': 0.3, 'b/recall/x': 0.4, 'n': float('nan'), 'word': 'x',
               'top1': np.float32(0.5)}
    assert (find_figure(metrics, 'uar'), find_figure(metrics, 'war'), find_figure(metrics, 'f1')) == (0.2, 0.3, None)
    assert to_evaluation(metrics, 'epoch', 3) == Evaluation('epoch', 3, 0.2, 0.3, dict(x=0.4), None, dict(top1=0.5))


@pytest.mark.parametrize('line', ['{"step": 1', '[1]', '{"step": 1, "unit": "epoch", "loss": 3}', '7'])
def test_a_foreign_line_is_named(line, tmp_path):
    journal(tmp_path, 0.1)
    with open(tmp_path / 'metrics.jsonl', 'a') as file:
        file.write(line + '\n')
    with pytest.raises(ValueError, match='metrics.jsonl:2: no line of an evaluation'):
        read_evaluations(tmp_path)
    assert json.loads((tmp_path / 'metrics.jsonl').read_text().splitlines()[0])['uar'] == 0.1
