"""A finder and a parser of one's own, in one module outside the package, find the faces of a set by the tool."""
import json
import textwrap

import numpy as np
import pytest

from mmdfer.face.analysis import analyse_clip
from mmdfer.face.facexformer import FaceXFormerOutputs
from mmdfer.face.landmarks import NUM_LANDMARKS
from mmdfer.face.mediapipe_faces import MediaPipeFaces
from mmdfer.face.segformer import SegFormerParser
from mmdfer.face.store import INTERPOLATED, load_faces
from mmdfer.registry import FACE_FINDERS, FACE_PARSERS

from ..commands import tool
from ..conftest import write_clip

OWN = '''
    import numpy as np
    from mmdfer.face import FaceFinder, FaceParser
    from mmdfer.registry import FACE_FINDERS, FACE_PARSERS


    @FACE_FINDERS.register_module()
    class MiddleFinder(FaceFinder):
        """A face in the middle of every frame but those that are told."""
        GIVES = ('landmarks', )

        def __init__(self, share=0.5, blind=()):
            self.share, self.blind, self.seen = share, blind, 0

        def detect(self, frame):
            height, width = frame.shape[:2]
            red = frame[..., 0].mean() / 6                        # the frame's number
            if round(red) in self.blind:
                return np.empty((0, 4))
            edge = np.array((width, height, width, height)) / 2
            return (edge + self.share * edge * (-1, -1, 1, 1))[None]

        def landmarks(self, frame, box):
            steps = np.linspace(0, 1, 68)
            return box[:2] + np.stack([steps, steps ** 2], axis=1) * (box[2:] - box[:2])


    @FACE_PARSERS.register_module()
    class AllNose(FaceParser):
        def __init__(self, region, device='cpu'):
            assert device == 'meta'
            self.region = region

        def parse(self, frames, boxes):
            seen = np.isfinite(boxes).all(axis=1)
            return np.uint8(self.region) * np.ones((len(boxes), 224, 224), np.uint8) * seen[:, None, None]
'''


def test_the_projects_own_parts_are_registered():
    assert FACE_FINDERS.names() == ['FaceXFormer', 'FaceXFormerOutputs', 'MediaPipeFaces'
                                    ] and FACE_PARSERS.names() == ['SegFormerParser']
    assert MediaPipeFaces.backend() == 'MediaPipe' and FaceXFormerOutputs.backend(folder='x') == 'FaceXFormer'
    assert SegFormerParser.backend(folder='models/lapa/') == 'SegFormer lapa'


def run(tmp_path, *words):
    return tool('data/extract_faces.py', 'folder', tmp_path / 'clips', '--workers', '1', *words, cwd=tmp_path)


def test_own_finder_and_parser_from_one_file_by_the_tool(tmp_path):
    (tmp_path / 'own_faces.py').write_text(textwrap.dedent(OWN))
    for number in range(2):
        write_clip(tmp_path / 'clips' / f'{number}', 6, seed=number)
    finder = ['--finder', 'own_faces.MiddleFinder', 'share=0.8', 'blind=(2,)']
    refused = run(tmp_path, *finder)
    assert refused.returncode == 2
    assert 'own_faces.MiddleFinder gives landmarks alone; give a parser too' in refused.stderr
    done = run(tmp_path, *finder, '--parser', 'own_faces.AllNose', 'region=3', '--device', 'meta', '--what',
               'landmarks', 'parsing', 'crops')
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / 'clips_faces/report.json').read_text())
    assert report['counts'] == dict(frames=12, found=10, interpolated=2, missing=0, several=0, border=0, tiny=0)
    faces = load_faces(tmp_path / 'clips_faces/1.npz')
    np.testing.assert_allclose(faces.landmarks[0, [0, -1]], [(4, 4), (36, 36)], atol=1e-4)
    np.testing.assert_allclose(faces.boxes[5], (4, 4, 36, 36), atol=1e-4)
    assert faces.state[2] == INTERPOLATED and (faces.parsing == 3).all()
    assert faces.source == dict(landmarks='MiddleFinder', parsing='AllNose')
    assert len(list((tmp_path / 'clips_crops/0').iterdir())) == 6
    again = run(tmp_path, *finder, '--what', 'landmarks')
    assert again.returncode == 0 and '2 of 2 clips are done already' in again.stdout
    other = run(tmp_path, '--what', 'landmarks')
    assert other.returncode == 2 and 'its landmarks came from MiddleFinder, not from MediaPipe' in other.stderr


@pytest.mark.parametrize('words, message', [
    (['--finder', 'own.Finder', 'share'], '--finder own.Finder share: expected KEY=VALUE'),
    (['--finder', 'x', '--facexformer', 'y'], 'give it or --finder, not both'),
])
def test_settings_that_cannot_be_read(words, message, tmp_path):
    done = tool('data/extract_faces.py', 'folder', tmp_path / 'clips', '--workers', '1', *words, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr


def test_landmarks_alone_give_the_boxes_of_their_face():
    class Finder(FaceXFormerOutputs):
        GIVES, name = ('landmarks', ), 'test'

        def __init__(self):
            self.calls = 0

        def detect(self, frame):
            self.calls += 1
            return np.array([[10., 10, 50, 50]]) if self.calls != 3 else np.empty((0, 4))

        def landmarks(self, frame, box):
            return None if frame[0, 0, 0] == 4 else np.linspace(box[:2], box[2:], NUM_LANDMARKS) + frame[0, 0, 0]

    frames = [np.full((60, 80, 3), number, np.uint8) for number in range(6)]
    faces = analyse_clip(frames, Finder(), ('landmarks', ))
    assert faces.mesh is None and faces.parsing is None and faces.state.tolist() == [0, 0, 1, 0, 1, 0]
    np.testing.assert_allclose(faces.boxes, [(10 + k, 10 + k, 50 + k, 50 + k) for k in range(6)], atol=1e-4)
    assert not faces.notes.any() and faces.size == (60, 80)
