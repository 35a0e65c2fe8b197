"""The timeline draws the windows where and as they are."""
import copy

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_hex

from mmdfer.datasets import class_names
from mmdfer.labels import class_colours
from mmdfer.visualization import plot_timeline
from mmdfer.visualization.figure import distinct_colours

CLASSES = class_names('dfew')


def one_hot(index, confidence=0.7):
    probabilities = np.full(len(CLASSES), (1 - confidence) / (len(CLASSES) - 1))
    probabilities[index] = confidence
    return probabilities.tolist()


def result_of(leading=(0, 0, 4), **more):
    """Windows of 2 s each, one second apart, each led by a class; the clip is led by the first."""
    windows = [dict(start=float(start), end=start + 2.0, probabilities=one_hot(index))
               for start, index in enumerate(leading)]
    return dict(video='folder/clip.mp4', duration=len(leading) + 1.0, classes=list(CLASSES), windows=windows,
                clip=dict(label=CLASSES[leading[0]], probabilities=one_hot(leading[0], 0.64)), **more)


def test_band_shows_the_leading_class_over_its_time(tmp_path):
    """Windows are centred at 1, 2, 3 s: happy leads to 2.5 s, surprise from there to the end at 4 s."""
    band = plot_timeline(result_of(), tmp_path / 'timeline.png').axes[1]
    spans = [(patch.get_x(), patch.get_x() + patch.get_width(), to_hex(patch.get_facecolor()))
             for patch in band.patches]
    happy, surprise = class_colours(('happy', 'surprise'))
    assert spans == [(0.0, 2.5, happy), (2.5, 4.0, surprise)]
    assert [text.get_text() for text in band.texts] == ['happy', 'surprise']


def test_areas_are_the_probabilities_in_the_classes_colours(tmp_path):
    stack = plot_timeline(result_of(), tmp_path / 'timeline.png').axes[0]
    assert [to_hex(area.get_facecolor()[0]) for area in stack.collections] == class_colours(CLASSES)
    lowest = stack.collections[0].get_paths()[0].vertices
    heights = {x: lowest[lowest[:, 0] == x, 1].max() for x in (0.0, 1.0, 2.0, 3.0, 4.0)}
    assert heights == {0.0: 0.7, 1.0: 0.7, 2.0: 0.7, 3.0: pytest.approx(0.05), 4.0: pytest.approx(0.05)}
    assert stack.lines[0].get_xdata().tolist() == [1.0, 2.0, 3.0] and stack.get_xlim() == (0.0, 4.0)


def test_title_names_clip_label_and_probability(tmp_path):
    figure = plot_timeline(result_of(), tmp_path / 'timeline.png')
    assert figure.get_suptitle() == 'clip.mp4: happy 64%'
    assert [text.get_text() for text in figure.axes[2].texts] == ['64%'] + ['6%'] * 6


def test_order_of_windows_does_not_matter_and_data_do(tmp_path):
    plain = result_of((0, 0, 4))
    mixed = dict(plain, windows=plain['windows'][::-1])
    untouched = copy.deepcopy(mixed)
    for name, result in (('plain', plain), ('mixed', mixed), ('other', result_of((0, 4, 0)))):
        plot_timeline(result, tmp_path / f'{name}.png')
    assert mixed == untouched
    plain, mixed, other = (matplotlib.image.imread(tmp_path / f'{name}.png') for name in ('plain', 'mixed', 'other'))
    assert (plain == mixed).all() and (plain != other).any()


def test_one_window_fills_the_whole_time(tmp_path):
    band = plot_timeline(result_of((6,)), tmp_path / 'timeline.png').axes[1]
    assert [(patch.get_x(), patch.get_width()) for patch in band.patches] == [(0.0, 2.0)]


@pytest.mark.parametrize('count,width,shown', [(1, 112, 1), (5, 112, 5), (40, 112, 7), (40, 224, 3)])
def test_as_many_thumbnails_as_fit_each_at_its_time(count, width, shown, tmp_path):
    """The grey value of each picture tells its time: it must be the nearest to its place in the strip."""
    times = np.linspace(0, 4, count)
    thumbnails = [(time, np.full((112, width, 3), round(50 * time), np.uint8)) for time in times]
    strip = plot_timeline(result_of(thumbnails=thumbnails), tmp_path / 'timeline.png').axes[3]
    assert len(strip.artists) == shown
    for box in strip.artists:
        place, value = box.xybox[0], box.offsetbox.get_data()[0, 0, 0]
        assert value == round(50 * times[np.abs(times - place).argmin()])


def test_unknown_classes_get_colours_of_their_own():
    names = [f'class{index}' for index in range(20)] + ['happy']
    colours = [to_hex(colour) for colour in distinct_colours(names)]
    assert len(set(colours)) == 21 and colours[-1] == class_colours(('happy',))[0]


@pytest.mark.parametrize('change,message', [
    (dict(windows=[]), 'folder/clip.mp4: windows is empty'),
    (dict(duration=0), 'lasts longer than 0 s'),
    (dict(windows=[dict(start=1.0, end=1.0, probabilities=one_hot(0))]), 'must end after it starts'),
    (dict(windows=[dict(start=1.0, end=2.0, probabilities=[0.5, 0.5])]),
     r'window from 1.00 s has probabilities of shape \(2,\), for 7 classes'),
    (dict(windows=[dict(start=1.0, end=2.0, probabilities=[1.0] * 7)]), 'add up to 7.000, not 1: are they logits'),
    (dict(windows=[dict(start=1.0, end=2.0, probabilities=[float('nan')] * 7)]), 'add up to nan'),
    (dict(clip=dict(label='happy', probabilities=[1.0])), r'the clip has probabilities of shape \(1,\)'),
    (dict(clip=dict(label='joy', probabilities=one_hot(0))), "labelled 'joy', which is not among"),
])
def test_wrong_input_is_named(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_timeline(dict(result_of(), **change), tmp_path / 'timeline.png')
