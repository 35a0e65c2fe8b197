"""Windows of a lane, against windows cut from the whole list of frames."""

from __future__ import annotations

import numpy as np
import pytest

from mmdfer.video.windows import Lane


def windows_of(times, end, length, stride, fps):
    """What a lane cuts, frame by frame."""
    lane, cut = Lane(length, stride), []
    for index, time in enumerate(times):
        cut += lane.add(time, times[index + 1] if index + 1 < len(times) else end, index, fps)
    return cut + lane.finish(fps)


@pytest.mark.parametrize(
    'frames, length, stride',
    [(75, 3, 1), (76, 3, 1), (10, 3, 1), (1, 3, 1), (200, 2, 0.5), (130, 3, 3), (101, 1, 0.28)],
)
def test_windows_cover_the_lane_and_the_last_ends_with_it(frames, length, stride):
    fps = 25
    times, end = np.arange(frames) / fps, frames / fps
    cut = windows_of(times.tolist(), end, length, stride, fps)
    starts = [window.start for window in cut]
    assert starts == sorted(set(starts)) and starts[0] == 0
    assert cut[-1].end == pytest.approx(end)
    for window in cut:
        inside = [index for index, time in enumerate(times) if window.start - 1e-6 <= time < window.end - 1e-6]
        assert window.items == inside and window.seen == pytest.approx(1, abs=0.02)
        assert window.end - window.start == pytest.approx(min(length, end))
    regular = [k * stride for k in range(len(cut)) if k * stride + length <= end + 1e-6]
    np.testing.assert_allclose(starts[: len(regular)], regular, atol=1e-6)
    if stride <= length:
        assert set().union(*(window.items for window in cut)) == set(range(frames))


def test_a_window_in_which_the_person_is_mostly_away_is_not_judged():
    times = [index / 25 for index in range(200) if not 40 <= index < 150]
    cut = windows_of(times, 8.0, 3, 1, 25)
    assert [window.start for window in cut] == pytest.approx([0, 5])  # 3 to 5 would see a fifth of their frames
    assert cut[0].seen == pytest.approx(40 / 75, abs=0.02)


def test_a_lane_keeps_no_more_frames_than_a_window_needs():
    lane = Lane(3, 1)
    most = 0
    for index in range(25 * 120):
        lane.add(index / 25, (index + 1) / 25, index, 25)
        most = max(most, len(lane.items))
    assert most <= 3 * 25 + 26


def test_frames_of_somebody_who_turns_out_to_be_known_go_on_in_the_same_lane():
    whole, first, second = Lane(3, 1), Lane(3, 1), Lane(3, 1)
    expected, got = [], []
    for index in range(150):
        frame = (index / 25, (index + 1) / 25, index, 25)
        expected += whole.add(*frame)
        if index == 80:
            got += first.absorb(second, 25)
        got += (second if 60 <= index < 80 else first).add(*frame)
    assert [(window.start, window.items) for window in got] == [(window.start, window.items) for window in expected]
