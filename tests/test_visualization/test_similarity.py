"""Bars are the means of each class's own texts, boxes the weights of the clips that have the modality."""
import numpy as np
import pytest
from matplotlib.colors import to_hex

from mmdfer.visualization import map_strip, plot_modality_weights, plot_similarity, strip_sheet

CLASSES = ['happy', 'sad', 'fear']
LABELS = np.array([0, 0, 1])
POSITIVE = np.array([[0.5, 0.1, 0.2], [0.7, 0.9, 0.9], [0.8, 0.3, 0.1]])
NEGATIVE = np.array([[-0.1, 0.9, 0.9], [0.1, 0.9, 0.9], [0.9, -0.2, 0.9]])


def test_bars_are_means_over_a_classs_clips_and_a_class_without_is_empty(tmp_path):
    axes, = plot_similarity(POSITIVE, NEGATIVE, LABELS, CLASSES, tmp_path / 'a.png').axes
    bars = [one for one in axes.containers if hasattr(one, 'patches')]
    assert [[bar.get_height()
             for bar in one]
            for one in bars] == [pytest.approx([0.6, 0.3, 0]),
                                 pytest.approx([0, -0.2, 0])]
    assert [text.get_text() for text in axes.texts] == ['+0.60', '+0.50']
    assert (tmp_path / 'a.png').stat().st_size > 5000


@pytest.mark.parametrize('change, message', [(dict(labels=[]), 'no clip'), (dict(negative=NEGATIVE[:, :2]), 'need'),
                                             (dict(classes=['a', 'b']), r'need \(3, 2\)')])
def test_similarities_that_do_not_fit_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        plot_similarity(
            **dict(dict(positive=POSITIVE, negative=NEGATIVE, labels=LABELS, classes=CLASSES, path=None), **change))


def test_medians_are_of_the_clips_that_have_the_modality(tmp_path):
    weights = dict(video=np.array([0.5, 0.7, 0.2]), caption=np.array([0.5, np.nan, 0.8]))
    axes, = plot_modality_weights(weights, LABELS, CLASSES, tmp_path / 'a.png', colours=dict(video='#102030')).axes
    medians = [line.get_ydata()[0] for line in axes.lines if line.get_color() == '#111111']
    assert medians == pytest.approx([0.5, 0.6, 0.2, np.nan, 0.65, 0.5, 0.8, np.nan], nan_ok=True)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ['video', 'caption (absent in 1)']
    video, caption = (to_hex(bars[0].get_facecolor()) for bars in axes.containers)
    assert video == '#102030' and caption == to_hex('C1')


@pytest.mark.parametrize('weights', [{}, dict(video=np.zeros(2))])
def test_weights_that_do_not_fit_are_named(weights):
    with pytest.raises(ValueError, match='weights'):
        plot_modality_weights(weights, LABELS, CLASSES, None)


def test_maps_lie_below_their_frames(tmp_path):
    frames = [np.full((20, 20, 3), t, np.uint8) for t in range(6)]
    maps = np.stack(
        [np.full((6, 20, 20), plane, np.uint8) * np.arange(6, dtype=np.uint8)[:, None, None] for plane in (1, 2, 3)])
    strip = map_strip(frames, dict(parsing=maps), count=3, height=20, gap=2)
    assert strip.shape == (42, 64, 3)
    for column, t in enumerate((0, 2, 5)):
        assert strip[10, 22 * column + 10].tolist() == [t] * 3
        assert strip[32, 22 * column + 10].tolist() == [t, 2 * t, 3 * t]
    with pytest.raises(ValueError, match='one view'):
        map_strip(frames, dict(parsing=maps[:, :4]))
    figure = strip_sheet([strip, strip], ['one', 'two'], tmp_path / 'a.png')
    assert [axes.get_title(loc='left') for axes in figure.axes] == ['one', 'two']
    with pytest.raises(ValueError, match='2 strips and 1 captions'):
        strip_sheet([strip, strip], ['one'], None)
