"""A clip gives the frame that was asked for, wherever its frames lie, and lets go of its file."""

import cv2
import numpy as np
import pytest

from mmdfer.datasets import BadClipError
from mmdfer.datasets.clips import Clip
from mmdfer.datasets.packed import Pack, PackWriter
from mmdfer.datasets.packed.layout import Source
from mmdfer.datasets.packed.writer import StoredFrame
from mmdfer.datasets.transforms import ClipDecode, ClipInit, SampleSegments
from mmdfer.registry import VIDEO_READERS

from ..conftest import write_clip
from ..fresh import fresh_python

FRAMES, FPS = 20, 12.5


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('clips') / '00007'
    write_clip(path, FRAMES, seed=7)
    return path


@pytest.fixture(scope='module')
def video(folder):
    path = folder.with_suffix('.mp4')
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), FPS, (40, 40))
    for frame in sorted(folder.iterdir()):
        writer.write(cv2.imread(str(frame)))
    writer.release()
    return path


@pytest.fixture(scope='module')
def entry(folder):
    path = str(folder.with_suffix('.pack'))
    writer = PackWriter(path)
    frames = [StoredFrame(frame.read_bytes()) for frame in sorted(folder.iterdir())]
    writer.add('7', Source.of(str(folder), ('.jpg', )), frames)
    writer.finish(['7'])
    return Pack(path).clip(0)


def pictures(folder):
    """RGB frames by OpenCV, in the order of their numbers."""
    return [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in sorted(folder.iterdir())]


def test_a_folder_and_a_pack_give_the_files_pixels(folder, entry):
    expected = pictures(folder)
    for clip in (Clip(folder), Clip('gone', entry)):
        assert len(clip) == FRAMES and clip.fps is None
        found = clip.frames([19, 0, 7, 0])
        for index, frame in zip([19, 0, 7, 0], found):
            np.testing.assert_array_equal(frame, expected[index])
        assert found[1] is found[3]                                                 # read once
        np.testing.assert_array_equal(clip.frame(5), expected[5])


def test_a_video_gives_the_frame_of_the_index(folder, video):
    capture, expected = cv2.VideoCapture(str(video)), []
    while True:
        there, frame = capture.read()
        if not there:
            break
        expected.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    clip = Clip(video)
    assert len(clip) == len(expected) == FRAMES and clip.fps == pytest.approx(FPS)
    for index, frame in zip([12, 3, 19, 3], clip.frames([12, 3, 19, 3])):
        apart = [np.abs(frame.astype(int) - other).mean() for other in expected]
        assert np.argmin(apart) == index and apart[index] < 1.5                     # converters round apart
    np.testing.assert_array_equal(clip.frames([4, 9])[1], clip.frame(9))


def test_times_are_seconds_from_the_start(folder, video, entry):
    np.testing.assert_allclose(Clip(video).times(), np.arange(FRAMES) / FPS, atol=1e-6)
    np.testing.assert_allclose(Clip(video).times(fps=99), np.arange(FRAMES) / FPS, atol=1e-6)     # a video knows better
    np.testing.assert_allclose(Clip(folder).times(fps=25), np.arange(FRAMES) / 25)
    for fps in (None, 0):
        with pytest.raises(ValueError, match='do not say when they are shown; give fps'):
            Clip('gone', entry).times(fps)


def test_a_closed_clip_opens_again(video):
    with Clip(video) as clip:
        before = clip.frame(3)
        held = clip._source
    assert clip._source is None and len(clip) == FRAMES
    np.testing.assert_array_equal(clip.frame(3), before)
    assert clip._source is not held


def test_the_transforms_read_the_same_frames(folder, video, entry):
    for results in (dict(clip=str(folder)), dict(clip=str(video)), dict(clip='gone', packed=entry)):
        opened = ClipInit()(dict(results, frame_range=(4, 16), modality='RGB'))
        assert (opened['clip_frames'], opened['start_index'], opened['total_frames']) == (FRAMES, 4, 12)
        sampled = SampleSegments(6, test_mode=True)(opened)
        assert sampled['frame_inds'].tolist() == [5, 7, 9, 11, 13, 15]
        decoded = ClipDecode()(sampled)
        assert decoded['opened']._source is None and decoded['img_shape'] == (40, 40)
        clip = Clip(results['clip'], results.get('packed'))
        for frame, expected in zip(decoded['imgs'], clip.frames([5, 7, 9, 11, 13, 15])):
            np.testing.assert_array_equal(frame, expected)
    assert opened.get('avg_fps') is None and ClipInit()(dict(clip=str(video)))['avg_fps'] == pytest.approx(FPS)


class Backwards:
    """A reader of one's own: shows numbers in place of pictures."""
    fps = 10.

    def __init__(self, path):
        self.path = path

    def __len__(self):
        return 3

    def frame(self, index, min_size=None):
        return np.full((2, 2, 3), 2 - index, np.uint8)


def test_a_reader_of_ones_own(video):
    VIDEO_READERS.register_module('backwards', module=Backwards)
    try:
        decoded = ClipDecode()(dict(ClipInit(reader='backwards')(dict(clip=str(video))), frame_inds=np.array([0, 2])))
        assert [image[0, 0, 0] for image in decoded['imgs']] == [2, 0] and decoded['avg_fps'] == 10
        with pytest.raises(ValueError, match="'backward' is no video reader: did you mean 'backwards'. choose one of"):
            Clip(video, reader='backward')
    finally:
        VIDEO_READERS.module_dict.pop('backwards')


def test_clips_that_are_none(tmp_path):
    (tmp_path / 'text.mp4').write_text('no video')
    (tmp_path / 'empty').mkdir()
    for name, message in (('text.mp4', 'the video does not decode'), ('empty', 'holds no frame'),
                          ('none.mp4', 'no such folder or video')):
        with pytest.raises(BadClipError, match=f'{name}: {message}'):
            Clip(tmp_path / name)


def test_decord_waits_until_a_video_is_opened():
    done = fresh_python('import sys, mmdfer.datasets.clips; print("decord" in sys.modules)')
    assert done.stdout.strip() == 'False', done.stderr
