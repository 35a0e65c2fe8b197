"""The frame asked for is the frame given, at its time, for every kind of video file."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mmdfer.datasets import BadClipError
from mmdfer.datasets.video_reader import VideoReader

from ..conftest import SHARED_FACES
from .counted_videos import KINDS, RATE, ffmpeg, has_encoder, is_upright, number_of, write_video

needs_ffmpeg = pytest.mark.skipif(
    ffmpeg() is None, reason='FFmpeg is not installed: it makes the videos of these tests'
)


@needs_ffmpeg
@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: kind.name)
def test_frames_asked_for_are_the_frames_given_at_their_times(tmp_path, kind):
    if not has_encoder(kind.encoder):
        pytest.skip(f'this FFmpeg has no encoder {kind.encoder}')
    path = write_video(tmp_path / f'video{kind.suffix}', kind.args, kind.frames)
    reader = VideoReader(path)
    assert len(reader) == kind.frames
    np.testing.assert_allclose(reader.times(), np.arange(kind.frames) / RATE, atol=0.0051)  # GIF counts hundredths
    assert reader.duration == pytest.approx(kind.frames / RATE, abs=0.05)
    assert reader.fps == pytest.approx(RATE, rel=0.03)
    rng = np.random.default_rng(0)
    for asked in (
        np.linspace(0, kind.frames - 1, 16).astype(int),
        rng.integers(0, kind.frames, 7),
        [kind.frames - 1],
        [0, 0, 1],
    ):
        frames = reader.frames(asked)
        assert [number_of(frame) for frame in frames] == list(asked)
    assert all(is_upright(frame) for frame in frames)
    assert [number_of(frame) for frame in reader] == list(range(kind.frames))


@needs_ffmpeg
@pytest.mark.parametrize('args, first, count', [('-ss 0.52 -c copy', 13, 47), ('-ss 0.52 -t 0.8 -c copy', 13, None)])
def test_an_edit_list_hides_the_frames_before_the_cut(tmp_path, args, first, count):
    whole = write_video(tmp_path / 'whole.mp4', '-c:v libx264 -pix_fmt yuv420p -g 30')
    cut = tmp_path / 'cut.mp4'
    before, _, after = args.partition(' -c')
    subprocess.run(
        [ffmpeg(), '-v', 'error', *before.split(), '-i', whole, '-c', *after.split()[0:], str(cut)], check=True
    )
    shown = decoded_numbers(cut)
    reader = VideoReader(cut)
    assert shown[0] == first and (count is None or len(shown) == count)
    assert [number_of(frame) for frame in reader.frames(range(len(reader)))] == shown
    np.testing.assert_allclose(reader.times(), (np.array(shown) - first) / RATE, atol=1e-3)
    assert reader.contested == ['an edit list hides frames']


def decoded_numbers(path: Path) -> list[int]:
    """What FFmpeg itself shows, frame by frame."""
    from .counted_videos import HEIGHT, WIDTH

    raw = subprocess.run(
        [
            ffmpeg(),
            '-v',
            'error',
            '-i',
            str(path),
            '-fps_mode',
            'passthrough',
            '-f',
            'rawvideo',
            '-pix_fmt',
            'rgb24',
            '-',
        ],
        capture_output=True,
        check=True,
    ).stdout
    return [number_of(frame) for frame in np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)]


@needs_ffmpeg
def test_a_variable_rate_keeps_each_frames_own_time(tmp_path):
    path = write_video(
        tmp_path / 'vfr.mp4',
        "-vf setpts='if(lt(N,20),N,20+(N-20)*4)/25/TB' -fps_mode vfr -c:v libx264 -pix_fmt yuv420p "
        '-video_track_timescale 600',
    )
    reader = VideoReader(path)
    told = subprocess.run(
        ['ffprobe', '-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = np.array([float(line.strip(',')) for line in told.split()])
    assert len(reader) == 60 and np.ptp(np.diff(expected)) > 0.1
    np.testing.assert_allclose(reader.times(), expected, atol=0.002)
    assert [number_of(frame) for frame in reader.frames([5, 25, 59])] == [5, 25, 59]


ONE = 1 << 16
# Display matrices (a, b, c, d), x' = a x + c y and y' = b x + d y, and what they do to a picture.
TAGS = {
    'clockwise': ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    'upside down': ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    'counter-clockwise': ((0, -1, 1, 0), lambda image: np.rot90(image)),
    'mirrored': ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    'flipped': ((1, 0, 0, -1), lambda image: image[::-1]),
    'transposed': ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
}


@needs_ffmpeg
@pytest.mark.parametrize('tag', TAGS)
def test_rotation_and_mirror_tags_are_honoured(tmp_path, tag):
    plain = write_video(tmp_path / 'plain.mp4', '-c:v libx264 -pix_fmt yuv420p -g 15')
    matrix, shown = TAGS[tag]
    data = bytearray(plain.read_bytes())
    place = data.index(b'tkhd') + 4 + 40
    a, b, c, d = (ONE * value for value in matrix)
    data[place : place + 36] = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
    tagged = tmp_path / 'tagged.mp4'
    tagged.write_bytes(data)
    reader = VideoReader(tagged)
    for one, other in zip(reader.frames([3, 40]), VideoReader(plain).frames([3, 40]), strict=True):
        np.testing.assert_array_equal(one, shown(other))
    assert reader.contested == (['it is mirrored'] if matrix[0] * matrix[3] < matrix[1] * matrix[2] else [])


@needs_ffmpeg
def test_pixels_that_are_not_square_are_shown_square(tmp_path):
    wide = write_video(tmp_path / 'wide.mp4', '-c:v libx264 -pix_fmt yuv420p -vf setsar=2/1')
    reader = VideoReader(wide)
    (frame,) = reader.frames([9])
    assert reader.contested == ['its pixels are not square']
    assert frame.shape == (64, 192, 3) and number_of(frame) == 9


@needs_ffmpeg
def test_a_cover_picture_is_not_the_video(tmp_path):
    video = write_video(tmp_path / 'video.mp4', '-c:v libx264 -pix_fmt yuv420p', 30)
    cover = write_video(tmp_path / 'cover.png', '-frames:v 1', 1)
    both = tmp_path / 'both.mp4'
    subprocess.run(
        [
            ffmpeg(),
            '-v',
            'error',
            '-i',
            cover,
            '-i',
            video,
            '-map',
            '0',
            '-map',
            '1',
            '-c',
            'copy',
            '-disposition:v:0',
            'attached_pic',
            str(both),
        ],
        check=True,
    )
    reader = VideoReader(both)
    assert len(reader) == 30 and number_of(reader.frames([17])[0]) == 17


@needs_ffmpeg
@pytest.mark.parametrize(
    'suffix, args',
    [
        ('.mp4', '-c:v libx264 -g 15'),
        ('.mkv', '-c:v libx264 -g 15'),
        ('.ts', '-c:v libx264 -g 15'),
        ('.avi', '-c:v mpeg4 -bf 2 -q:v 3'),
        ('.mpg', '-c:v mpeg2video'),
    ],
)
def test_a_damaged_or_cut_file_is_refused_or_told_and_never_hangs(tmp_path, suffix, args):
    path = write_video(tmp_path / f'whole{suffix}', f'{args} -pix_fmt yuv420p')
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for attempt in range(4):
        bad = bytearray(data)
        if attempt == 0:
            bad = bad[: len(bad) * 2 // 3]
        else:
            for place in rng.integers(len(bad) // 3, len(bad) - 8, 30):
                bad[place : place + 8] = rng.bytes(8)
        broken = tmp_path / f'broken_{attempt}{suffix}'
        broken.write_bytes(bad)
        try:
            VideoReader(broken)
        except BadClipError as error:
            assert str(broken) in str(error) and '\n' not in str(error)
        try:
            reader = VideoReader(broken, strict=False)
            assert len(list(reader)) <= len(reader) + 1
        except BadClipError as error:
            assert str(broken) in str(error)


def test_what_is_no_video_is_refused_by_name(tmp_path):
    cases = dict(
        empty=b'',
        text=b'hello\n' * 50,
        playlist=b'#EXTM3U\n/etc/passwd\n',
        concat=b'ffconcat version 1.0\nfile /etc/passwd\n',
        noise=bytes(range(256)) * 20,
    )
    for name, data in cases.items():
        path = tmp_path / f'{name}.mp4'
        path.write_bytes(data)
        with pytest.raises(BadClipError, match=name):
            VideoReader(path)
    with pytest.raises(BadClipError, match='no such'):
        VideoReader(tmp_path / 'absent.mp4')
    os.mkfifo(tmp_path / 'pipe.mp4')
    with pytest.raises(BadClipError, match='no such video file'):
        VideoReader(tmp_path / 'pipe.mp4')


@needs_ffmpeg
def test_sound_alone_is_refused_by_name(tmp_path):
    path = tmp_path / 'sound.mp4'
    subprocess.run([ffmpeg(), '-v', 'error', '-f', 'lavfi', '-i', 'sine=duration=1', str(path)], check=True)
    with pytest.raises(BadClipError, match='sound.mp4: holds no video'):
        VideoReader(path)


@needs_ffmpeg
def test_a_frame_that_is_not_there_is_an_index_error_and_a_reader_survives_pickling(tmp_path):
    reader = VideoReader(write_video(tmp_path / 'video.avi', '-c:v mpeg4 -bf 2 -q:v 3', 30))
    with pytest.raises(IndexError, match='has 30 frames; frame 30'):
        reader.frames([0, 30])
    again = pickle.loads(pickle.dumps(reader))
    assert [number_of(frame) for frame in again.frames([29, 3])] == [29, 3]


@pytest.mark.skipif(not SHARED_FACES.is_dir(), reason='the shared face videos are not here')
@pytest.mark.parametrize('name', ['WolfgangLanger_Pexels.mp4', 'single_face.mp4'])
def test_pixels_equal_decords_where_decord_is_right(name):
    decord = pytest.importorskip('decord')
    path = str(SHARED_FACES / name)
    ours, theirs = VideoReader(path), decord.VideoReader(path)
    places = np.linspace(0, len(theirs) - 1, 9).astype(int)
    assert len(ours) == len(theirs)
    np.testing.assert_array_equal(np.stack(ours.frames(places)), theirs.get_batch(places).asnumpy())
