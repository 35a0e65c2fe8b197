"""Bars are the recalls, dots the folds."""
import numpy as np
import pytest

from mmdfer.visualization import plot_class_bars

CLASSES = ['happy', 'sad', 'fear']


def test_heights_are_means_over_folds_and_dots_the_folds(tmp_path):
    last = np.array([[0.5, 0.6, 0.0], [0.7, 0.8, 0.2]])
    figure = plot_class_bars({'last epoch': last, 'best epoch': [0.9, 0.8, 0.3]}, CLASSES, tmp_path / 'bars.png')
    axes, = figure.axes
    heights = [[bar.get_height() for bar in series] for series in axes.containers]
    assert heights == [pytest.approx([60, 70, 10]), pytest.approx([90, 80, 30])]
    assert [line.get_ydata().tolist() for line in axes.lines] == [pytest.approx(list(100 * fold)) for fold in last]
    assert (tmp_path / 'bars.png').stat().st_size > 5000
    assert axes.containers[0][0].get_facecolor() != axes.containers[0][1].get_facecolor()


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plot_class_bars({'last': [0.5, 0.5, 0.5]}, CLASSES, None).axes
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('recalls, message',
                         [({}, 'recalls is empty'), ({'a': [0.5]}, r"recalls\['a'\] has shape \(1, 1\)")])
def test_what_does_not_fit_is_named(recalls, message):
    with pytest.raises(ValueError, match=message):
        plot_class_bars(recalls, CLASSES, None)
