"""What is measured is what it is called: a repeated video has the pictures of its source, over and over."""
import numpy as np
import pytest

from mmdfer.apis.benchmarks.videos import repeat
from mmdfer.datasets.video_reader import VideoReader


def test_a_repeated_video_is_its_source_over_and_over(faces, tmp_path):
    source = faces / 'single_face.mp4'
    one = VideoReader(source)
    repeat(source, tmp_path / 'long.mp4', 2.5 * one.duration)
    three = VideoReader(tmp_path / 'long.mp4')
    assert len(three) == 3 * len(one) and three.duration == pytest.approx(3 * one.duration, rel=0.02)
    assert np.all(np.diff(three.times()) > 0)
    for place in (0, 7, len(one) - 1):
        first, later = one.frame(place), three.frames([place, place + len(one), place + 2 * len(one)])
        assert all(np.array_equal(frame, first) for frame in later)


def test_what_cannot_be_repeated_is_named(tmp_path):
    (tmp_path / 'x.mp4').write_bytes(b'nothing')
    with pytest.raises(ValueError, match='x.mp4: cannot be repeated .*give an H.264 video'):
        repeat(tmp_path / 'x.mp4', tmp_path / 'long.mp4', 5)
