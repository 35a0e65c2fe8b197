"""Whatever a user's own files are like, recognition handles them or says in one line what to do."""
from __future__ import annotations

import csv
import io
import json
import os
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import torch

import mmdfer.apis.inference as inference
import mmdfer.video.stream as stream_module
from mmdfer.face.finding import Face
from mmdfer.weights import save_tunable

from ..commands import command
from ..conftest import ROOT, write_clip


class Brightness:
    """A model whose scores are known: the mean brightness of the frames it is given."""

    name, notice, classes = 'brightness', 'of the tests', ['dark', 'bright']

    def keep(self, frame, face, place):
        assert frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3
        return float(frame.mean()) / 255

    def score(self, windows):
        means = np.array([np.mean(window) for window in windows])
        return np.stack([1 - means, means], axis=1)


@pytest.fixture(autouse=True)
def known_model(monkeypatch):
    monkeypatch.setattr(inference, 'frame_model', lambda device=None, weights=None: Brightness())


def write_video(path, codec='libx264', pix_fmt='yuv420p', size=(96, 64), frames=25, times=None, ratio=None,
                container=None):
    """Frame k has the brightness 40 + 4 k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w', format=container) as out:
        stream = out.add_stream(codec, rate=25)
        (stream.width, stream.height), stream.pix_fmt = size, pix_fmt
        if ratio is not None:
            stream.codec_context.sample_aspect_ratio = ratio
        for number in range(frames):
            grey = np.full((size[1], size[0], 3), 40 + 4 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format='rgb24')
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('plain') / 'plain.mp4')


def copy(plain, path):
    path.write_bytes(plain.read_bytes())
    return path


def infer(path, out, *words, region='frame'):
    return command('infer', path, '--region', region, '--out', out, *(words or ['--pictures']), cwd=out.parent)


def result_of(path, out, *words, name=None, **region):
    done = infer(path, out, *words, **region)
    assert done.returncode == 0 and done.stderr == '', done.stderr
    return json.loads((out / f'{name or path.stem}.json').read_text())


def error_of(done):
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert line.startswith('error: ')
    return line


KINDS = {
    '16 bit': dict(suffix='.mkv', codec='ffv1', pix_fmt='rgb48le'),
    '16 bit, grey': dict(suffix='.mkv', codec='ffv1', pix_fmt='gray16le'),
    'grey': dict(suffix='.mp4', pix_fmt='gray'),
    'alpha': dict(suffix='.mov', codec='png', pix_fmt='rgba'),
    'odd sides': dict(suffix='.mkv', codec='ffv1', pix_fmt='bgr0', size=(97, 63)),
    'one pixel': dict(suffix='.mkv', codec='ffv1', pix_fmt='bgr0', size=(1, 1)),
    'a thread': dict(suffix='.mkv', codec='ffv1', pix_fmt='bgr0', size=(3000, 2)),
    'a transport stream': dict(suffix='.mp4', container='mpegts'),
}


@pytest.mark.parametrize('kind', KINDS)
def test_pictures_of_any_kind_are_seen_as_they_are_shown_and_drawn_on(tmp_path, kind):
    given = dict(KINDS[kind])
    path = write_video(tmp_path / f'video{given.pop("suffix")}', **given)
    found = result_of(path, tmp_path / 'out', '--video', '--pictures')
    assert found['frames'] == 25 and found['size'] == list(given.get('size', (96, 64)))
    assert found['clip']['probabilities'][1] == pytest.approx((40 + 4 * 12) / 255, abs=0.02)
    with av.open(str(tmp_path / 'out' / 'video.mp4')) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == 25


def test_pixels_that_are_not_square_count_as_shown(tmp_path):
    path = write_video(tmp_path / 'wide.mp4', ratio=Fraction(2, 1))
    assert result_of(path, tmp_path / 'out')['size'] == [192, 64]


def test_windows_of_a_variable_rate_go_by_time_and_not_by_frames(tmp_path):
    times = [40 * k if k < 15 else 600 + 200 * (k - 15) for k in range(25)]          # the last is shown from 2.4 s on
    path = write_video(tmp_path / 'phone.mp4', times=times)
    found = result_of(path, tmp_path / 'out', '--pictures', '--window', '1', '--stride', '1')
    first = [40 + 4 * k for k in range(25) if times[k] < 1000]
    assert found['windows'][0]['probabilities'][1] == pytest.approx(np.mean(first) / 255, abs=0.02)
    assert [window['start'] for window in found['windows']][:2] == [0, 1] and found['duration'] > 2.4


def test_people_are_looked_for_in_4k(tmp_path, monkeypatch):
    seen = []

    class Middle:
        def find(self, frame, thorough=False):
            seen.append(frame.shape)
            points = np.array([(1900, 1050), (1940, 1050), (1920, 1100)], float)
            return [Face(np.array([1800, 1000, 2040, 1240], float), 0.9, points)]

        def is_face(self, frame, face):
            return True
    monkeypatch.setattr(stream_module, 'FaceDetector', Middle)
    path = write_video(tmp_path / 'k4.mkv', 'mjpeg', 'yuvj420p', (3840, 2160), frames=7)
    found = result_of(path, tmp_path / 'out', '--pictures', '--video', region='faces')
    assert set(seen) == {(2160, 3840, 3)} and [len(track['frames']) for track in found['tracks']] == [7]
    assert found['tracks'][0]['frames'][0][1:] == [1800, 1000, 2040, 1240]
    with av.open(str(tmp_path / 'out' / 'k4.mp4')) as drawn:
        assert max(drawn.streams.video[0].width, drawn.streams.video[0].height) == 1280


@pytest.mark.parametrize('name', ['one.mp4', 'photo.mp4', 'photo.jpg'])
def test_one_picture_is_told_whatever_it_is_called(tmp_path, name):
    path = tmp_path / name
    if name == 'one.mp4':
        write_video(path, frames=1)
    else:
        path.write_bytes(cv2.imencode('.jpg', np.full((40, 50, 3), 99, np.uint8))[1].tobytes())
    found = result_of(path, tmp_path / 'out')
    assert found['frames'] == 1 and len(found['windows']) == 1 and found['notes'] == [
        'One picture: no course over time.']


def test_a_video_named_picture_is_a_video(tmp_path, plain):
    assert result_of(copy(plain, tmp_path / 'clip.jpg'), tmp_path / 'out')['frames'] == 25


def test_what_holds_no_picture_is_one_line(tmp_path):
    sound = tmp_path / 'sound.mp4'
    with av.open(str(sound), 'w') as out:
        stream = out.add_stream('aac', rate=16000)
        for number in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format='fltp', layout='mono')
            frame.sample_rate, frame.pts = 16000, 1024 * number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    (tmp_path / 'empty.mp4').write_bytes(b'')
    (tmp_path / 'text.mp4').write_bytes(b'no video at all')
    (tmp_path / 'photo.png').write_bytes(b'no picture at all')
    for name, words in {'sound.mp4': 'sound only', 'empty.mp4': 'the file is empty); copy it again',
                        'text.mp4': 'does not decode', 'photo.png': 'nor as a video', 'missing.mp4': 'no such'}.items():
        line = error_of(infer(tmp_path / name, tmp_path / 'out'))
        assert name in line and words in line and '--skip-bad-clips' not in line, line


NAMES = ['видео.mp4', '视频 😀.mp4', 'عربي.mp4', 'e\u0301.mp4', '100% #1?.mp4', 'take:1.mp4', "it's [a] {b} $c$.mp4",
         'a\nb.mp4', 'в' * 120 + '.mp4', os.fsdecode(b'bytes \xff.mp4')]


def test_names_in_any_script_of_any_length_and_of_any_bytes(tmp_path, plain):
    folder, out = tmp_path / 'in', tmp_path / 'out'
    folder.mkdir()
    for name in NAMES:
        try:
            copy(plain, folder / name)
        except OSError:
            continue                                            # a file system that takes no such name
    there = sorted(os.listdir(folder))
    done = command('infer', 'take:1.mp4', '--region', 'frame', '--out', out, '--pictures', cwd=folder)
    assert done.returncode == 0, done.stderr                    # relative, it looks like a protocol
    done = infer(folder, out, '--pictures', '--video')
    assert done.returncode == 0, done.stderr
    done.stdout.encode()
    results = [json.loads((out / name).read_text()) for name in os.listdir(out) if name.endswith('.json')]
    assert sorted(os.path.basename(found['video']) for found in results) == there
    for ending in ('csv', 'html', 'mp4'):
        assert len([name for name in os.listdir(out) if name.endswith(f'.{ending}')]) == len(there)


def test_long_names_that_begin_alike_stay_apart(tmp_path, plain):
    for last in 'ab':
        copy(plain, tmp_path / f'{"x" * 230}{last}.mp4')
    assert infer(tmp_path, tmp_path / 'out').returncode == 0
    assert len(list((tmp_path / 'out').glob('*.json'))) == 2


def test_results_never_lie_over_what_was_given_and_are_not_taken_for_it(tmp_path, plain):
    photo = cv2.imencode('.png', np.full((40, 50, 3), 99, np.uint8))[1].tobytes()
    (tmp_path / 'face.png').write_bytes(photo)
    video = copy(plain, tmp_path / 'video.mp4')
    for _ in range(2):
        done = command('infer', 'face.png', 'video.mp4', '--region', 'frame', '--video', '--out', '.', cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / 'face.png').read_bytes() == photo and video.read_bytes() == plain.read_bytes()
    assert (tmp_path / 'face.png.png').is_file() and (tmp_path / 'video.mp4.mp4').is_file()
    deep = tmp_path / 'deep'
    deep.mkdir()
    copy(plain, deep / 'v.mp4')
    for _ in range(2):                                          # the second time its own results are there
        done = command('infer', '.', '--region', 'frame', '--video', cwd=deep)
        assert done.returncode == 0 and done.stdout.count(' -> ') == 1, done.stdout + done.stderr


def test_frames_of_several_sizes_are_each_seen_as_they_are(tmp_path):
    (tmp_path / 'frames').mkdir()
    for number, size in enumerate([(40, 60), (80, 50), (33, 47)]):
        cv2.imwrite(str(tmp_path / 'frames' / f'{number}.png'), np.full((*size, 3), 100, np.uint8))
    found = result_of(tmp_path / 'frames', tmp_path / 'out', '--video', '--pictures', '--fps', '10')
    assert found['duration'] == pytest.approx(0.3) and found['clip']['probabilities'][1] == pytest.approx(100 / 255)
    with av.open(str(tmp_path / 'out' / 'frames.mp4')) as drawn:
        assert [(frame.width, frame.height) for frame in drawn.decode(video=0)] == [(60, 40)] * 3


def test_a_folder_of_frames_takes_no_results(tmp_path):
    write_clip(tmp_path / 'frames', 3)
    assert 'give another folder' in error_of(infer(tmp_path / 'frames', tmp_path / 'frames'))
    assert len(os.listdir(tmp_path / 'frames')) == 3


def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_read(tmp_path, plain, monkeypatch):
    monkeypatch.setattr(Brightness, 'keep', lambda *args: pytest.fail('the video was read'))
    (tmp_path / 'file').write_text('x')
    assert 'cannot be written' in error_of(infer(plain, tmp_path / 'file'))
    done = command('infer', plain, '--region', 'frame', '--out', tmp_path / 'file' / 'below')
    assert 'cannot be written' in error_of(done) and 'file is a file' in done.stderr


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='there is no /dev/full here')
@pytest.mark.parametrize('kind', ['json', 'mp4', 'html', 'png'])
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path, plain, kind):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / f'plain.{kind}').symlink_to('/dev/full')
    line = error_of(infer(plain, tmp_path / 'out', '--video'))
    assert f'plain.{kind}' in line and 'make room' in line


def test_no_camera_is_one_line(tmp_path, monkeypatch):
    class NoCamera:
        def __init__(self, number):
            self.number = number

        def isOpened(self):                                     # noqa: N802, OpenCV's name
            return False

        def release(self):
            pass
    monkeypatch.setattr(cv2, 'VideoCapture', NoCamera)
    line = error_of(command('infer', '--camera', 0, '--out', tmp_path / 'out'))
    assert '--camera 0: no such camera' in line and 'give a video' in line


def test_a_recording_is_kept_beside_its_results_and_by_the_next_one(tmp_path, monkeypatch):
    class Camera:
        def __init__(self, number):
            self.left = 5

        def isOpened(self):                                     # noqa: N802, OpenCV's name
            return True

        def read(self):
            self.left -= 1
            return self.left >= 0, np.full((63, 97, 3), 120, np.uint8)

        def release(self):
            pass
    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    for _ in range(2):
        done = command('infer', '--camera', 0, '--region', 'frame', '--video', '--pictures', '--out', tmp_path)
        assert done.returncode == 0, done.stderr
    assert {'camera_0.mp4', 'camera_0.mp4.mp4', 'camera_0_2.mp4', 'camera_0_2.mp4.json'} <= set(os.listdir(tmp_path))


def test_a_model_without_its_base_weights_is_one_line(tmp_path, plain):
    from mmdfer.registry import MODELS
    from mmdfer.run_config import load_config
    options = dict(arch=dict(embed_dims=24, num_layers=1, num_heads=4, feedforward_channels=48), img_size=16,
                   patch_size=8)
    config = load_config(str(ROOT / 'configs/demo/fe_adapter.py'), {
        f'model.backbone.{key}': value for key, value in options.items()} | {'model.cls_head.in_channels': 24,
                                                                            'model.cls_head.num_classes': 7})
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    config.dump(str(tmp_path / 'tiny.py'))
    save_tunable(model, tmp_path / 'tiny.safetensors', dict(cfg=config.pretty_text, frozen_digest='0'))
    line = error_of(command('infer', tmp_path / 'tiny.py', tmp_path / 'tiny.safetensors', plain, '--out', tmp_path))
    assert 'tiny.safetensors' in line and '--image-checkpoint' in line


@pytest.mark.parametrize('words, told', [
    (['--more-checkpoints', 'b.pth'], '--more-checkpoints is for a trained model'),
    (['--image-checkpoint', 'b.pth'], '--image-checkpoint is for a trained model'),
    (['--list', 'list.txt'], '--list is given too'), (['--window', '0'], 'must be positive'),
    (['--window', 'inf'], 'must be positive'), (['--stride', 'nan'], 'must be positive'),
    (['--fps', '0'], 'fps=0.0 must be positive'), (['--fps', 'nan'], 'fps=nan must be positive'),
    (['--smooth', '-1'], 'smoothing=-1.0 must be positive'), (['--smooth', 'nan'], 'smoothing=nan'),
    (['--region', 'frame', '--geometry'], "wants region='faces'")])
def test_options_that_mean_nothing_together_are_refused(tmp_path, plain, words, told):
    assert told in error_of(command('infer', plain, '--out', tmp_path / 'out', *words))


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_a_list_gives_a_table_of_all_that_can_be_read_and_goes_on(tmp_path, plain, monkeypatch):
    for name in ('a', 'b', 'c'):
        copy(plain, tmp_path / f'{name}.mp4')
    (tmp_path / 'clips.txt').write_text('a.mp4\nmissing.mp4\nb.mp4\na.mp4\n')
    line = error_of(command('infer', '--list', 'clips.txt', '--out', 'out', cwd=tmp_path))
    assert '1 of 4 clips' in line and 'clips.txt:2: missing.mp4' in line
    table = tmp_path / 'out' / 'clips.csv'
    assert [row['clip'] for row in rows_of(table)] == ['a.mp4', 'b.mp4', 'a.mp4']
    assert float(rows_of(table)[0]['bright']) == pytest.approx((40 + 4 * 12) / 255, abs=0.02)

    (tmp_path / 'clips.txt').write_text('a.mp4\nc.mp4\nb.mp4\n')
    read = []
    keep = Brightness.keep
    monkeypatch.setattr(Brightness, 'keep', lambda self, *args: read.append(1) or keep(self, *args))
    done = command('infer', '--list', 'clips.txt', '--out', 'out/clips.csv', '--skip-done', cwd=tmp_path)
    assert done.returncode == 0 and '3 clips' in done.stdout and len(read) == 25
    assert [row['clip'] for row in rows_of(table)] == ['a.mp4', 'c.mp4', 'b.mp4']

    def stopped(self, frame, face, place):
        raise KeyboardInterrupt
    (tmp_path / 'clips.txt').write_text('a.mp4\nmore.mp4\n')
    copy(plain, tmp_path / 'more.mp4')
    monkeypatch.setattr(Brightness, 'keep', stopped)
    done = command('infer', '--list', 'clips.txt', '--out', 'out/clips.csv', '--skip-done', cwd=tmp_path)
    assert done.returncode == 130 and [row['clip'] for row in rows_of(table)] == ['a.mp4']


def test_interrupted_and_gone_on_with(tmp_path, plain, monkeypatch):
    for name in ('a', 'b'):
        copy(plain, tmp_path / f'{name}.mp4')
    seen, keep = [], Brightness.keep

    def stopped(self, frame, face, place):
        seen.append(place)
        if len(seen) == 40:                                     # amid the second
            raise KeyboardInterrupt
        return keep(self, frame, face, place)
    monkeypatch.setattr(Brightness, 'keep', stopped)
    words = ['infer', 'a.mp4', 'b.mp4', '--region', 'frame', '--out', 'out', '--video', '--pictures', 'svg']
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 130 and 'goes on' in done.stdout
    partial = json.loads((tmp_path / 'out' / 'b.json').read_text())
    assert not partial['complete'] and partial['read_until'] < partial['duration']
    with av.open(str(tmp_path / 'out' / 'b.mp4')) as drawn:     # as far as it was read
        assert sum(1 for _ in drawn.decode(video=0)) < 20
    done = command(*words, '--skip-done', cwd=tmp_path)
    assert 'a.mp4: done before' in done.stdout and len(seen) == 40 + 25
    assert json.loads((tmp_path / 'out' / 'b.json').read_text())['complete']
    (tmp_path / 'out' / 'a.svg').unlink()                       # what is asked for is not all there
    assert 'a.mp4: done before' not in command(*words, '--skip-done', cwd=tmp_path).stdout
    os.utime(tmp_path / 'a.mp4')                                # another file of that name
    os.utime(tmp_path / 'out' / 'a.json', (1, 1))
    assert 'a.mp4: done before' not in command(*words, '--skip-done', cwd=tmp_path).stdout
