"""The main face is followed, and only short gaps of one face are filled."""
import numpy as np
import pytest

from mmdfer.face.tracking import LONGEST_GAP, fill_gaps, main_track, short_gaps

SIZE = (100, 200)


def box(x, y, edge):
    return np.array([x, y, x + edge, y + edge], float)


def boxes(*some):
    return np.array(some, float).reshape(-1, 4)


def test_larger_face_is_followed_while_the_order_of_detections_changes():
    large, small = [box(20 + 3 * t, 30, 40) for t in range(10)], [box(150 - 3 * t, 10, 20) for t in range(10)]
    frames = [boxes(*((a, b) if t % 2 else (b, a))) for t, (a, b) in enumerate(zip(large, small))]
    chosen, tracks = main_track(frames, SIZE)
    for t, index in enumerate(chosen):
        np.testing.assert_array_equal(frames[t][index], large[t])
    assert len(set(tracks)) == 1


def test_central_face_is_preferred_to_one_of_its_size_in_the_corner():
    chosen, _ = main_track([boxes(box(0, 0, 40), box(80, 30, 40))] * 3, SIZE)
    assert chosen.tolist() == [1, 1, 1]


def test_face_that_flashes_up_larger_does_not_take_over():
    frames = [boxes(box(80, 30, 40)) for _ in range(9)]
    frames[4] = boxes(box(80, 30, 40), box(0, 0, 90))
    chosen, tracks = main_track(frames, SIZE)
    assert chosen.tolist() == [0] * 9 and len(set(tracks)) == 1


def test_after_a_cut_the_other_face_is_another_track():
    frames = [boxes(box(10, 10, 40))] * 3 + [boxes()] * 2 + [boxes(box(140, 40, 40))] * 3
    chosen, tracks = main_track(frames, SIZE)
    assert chosen.tolist() == [0, 0, 0, -1, -1, 0, 0, 0]
    assert tracks[0] != tracks[-1] and short_gaps(tracks) == []


@pytest.mark.parametrize('gap, filled', [(1, True), (LONGEST_GAP, True), (LONGEST_GAP + 1, False)])
def test_gaps_up_to_five_frames_are_filled(gap, filled):
    tracks = np.array([-1, 0, *[-1] * gap, 0, -1])
    gaps = short_gaps(tracks)
    assert gaps == ([(2, 2 + gap)] if filled else [])
    values = np.arange(len(tracks), dtype=float)[:, None] * (1, -2)
    holed = np.where(tracks[:, None] < 0, np.nan, values)
    found = fill_gaps(holed, gaps)
    inside = slice(1, gap + 3)
    if filled:
        np.testing.assert_allclose(found[inside], values[inside])
    else:
        assert np.isnan(found[2:-2]).all()
    assert np.isnan(found[[0, -1]]).all()                       # nothing is filled beyond the ends
