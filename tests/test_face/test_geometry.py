"""What a mesh measures, in closed form; the same however the head is turned, far away or elsewhere."""
from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest

from mmdfer.face.finding import Face
from mmdfer.face.geometry import NAMES, geometry_of
from mmdfer.face.mesh import MESH_POINTS
from mmdfer.video.editing import edited
from mmdfer.video.recognise import Opened, recognise
from mmdfer.video.results import geometry_table, write_result
from mmdfer.video.sources import Source
from mmdfer.video.stream import Settings, VideoStream

# A face of 100 between the outer eye corners, seen from the front: x right, y down, z away.
POINTS = {
    33: (-50, 0, 10), 133: (-20, 0, 5), 362: (20, 0, 5), 263: (50, 0, 10),              # corners of the eyes
    160: (-42, -6, 4), 158: (-28, -5, 3), 144: (-42, 3, 4), 153: (-28, 4, 3),           # 9 and 9 over 30
    387: (42, -3, 4), 385: (28, -2, 3), 373: (42, 0, 4), 380: (28, 1, 3),               # 3 and 3 over 30
    10: (0, -90, 0), 152: (0, 110, 0), 13: (0, 62, -5), 14: (0, 82, -5), 61: (-24, 70, 0), 291: (24, 70, 0)}
POINTS.update({index: (x, -30, 0) for index, x in zip((70, 63, 105, 66, 107), (-55, -45, -35, -25, -15))})
POINTS.update({index: (x, -20 - lift, 0) for index, x, lift in zip((300, 293, 334, 296, 336), (55, 45, 35, 25, 15),
                                                                   (0, 5, 10, 5, 0))})
EYE = math.hypot(30, 5)
LENGTHS = [.20, .48, 9 / EYE, 3 / EYE, .30, .24]


def face() -> np.ndarray:
    mesh = np.zeros((MESH_POINTS, 3))
    for index, point in POINTS.items():
        mesh[index] = point
    return mesh


def turned(mesh, yaw=0., pitch=0., roll=0.):
    """First the chin goes forward (up), then the nose to the picture's right, then the head leans clockwise."""
    yaw, pitch, roll = np.radians((yaw, pitch, roll))
    up = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    right = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    lean = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return mesh @ (lean @ right @ up).T


@pytest.mark.parametrize('pose', [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 75), (0, 0, 170),
                                  (35, -15, -40)])
@pytest.mark.parametrize('size, place', [(1, (0, 0, 0)), (.3, (400, 250, -7))])
def test_lengths_are_the_closed_form_and_angles_those_of_the_turn(pose, size, place):
    found = geometry_of(size * turned(face(), *pose) + place)
    np.testing.assert_allclose(found[:6], LENGTHS, atol=1e-9)
    np.testing.assert_allclose(found[6:], pose, atol=1e-9)


def test_signs_are_what_a_viewer_sees():
    nose = np.array([0., 30., -60.])                            # it sticks out towards the viewer
    assert turned(nose, yaw=20)[0] > 0 and turned(nose, pitch=20)[1] < nose[1]
    assert turned(np.array([1., 0, 0]), roll=20)[1] > 0         # the picture's right end goes down: clockwise


def test_an_opened_mouth_changes_the_mouth_alone():
    mesh = face()
    mesh[14, 1] += 15
    np.testing.assert_allclose(geometry_of(mesh) - geometry_of(face()), [.15, *[0] * 8], atol=1e-9)


def test_another_mesh_is_refused():
    with pytest.raises(ValueError, match=r'a mesh is \(478, 3\)'):
        geometry_of(np.zeros((468, 3)))


class Half:
    name, notice, classes = 'half', '', ['a', 'b']

    def keep(self, frame, face, place):
        return 0

    def score(self, windows):
        return np.full((len(windows), 2), .5)


class OneFace:
    """A detector, and a mesher that finds no mesh in every third frame."""

    def find(self, frame, thorough=False):
        return [Face(np.array([10, 20, 50, 60], float), .9, np.array([(22, 32), (38, 32), (30, 50)], float))]

    def is_face(self, frame, face):
        return True

    def mesh(self, frame, box, turn=None):
        assert turn == 0 and box.shape == (4, )
        return None if frame[0, 0, 0] % 3 == 2 else turned(face(), roll=float(frame[0, 0, 0]))


@pytest.fixture(scope='module')
def result():
    times = np.arange(30) / 25
    frames = [np.full((80, 80, 3), index, np.uint8) for index in range(30)]
    opened = Opened(Source('a.mp4', 'frames', 'a'), times, times + .04, 25., (80, 80), [], frames.__getitem__)
    settings = Settings(window=1., geometry=True)
    stream = VideoStream(Half(), settings, OneFace())
    stream._mesher = OneFace()
    return recognise(opened, stream.model, settings, stream)


def test_every_frame_of_a_person_has_a_row(result, tmp_path):
    (track, ) = result['tracks']
    assert [row[0] for row in track['geometry']] == [frame[0] for frame in track['frames']]
    files = write_result(result, tmp_path / 'a')
    assert [file.name for file in files] == ['a.json', 'a.csv', 'a.geometry.csv']
    rows = list(csv.DictReader(open(files[2])))
    assert list(rows[0]) == ['track', 'person', 'time', *NAMES]
    for row in rows:
        index = round(float(row['time']) * 25)
        assert row['roll'] == '' if index % 3 == 2 else float(row['roll']) == pytest.approx(index, abs=1e-3)
    assert json.loads(files[0].read_text())['geometry'] == list(NAMES)


def test_names_go_with_the_measures(result):
    table = geometry_table(edited(result, {0: 'Ann'}, {}))
    assert {row['person'] for row in csv.DictReader(io.StringIO(table))} == {'Ann'}


def test_without_faces_there_is_nothing_to_measure():
    with pytest.raises(ValueError, match='geometry is measured of faces'):
        Settings(region='frame', geometry=True)
