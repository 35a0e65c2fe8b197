"""From frames to a result: who is seen when, what is scored, and what is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmdfer.apis.infer_files import infer_all
from mmdfer.apis.inference import DFERInferencer
from mmdfer.face.finding import Face
from mmdfer.video.models import FrameModel
from mmdfer.video.recognise import Opened, recognise
from mmdfer.video.results import table
from mmdfer.video.sources import Source
from mmdfer.video.stream import Settings, VideoStream

from ..conftest import SHARED_FACES


class Brightness:
    """A model whose scores are known: the mean brightness of what it kept, in two classes."""

    name, notice, classes = 'brightness', '', ['dark', 'bright']

    def keep(self, frame, face, place):
        if face is None:
            return float(frame.mean()) / 255
        x1, y1, x2, y2 = face.box.astype(int)
        return float(frame[y1:y2, x1:x2].mean()) / 255

    def score(self, windows):
        means = np.array([np.mean(window) for window in windows])
        return np.stack([1 - means, means], axis=1)


class Squares:
    """A detector of frames whose faces are given by their number."""

    def __init__(self, places):
        self.places, self.thorough = places, []

    def find(self, frame, thorough=False):
        index = int(frame[0, 0, 0])
        return [
            Face(np.array([x, 20, x + 40, 60], float), 0.9, np.array([(x + 12, 32), (x + 28, 32), (x + 20, 50)], float))
            for x in self.places(index)
        ]

    def is_face(self, frame, face):
        return True


def frames_of(count):
    for index in range(count):
        frame = np.zeros((80, 200, 3), np.uint8)
        frame[20:60, 10:50], frame[20:60, 120:160] = 200, 50
        frame[0, 0] = index
        yield frame


def opened(count, fps=25.0):
    times = np.arange(count) / fps
    source = Opened(Source('video.mp4', 'frames', 'video'), times, times + 1 / fps, fps, (200, 80))
    source.frames = lambda: frames_of(count)
    return source


def run(count, places, **settings):
    chosen = Settings(**settings)
    stream = VideoStream(Brightness(), chosen, Squares(places))
    return recognise(opened(count), stream.model, chosen, stream)


def test_two_people_have_windows_and_frames_of_their_own():
    result = run(150, lambda index: [10, 120] if index < 100 else [10])
    first, second = result['tracks']
    assert [len(first['frames']), len(second['frames'])] == [150, 100]
    assert (second['start'], second['end']) == (0, pytest.approx(4.0, abs=0.13))
    for track, bright in ((first, 200 / 255), (second, 50 / 255)):
        for window in track['windows']:
            assert window['probabilities'] == pytest.approx([1 - bright, bright], abs=1e-5)
    assert result['windows'] == [*first['windows'], *second['windows']]
    assert result['clip']['probabilities'] == pytest.approx(
        np.mean([one['probabilities'] for one in result['windows']], axis=0), abs=1e-5
    )
    assert result['no_face'] == [] and result['complete'] and json.loads(json.dumps(result)) == result
    lines = table(result).splitlines()
    assert lines[0] == 'track,start,end,seen,label,dark,bright' and len(lines) == len(result['windows']) + 1


@pytest.mark.parametrize('people', [1, 2, 4])
def test_the_frame_wise_model_looks_at_everybody_however_many_they_are(people):
    places = [10 + 45 * number for number in range(people)]

    def frames():
        for index in range(60):
            frame = np.zeros((80, 200, 3), np.uint8)
            for number, x in enumerate(places):
                frame[15:65, x - 5:x + 45] = 50 + 50 * number
            frame[0, 0] = index
            yield frame

    class MeanGrey(torch.nn.Module):
        def forward(self, faces):
            return torch.stack([torch.zeros(len(faces)), faces[:, :, 24:40, 24:40].mean(dim=(1, 2, 3))], dim=1)
    model = FrameModel(MeanGrey(), ['dark', 'bright'], 'grey', '', 'cpu')
    source, chosen = opened(60), Settings()
    source.frames = frames
    result = recognise(source, model, chosen, VideoStream(model, chosen, Squares(lambda index: places)))
    assert len(result['tracks']) == people
    for track in result['tracks']:
        place = round((track['frames'][0][1] - 10) / 45)
        bright = ((50 + 50 * place) / 255 - 0.5) * 2
        assert track['clip']['probabilities'][1] == pytest.approx(1 / (1 + np.exp(-bright)), abs=1e-4)


def test_nobody_is_told_and_not_guessed():
    result = run(100, lambda index: [])
    assert result['tracks'] == result['windows'] == [] and result['clip'] is None
    assert result['no_face'] == [[0, 4.0]] and 'Nobody' in result['notes'][0]


def test_frames_without_anybody_are_spans_and_a_passing_mistake_is_nobody():
    result = run(200, lambda index: [10] if index < 80 or index >= 150 else [170] if index == 100 else [])
    assert [span for span in result['no_face']] == [[pytest.approx(3.2, abs=0.15), pytest.approx(6.0, abs=0.15)]]
    assert len(result['tracks']) <= 2 and all(track['frames'][0][1] < 100 for track in result['tracks'])


def test_the_whole_frame_needs_no_faces_and_windows_are_the_closed_form():
    result = run(130, lambda index: 1 / 0, region='frame', window=2.0, stride=1.0)
    assert [(window['start'], window['end']) for window in result['windows']] == [
        (0, 2),
        (1, 3),
        (2, 4),
        (3, 5),
        (3.2, 5.2),
    ]


def test_smoothing_is_told_and_averages_neighbours():
    chosen = Settings(region='frame', window=1.0, stride=1.0)
    stream = VideoStream(Brightness(), chosen)

    class Ramp(Brightness):
        def keep(self, frame, face, place):
            return float(frame[0, 0, 0]) / 255

    plain = recognise(opened(125), Ramp(), chosen, VideoStream(Ramp(), chosen))
    smooth = recognise(opened(125), Ramp(), chosen, VideoStream(Ramp(), chosen), smoothing=2.5)
    values = np.array([window['probabilities'][1] for window in plain['windows']])
    expected = [values[max(k - 1, 0) : k + 2].mean() for k in range(5)]
    np.testing.assert_allclose([window['probabilities'][1] for window in smooth['windows']], expected, atol=2e-6)
    assert smooth['settings']['smoothing'] == 2.5 and plain['settings']['smoothing'] is None and stream.tracks == []


def test_an_interruption_leaves_a_valid_result_of_what_was_read():
    chosen = Settings(region='frame', window=1.0, stride=1.0)
    source = opened(200)

    def interrupted():
        for index, frame in enumerate(frames_of(200)):
            if index == 90:
                raise KeyboardInterrupt
            yield frame

    source.frames = interrupted
    result = recognise(source, Brightness(), chosen)
    assert not result['complete'] and result['read_until'] == pytest.approx(3.6)
    assert [window['end'] for window in result['windows']] == pytest.approx([1, 2, 3, 3.6])
    assert 'Interrupted' in result['notes'][-1]


@pytest.fixture(scope='module')
def baseline():
    pytest.importorskip('h5py')
    pytest.importorskip('mediapipe')
    if not SHARED_FACES.is_dir():
        pytest.skip('the shared face videos are not here')
    from mmdfer.weights import CheckpointError

    try:
        return DFERInferencer('frame_fer')
    except CheckpointError as error:
        pytest.skip(f'the weights cannot be fetched here: {error}')


@pytest.mark.slow
def test_the_ready_model_on_real_videos(baseline, tmp_path):
    paths = [str(SHARED_FACES / name) for name in ('WolfgangLanger_Pexels.mp4', 'no_face.mp4', 'multi_face.jpg')]
    langer, scene, many = infer_all(baseline, paths, str(tmp_path), what=('json', 'csv', 'png', 'html', 'mp4'))
    assert [len(track['frames']) for track in langer['tracks']] == [472]
    labels = [window['label'] for window in langer['windows']]
    assert labels[0] == 'sad' and labels[-1] == 'happy' and labels.index('happy') in (7, 8, 9)
    assert scene['tracks'] == [] and scene['no_face'] == [[0, pytest.approx(scene['duration'], abs=0.01)]]
    assert len(many['tracks']) == 5 and 'One picture' in many['notes'][0]
    import av

    with av.open(str(tmp_path / 'WolfgangLanger_Pexels.mp4')) as video:
        assert video.streams.video[0].codec_context.name == 'h264' and sum(1 for _ in video.decode(video=0)) == 472
    for name in ('WolfgangLanger_Pexels', 'no_face', 'multi_face'):
        assert {f'{name}.{kind}' for kind in ('json', 'csv', 'png', 'html', 'mp4')} <= {
            path.name for path in tmp_path.iterdir()
        }
    page = (tmp_path / 'WolfgangLanger_Pexels.html').read_text()
    assert 'https://' not in page and 'accuracy was not measured' in page
