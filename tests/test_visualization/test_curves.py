"""Curves of a run, and of several compared, are drawn with their best epoch."""
import matplotlib.image
import numpy as np
import pytest

from mmdfer.visualization import best_epoch, plot_curves
from mmdfer.visualization.curves import plot_panel, smooth


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


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_best_epoch_is_marked_and_named(tmp_path):
    figure = plot_curves(some_run(best=2), tmp_path / 'curves.png', 'fold 1')
    axes = figure.axes[2]
    star, = (line for line in axes.lines if line.get_marker() == '*')
    assert star.get_xydata().tolist() == [[2.0, pytest.approx(87.65)]]
    assert legend_of(figure) == ['loss as logged', 'loss, smoothed', 'UAR', 'WAR',
                                 'best UAR 87.65%, WAR 93.21%, epoch 2']
    assert figure.get_suptitle() == 'fold 1'
    assert figure.axes[0].lines[0].get_ydata().tolist() == [3.0, 1.5, 1.0]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [0.1, 0.1, 0.1]


def test_first_of_equal_epochs_is_the_best():
    assert best_epoch([val(1, 0.4), val(2, 0.6), val(3, 0.6)])['step'] == 2
    assert best_epoch([train(1, 0.4)]) is None


def test_metric_with_a_prefix_is_found(tmp_path):
    records = [{'fold1/uar': 0.25, 'fold1/war': 0.5, 'step': 1}]
    figure = plot_curves(records, tmp_path / 'curves.png')
    assert legend_of(figure)[-1].startswith('best UAR 25.00%, WAR 50.00%')
    assert figure.axes[0].texts[0].get_text() == 'not logged'


def test_several_runs_are_compared_by_name(tmp_path):
    figure = plot_curves({'FE-Adapter': some_run(best=1), 'PE-CLIP': some_run(best=3)}, tmp_path / 'two.png')
    assert legend_of(figure)[-2:] == ['FE-Adapter: best UAR 87.65%, WAR 93.21%, epoch 1',
                                      'PE-CLIP: best UAR 87.65%, WAR 93.21%, epoch 3']
    assert legend_of(plot_panel('loss', {'A': some_run(1), 'B': some_run(3)}, None))[-2:] == ['A', 'B']
    plot_curves({'FE-Adapter': some_run(best=1), 'PE-CLIP': some_run(best=2)}, tmp_path / 'other.png')
    two, other = (matplotlib.image.imread(tmp_path / f'{name}.png') for name in ('two', 'other'))
    assert two.shape == other.shape and (two != other).any()


@pytest.mark.parametrize('runs,message', [({}, 'runs is empty'), ([], "run '' has no records"),
                                          ({'a': []}, "run 'a' has no records")])
def test_nothing_to_draw_is_an_error(runs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_curves(runs, tmp_path / 'curves.png')


@pytest.mark.parametrize('name', ['', 'fold', 'temporal_aggregation_vitb_dfew, DFEW (synthetic), number'])
def test_no_legend_lies_over_a_line_or_past_the_picture(name):
    """Whatever the length of the names, in the picture of all panels and in each alone."""
    runs = {f'{name} {index}': some_run(index) for index in (1, 2, 3)} if name else some_run()
    for figure in (plot_curves(runs, None), *(plot_panel(panel, runs, None) for panel in ('loss', 'validation'))):
        figure.draw_without_rendering()
        legend, = (one.get_window_extent() for one in figure.legends)
        assert figure.bbox.x0 <= legend.x0 and legend.x1 <= figure.bbox.x1 and figure.bbox.y0 <= legend.y0
        for axes in figure.axes:
            assert axes.get_legend() is None and axes.get_tightbbox().y0 >= legend.y1
            assert all(tick == round(tick) for tick in axes.get_xticks()) and axes.bbox.height > 150


def test_runs_of_one_schedule_share_its_line():
    same = plot_panel('rate', {'a': some_run(1), 'b': some_run(2)}, None)
    assert len(same.axes[0].lines) == 1 and legend_of(same) == ['all alike']
    other = [dict(record, lr=0.2) if 'lr' in record else record for record in some_run(2)]
    assert len(plot_panel('rate', {'a': some_run(1), 'b': other}, None).axes[0].lines) == 2
