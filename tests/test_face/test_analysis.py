"""Faces of drawn clips, whose true landmarks are known, found by MediaPipe; and what is made of a finder's answers."""
import cv2
import numpy as np
import pytest

from mmdfer.face.analysis import FaceFinder, analyse_clip
from mmdfer.face.landmarks import MIRRORED
from mmdfer.face.mesh import LANDMARKS, MESH_POINTS, OUTLINES
from mmdfer.face.regions import REGION_ID, REGIONS, SWAPPED
from mmdfer.face.store import FOUND, INTERPOLATED, MISSING, NOTES
from mmdfer.synthetic import Options, draw_clip
from mmdfer.synthetic.maps import clip_faces
from mmdfer.synthetic.plan import Item

OPTIONS = Options(size=192)
ITEM = Item('clip', 3, 3, 'surprise', 1)
PARTS = dict(jaw=slice(0, 17), brows=slice(17, 27), nose=slice(27, 36), eyes=slice(36, 48), mouth=slice(48, 68))


@pytest.fixture(scope='module')
def finder():
    pytest.importorskip('mediapipe')
    from mmdfer.face.mediapipe_faces import MediaPipeFaces
    return MediaPipeFaces()


@pytest.fixture(scope='module')
def drawn():
    """Every fourth frame of a drawn clip, and the truth about it."""
    _, frames, _ = draw_clip(ITEM, OPTIONS)
    return list(frames[::4]), clip_faces(ITEM, OPTIONS, 192)


@pytest.fixture(scope='module')
def found(finder, drawn):
    return analyse_clip(drawn[0], finder)


def eye_distance(points):
    return np.linalg.norm(points[:, 36] - points[:, 45], axis=-1)[:, None]


def test_landmarks_lie_on_the_drawn_face(found, drawn):
    truth = drawn[1].landmarks[::4]
    assert (found.state == FOUND).all()
    error = np.linalg.norm(found.landmarks - truth, axis=-1) / eye_distance(truth)
    for part, limit in dict(brows=0.15, nose=0.1, eyes=0.06, mouth=0.1).items():
        assert error[:, PARTS[part]].mean() < limit, part


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


def test_regions_lie_on_the_drawn_face(found, drawn):
    maps = [np.stack([cv2.resize(frame, (192, 192), interpolation=cv2.INTER_NEAREST) for frame in each])
            for each in (found.parsing, drawn[1].parsing[::4])]
    for names in (['skin'], ['left_eye'], ['right_eye'], ['nose'], ['upper_lip', 'inner_mouth', 'lower_lip']):
        ids = [REGION_ID[name] for name in names]
        assert overlap(*(np.isin(each, ids) for each in maps)) > 0.4, names
        assert found.map_boxes[0].tolist() == [0, 0, 192, 192]


def test_faces_of_the_mirrored_clip_are_the_mirrored_faces(finder, found, drawn):
    mirrored = analyse_clip([frame[:, ::-1].copy() for frame in drawn[0]], finder)
    points = np.stack([192 - found.landmarks[:, MIRRORED, 0], found.landmarks[:, MIRRORED, 1]], axis=-1)
    error = np.linalg.norm(mirrored.landmarks - points, axis=-1) / eye_distance(points)
    assert error.mean() < 0.05
    wrong = np.linalg.norm(mirrored.landmarks - points[:, MIRRORED], axis=-1) / eye_distance(points)
    assert wrong.mean() > 0.3                                   # what a table without left and right would give
    maps = SWAPPED[found.parsing[:, :, ::-1]]
    for index in range(1, len(REGIONS) - 1):
        assert overlap(maps == index, mirrored.parsing == index) > 0.5, REGIONS[index].name


def test_tables_of_the_mesh_mirror_as_the_landmarks_do(found, finder, drawn):
    """Mirrored pairs of points have the same distance to the face's middle, over a frontal average."""
    mesh = analyse_clip(drawn[0], finder, ('mesh', )).mesh[..., :2].mean(axis=0)
    middle = mesh[[10, 168, 4, 152]]
    axis = np.polyfit(middle[:, 1], middle[:, 0], 1)

    def offset(indices):
        return mesh[indices, 0] - np.polyval(axis, mesh[indices, 1])
    width = np.ptp(mesh[:468, 0])
    np.testing.assert_allclose(offset(LANDMARKS), -offset(LANDMARKS[MIRRORED]), atol=0.13 * width)
    for part in ('brow', 'eye'):
        left, right = (offset(list(OUTLINES[f'{side}_{part}'])) for side in ('left', 'right'))
        assert left.max() < 0 < right.min()
        np.testing.assert_allclose(left, -right, atol=0.13 * width)


def test_several_faces_and_one_at_the_border(finder, drawn):
    frame, other = drawn[0][0], drawn[0][1]
    wide = np.full((260, 480, 3), 90, np.uint8)
    wide[30:222, 20:212] = frame
    wide[60:188, 300:428] = cv2.resize(other, (128, 128))
    faces = analyse_clip([wide], finder)
    assert faces.notes[0] & NOTES['several'] and not faces.notes[0] & NOTES['border']
    assert faces.boxes[0, 2] < 240                              # the larger one
    alone = np.full((260, 480, 3), 90, np.uint8)
    alone[68:, 150:342] = frame
    cut = analyse_clip([alone[:, 200:].copy()], finder)
    assert cut.state[0] == FOUND and cut.notes[0] & NOTES['border']


class Scripted(FaceFinder):
    """A finder whose answers are written down: one mesh a frame, or none."""
    name = 'scripted'

    def __init__(self, places, edge=60):
        self.places, self.edge, self.calls = places, edge, 0

    def detect(self, frame):
        place = self.places[int(frame[0, 0, 0])]
        if place is None:
            return np.empty((0, 4))
        return np.array([[*place, place[0] + self.edge, place[1] + self.edge]], float)

    def mesh(self, frame, box):
        grid = np.random.default_rng(0).uniform(0, self.edge, (MESH_POINTS, 3))
        grid[:2] = ((0, 0, 0), (self.edge, self.edge, 0))
        return grid + (*box[:2], 0)


def numbered(count, size=(120, 200)):
    return [np.full((*size, 3), index, np.uint8) for index in range(count)]


def test_short_gap_is_interpolated_and_a_long_one_marked():
    places = [(20, 10), (22, 12), None, None, (28, 18), (30, 20), *[None] * 6, (30, 20)]
    faces = analyse_clip(numbered(13), Scripted(places), ('landmarks', 'parsing', 'mesh'))
    assert faces.state.tolist() == [FOUND] * 2 + [INTERPOLATED] * 2 + [FOUND] * 2 + [MISSING] * 6 + [FOUND]
    np.testing.assert_allclose(np.diff(faces.landmarks[:6], axis=0), 2, atol=1e-4)
    assert np.isnan(faces.landmarks[6:12]).all() and np.isnan(faces.boxes[6:12]).all()
    assert not faces.parsing[6:12].any() and faces.parsing[[2, 3]].any(axis=(1, 2)).all()
    assert faces.counts() == dict(frames=13, found=5, interpolated=2, missing=6, several=0, border=0, tiny=0)


@pytest.mark.parametrize('place, edge, note', [
    ((20, 10), 60, None), ((-20, 10), 60, 'border'), ((20, 100), 60, 'border'), ((20, 10), 20, 'tiny')])
def test_faces_at_the_border_and_tiny_ones_are_noted(place, edge, note):
    faces = analyse_clip(numbered(1), Scripted([place], edge))
    assert faces.notes.tolist() == [NOTES[note] if note else 0]


def test_clip_without_a_face_has_blank_maps():
    faces = analyse_clip(numbered(3), Scripted([None] * 3))
    assert faces.counts()['missing'] == 3 and not faces.parsing.any() and np.isnan(faces.landmarks).all()


def test_real_faces_are_found_and_a_scene_without_one_is_marked(faces, finder):
    """The videos beside the project, every twentieth frame."""
    from mmdfer.datasets.clip_frames import ClipFrames
    for name, expected in (('single_face.mp4', FOUND), ('no_face.mp4', MISSING)):
        found = analyse_clip(list(ClipFrames(str(faces / name)))[::20], finder)
        assert (found.state == expected).all(), name
