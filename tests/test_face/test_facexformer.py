"""FaceXFormer's outputs, imported from files, say what they said over their crops."""
import numpy as np
import pytest

from mmdfer.face import FaceMapsError
from mmdfer.face.facexformer import read_outputs
from mmdfer.face.regions import REGION_ID
from mmdfer.face.store import INTERPOLATED, MISSING

FRAMES, SIZE = 9, (120, 200)


class Frames(list):
    """Blank frames."""

    def __init__(self, number=FRAMES, size=SIZE):
        super().__init__([np.zeros((*size, 3), np.uint8)] * number)


def outputs(folder, **changes):
    rng = np.random.default_rng(0)
    arrays = dict(landmarks=rng.uniform(-1, 1, (FRAMES, 136)), parsing=rng.integers(0, 11, (FRAMES, 224, 224)),
                  boxes=np.tile([60., 40., 100., 80.], (FRAMES, 1))) | changes
    arrays = {name: array for name, array in arrays.items() if array is not None}
    np.savez(folder / 'one.npz', **arrays)
    return arrays


def test_points_lie_where_the_release_draws_them(tmp_path):
    arrays = outputs(tmp_path)
    faces = read_outputs(str(tmp_path), 'one', Frames())
    # The crop is the box with a quarter of its edges more on each side; the release draws a point of the 224 crop at
    # ((p + 1) * 224 - 1) / 2 with pixel centres at integers.
    drawn = ((arrays['landmarks'].reshape(FRAMES, 68, 2) + 1) * 224 - 1) / 2
    expected = (50, 30) + (drawn + 0.5) * (60 / 224)
    np.testing.assert_allclose(faces.landmarks, expected, rtol=1e-6)
    np.testing.assert_array_equal(faces.map_boxes[0], (50, 30, 110, 90))
    assert (faces.state == 0).all() and faces.source == dict(landmarks='FaceXFormer', parsing='FaceXFormer')


def test_crop_ends_at_the_frame_and_is_the_frame_without_boxes(tmp_path):
    outputs(tmp_path, boxes=np.tile([0., 50., 80.9, 115.], (FRAMES, 1)))
    np.testing.assert_array_equal(read_outputs(str(tmp_path), 'one', Frames()).map_boxes[0], (0, 33, 101, 120))
    outputs(tmp_path, boxes=None)
    np.testing.assert_array_equal(read_outputs(str(tmp_path), 'one', Frames()).map_boxes[0], (0, 0, 200, 120))


def test_classes_and_logits_give_the_same_labels(tmp_path):
    classes = np.zeros((FRAMES, 224, 224), int)
    classes[:, 50:60, 30:50], classes[:, 50:60, 150:170] = REGION_ID['left_eye'], REGION_ID['right_eye']
    logits = np.eye(11, dtype=np.float16)[classes].transpose(0, 3, 1, 2)
    found = []
    for parsing in (classes, logits):
        outputs(tmp_path, parsing=parsing)
        found.append(read_outputs(str(tmp_path), 'one', Frames()).parsing)
        np.testing.assert_array_equal(found[-1], classes)


def test_frames_without_a_box_are_filled_over_short_gaps_and_missing_elsewhere(tmp_path):
    boxes = np.stack([np.array([60., 40., 100., 80.]) + 2 * t for t in range(FRAMES)])
    boxes[[3, 4, 8]] = np.nan
    arrays = outputs(tmp_path, boxes=boxes, landmarks=np.zeros((FRAMES, 136)),
                     parsing=np.ones((FRAMES, 224, 224), int) * np.arange(FRAMES)[:, None, None])
    faces = read_outputs(str(tmp_path), 'one', Frames())
    assert [index for index in range(FRAMES) if faces.state[index] == INTERPOLATED] == [3, 4]
    assert [index for index in range(FRAMES) if faces.state[index] == MISSING] == [8]
    np.testing.assert_allclose(faces.landmarks[:8, 0], [(80 + 2 * t, 60 + 2 * t) for t in range(8)], atol=1)
    assert faces.parsing[:, 0, 0].tolist() == [0, 1, 2, 2, 5, 5, 6, 7, 0] and len(arrays['parsing']) == FRAMES


@pytest.mark.parametrize('changes, message', [
    (dict(landmarks=None), 'holds no landmarks'), (dict(landmarks=np.zeros((FRAMES, 70))), r'expected \(T, 136\)'),
    (dict(parsing=np.zeros((4, 224, 224))), 'parsing has 4 frames, the clip 9'),
    (dict(parsing=np.full((FRAMES, 8, 8), 11)), 'classes 0 to 10'),
    (dict(parsing=np.zeros((FRAMES, 19, 8, 8))), r'expected \(T, 11, 8, 8\)'),
    (dict(boxes=np.zeros((FRAMES, 5))), r'boxes has the shape \(9, 5\)'),
])
def test_other_contents_are_refused(tmp_path, changes, message):
    outputs(tmp_path, **changes)
    with pytest.raises(FaceMapsError, match=message) as caught:
        read_outputs(str(tmp_path), 'one', Frames())
    assert 'one.npz' in str(caught.value)


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(FaceMapsError, match="one.npz: FaceXFormer's output for this clip is not there"):
        read_outputs(str(tmp_path), 'one', Frames())
    (tmp_path / 'one.npz').write_bytes(b'PK broken')
    with pytest.raises(FaceMapsError, match='one.npz: is no whole .npz file'):
        read_outputs(str(tmp_path), 'one', Frames())
