"""Curves of a run, and of several compared, are drawn with their best epoch."""
import matplotlib.image
import numpy as np
import pytest

from mmdfer.visualization import best_epoch, plot_curves
from mmdfer.visualization.curves import smooth


def train(step, loss, epoch=None, lr=0.1):
    record = dict(lr=lr, loss=loss, iter=step, step=step)
    return record if epoch is None else dict(record, epoch=epoch)


def val(step, uar, war=0.9):
    return {'uar': uar, 'war': war, 'recall/happy': 0.5, 'step': step}


def test_smoothing_starts_at_the_first_value_and_keeps_a_constant():
    assert smooth(np.array([5.0, 5.0, 5.0])) == pytest.approx([5.0, 5.0, 5.0])
    assert smooth(np.array([1.0, 2.0]), 0.5) == pytest.approx([1.0, (0.5 * 2 + 0.25 * 1) / 0.75])


def some_run(best=2):
    return [train(10 * step, 3.0 / step, step) for step in (1, 2, 3)] + [
        val(step, 0.8765 if step == best else 0.5, 0.9321) for step in (1, 2, 3)]


def test_best_epoch_is_marked_and_named(tmp_path):
    figure = plot_curves(some_run(best=2), tmp_path / 'curves.png', 'fold 1')
    axes = figure.axes[2]
    star, = (line for line in axes.lines if line.get_marker() == '*')
    assert star.get_xydata().tolist() == [[2.0, pytest.approx(87.65)]]
    assert axes.get_legend().get_texts()[0].get_text() == 'best UAR 87.65%, WAR 93.21%, epoch 2'
    assert figure.get_suptitle() == 'fold 1'
    assert figure.axes[0].lines[0].get_ydata().tolist() == [3.0, 1.5, 1.0]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [0.1, 0.1, 0.1]


def test_first_of_equal_epochs_is_the_best():
    assert best_epoch([val(1, 0.4), val(2, 0.6), val(3, 0.6)])['step'] == 2
    assert best_epoch([train(1, 0.4)]) is None


def test_metric_with_a_prefix_is_found(tmp_path):
    records = [{'fold1/uar': 0.25, 'fold1/war': 0.5, 'step': 1}]
    figure = plot_curves(records, tmp_path / 'curves.png')
    assert figure.axes[2].get_legend().get_texts()[0].get_text().startswith('best UAR 25.00%, WAR 50.00%')
    assert figure.axes[0].texts[0].get_text() == 'not logged'


def test_several_runs_are_compared_by_name(tmp_path):
    figure = plot_curves({'FE-Adapter': some_run(best=1), 'PE-CLIP': some_run(best=3)}, tmp_path / 'two.png')
    texts = [text.get_text() for text in figure.axes[2].get_legend().get_texts()]
    assert texts == ['FE-Adapter: best UAR 87.65%, WAR 93.21%, epoch 1',
                     'PE-CLIP: best UAR 87.65%, WAR 93.21%, epoch 3']
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ['FE-Adapter', 'PE-CLIP']
    plot_curves({'FE-Adapter': some_run(best=1), 'PE-CLIP': some_run(best=2)}, tmp_path / 'other.png')
    two, other = (matplotlib.image.imread(tmp_path / f'{name}.png') for name in ('two', 'other'))
    assert two.shape == other.shape and (two != other).any()


@pytest.mark.parametrize('runs,message', [({}, 'runs is empty'), ([], "run '' has no records"),
                                          ({'a': []}, "run 'a' has no records")])
def test_nothing_to_draw_is_an_error(runs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_curves(runs, tmp_path / 'curves.png')
