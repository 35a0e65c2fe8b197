"""A strip holds frames from start to end, in order and in shape."""
import numpy as np
import pytest

from mmdfer.visualization import film_strip


def frames(count, height=20, width=30):
    return [np.full((height, width, 3), index, np.uint8) for index in range(count)]


def test_frames_are_spread_from_the_first_to_the_last():
    strip = film_strip(frames(16), count=4, height=40, gap=2)
    assert strip.shape == (40, 4 * 60 + 3 * 2, 3) and strip.dtype == np.uint8
    assert [int(strip[20, 62 * place + 30, 0]) for place in range(4)] == [0, 5, 10, 15]
    assert (strip[:, 60:62] == 255).all()


def test_short_clip_shows_each_frame_once():
    assert film_strip(frames(2), count=8, height=20, gap=0).shape == (20, 60, 3)


@pytest.mark.parametrize('bad, message', [([], 'frames is empty'), ([np.zeros((4, 4), np.uint8)], r'frames\[0\]'),
                                          ([np.zeros((4, 4, 3))], r'frames\[0\] is float64')])
def test_what_is_no_picture_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        film_strip(bad)
