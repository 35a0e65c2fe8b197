"""Aligned crops: eyes and mouth in their places, from any turn and scale."""
import cv2
import numpy as np
import pytest

from mmdfer.face.alignment import PLACES, aligned_crop, alignment, write_crops
from mmdfer.face.landmarks import EYES, MOUTH

from .samples import make_faces


def turned(points, angle, scale, shift):
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return points @ np.array([(cos, sin), (-sin, cos)]) + shift


def upright():
    """Landmarks whose eyes and mouth lie in their places of a crop of 224."""
    points = np.full((68, 2), 112.)
    for part, place in zip((*EYES, MOUTH), PLACES * 224):
        points[part] = place
    return points


@pytest.mark.parametrize('angle, scale, shift', [(0, 1, (0, 0)), (0.4, 0.5, (90, 30)), (-0.6, 2.5, (-40, 200))])
def test_turned_face_is_brought_back(angle, scale, shift):
    matrix = alignment(turned(upright(), angle, scale, shift))
    np.testing.assert_allclose(turned(upright(), angle, scale, shift) @ matrix[:, :2].T + matrix[:, 2], upright(),
                               atol=1e-6)


@pytest.mark.parametrize('angle, scale', [(0.3, 1.), (-0.2, 2.4), (0., 0.5)])
def test_marks_of_the_frame_come_to_their_places(angle, scale):
    points = turned(upright(), angle, scale, (150, 160))
    frame = np.zeros((800, 900, 3), np.uint8)
    for part in (*EYES, MOUTH):
        cv2.circle(frame, np.rint((points[part].mean(axis=0) - 0.5) * 16).astype(int).tolist(), round(6 * scale * 16),
                   (255, 255, 255), -1, cv2.LINE_AA, 4)
    crop = aligned_crop(frame, points)
    assert crop.shape == (224, 224, 3)
    _, _, _, centres = cv2.connectedComponentsWithStats((crop[..., 0] > 127).astype(np.uint8))
    found = centres[1:] + 0.5
    assert len(found) == 3
    for place in PLACES * 224:
        assert np.linalg.norm(found - place, axis=1).min() < 1


def test_crops_keep_the_frames_numbers_and_leave_out_frames_without_a_face(tmp_path):
    faces = make_faces(4, (40, 60), missing=(2, ))
    frames = [np.full((40, 60, 3), 60 * index, np.uint8) for index in range(4)]
    write_crops(frames, faces, tmp_path / 'clip')
    names = sorted(path.name for path in (tmp_path / 'clip').iterdir())
    assert names == ['00001.jpg', '00002.jpg', '00004.jpg'] and len(list(tmp_path.iterdir())) == 1
    assert abs(cv2.imread(str(tmp_path / 'clip' / '00004.jpg')).mean() - 180) < 2
    write_crops(frames, make_faces(4, missing=range(4)), tmp_path / 'none')
    assert not (tmp_path / 'none').exists()
