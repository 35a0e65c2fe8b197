"""Pictures of people over time: short clips are bars, nobody's bars lie over another's, a guide's are small."""
from __future__ import annotations

import shutil
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

import mmdfer.apis.guide_pictures as guide
from mmdfer.apis.inference import DFERInferencer
from mmdfer.face.finding import Face
from mmdfer.synthetic.pair import ACTED, draw_pair, write_pair
from mmdfer.video.annotate import Lane, _free_place, _meet, drawn
from mmdfer.video.page import fitting, write_page
from mmdfer.video.stream import Settings, VideoStream
from mmdfer.visualization.lanes import plot_lanes

CLASSES = ['happy', 'sad', 'neutral']


def track(number, windows, box=None):
    scores = [0.6, 0.3, 0.1]
    told = [dict(track=number, start=float(start), end=float(start + 2), seen=1., label='happy', probabilities=scores)
            for start in range(windows)]
    return dict(id=number, label=f'person ${number}', start=0., end=float(windows + 1), joined=[],
                frames=[] if box is None else [[1.0, *box]], windows=told,
                clip=dict(label='happy', probabilities=scores))


def result(*tracks):
    return dict(name='a $1$ b', classes=CLASSES, tracks=list(tracks), duration=4., model=dict(name='m', notice=''),
                windows=[window for one in tracks for window in one['windows']])


@pytest.mark.parametrize('windows, bars', [((1, ), True), ((1, 1), True), ((3, 1), False), ((2, ), False)])
def test_clips_of_one_window_are_bars_and_no_course_over_time(windows, bars):
    figure = plot_lanes(result(*(track(number, count) for number, count in enumerate(windows))), None,
                        [(0., np.zeros((20, 30, 3), np.uint8))])
    lanes = [axes for axes in figure.axes if axes.get_xlabel() or axes.get_ylabel()]
    assert len(lanes) == len(windows)
    assert all(('one window' in axes.get_xlabel()) == bars for axes in lanes)
    for axes in lanes if bars else ():
        assert sorted(bar.get_width() for bar in axes.patches) == pytest.approx([0.1, 0.3, 0.6])
    assert figure.get_suptitle().startswith('a $1$ b') and not figure._suptitle.get_parse_math()


@pytest.mark.slow
@pytest.mark.parametrize('windows, bars, lanes', [((1, 1), 6, 0), ((3, 1), 0, 2)])
def test_the_page_draws_clips_of_one_window_as_bars_too(tmp_path, windows, bars, lanes):
    browser = next(filter(None, map(shutil.which, guide.BROWSERS)), None)
    if browser is None:
        pytest.skip('there is no Chromium here')
    told = result(*(track(number, count) for number, count in enumerate(windows)))
    told |= dict(video='v.mp4', region='faces', no_face=[], notes=[], settings=dict(window=2, stride=1, smoothing=None))
    write_page(told, [], tmp_path / 'page.html')
    with open(tmp_path / 'dom', 'wb') as dom:                   # a pipe would be kept open by the browser's processes
        subprocess.run([browser, '--headless', '--no-sandbox', '--disable-gpu', f'--user-data-dir={tmp_path}/user',
                        '--dump-dom', (tmp_path / 'page.html').as_uri()], stdout=dom, stderr=subprocess.DEVNULL,
                       timeout=60, check=True)
    found = (tmp_path / 'dom').read_text()
    assert found.count('class="rail"') == bars and found.count('class="plot"') == lanes


def test_a_browser_that_never_ends_is_given_up_whoever_it_leaves_behind(tmp_path, monkeypatch):
    browser = tmp_path / 'chromium'
    browser.write_text('#!/bin/sh\nsleep 30 &\nexec sleep 30\n')
    browser.chmod(0o755)
    monkeypatch.setattr(guide, 'BROWSERS', (str(browser), ))
    monkeypatch.setattr(guide, 'PATIENCE', 0.5)
    told = result(track(0, 2)) | dict(video='v.mp4', region='faces', no_face=[], notes=[],
                                      settings=dict(window=2, stride=1, smoothing=None))
    before = time.monotonic()
    assert guide.page_picture(told, []) is None and time.monotonic() - before < 20


@pytest.mark.parametrize('boxes', [
    [(80, 96, 430, 448), (570, 108, 920, 458)], [(0, 0, 480, 480), (480, 0, 960, 480)],
    [(100, 100, 200, 200), (210, 100, 310, 200)], [(0, 0, 960, 480), (10, 10, 950, 470)]])
def test_bars_lie_over_nobody_elses_face_or_bars(boxes):
    unit, extent, taken = 17, (139., 57.), []
    for box in boxes:
        others = [other for other in boxes if other != box]
        place = _free_place(box, extent, (960, 480), unit, taken, others)
        if place is None:
            assert boxes[0][2] == 960                           # one face fills the picture: a stripe is drawn
            continue
        bars = (*place, place[0] + extent[0], place[1] + extent[1])
        assert min(bars) >= 0 and bars[2] <= 960 and bars[3] <= 480
        assert not any(_meet(bars, other) for other in (*taken, *others))
        taken.append(bars)
    frame = np.full((480, 960, 3), 128, np.uint8)
    lanes = [Lane(track(number, 1, box), CLASSES) for number, box in enumerate(boxes)]
    picture = np.asarray(drawn(frame, 1.0, lanes, 1.0))
    assert picture.shape == frame.shape and (picture != 128).any()


@pytest.mark.parametrize('shape, least, most', [((90, 160), 7, 10), ((160, 90), 14, 14), ((10, 4000), 3, 3)])
def test_a_film_strip_shows_as_many_pictures_as_are_seen_whole(shape, least, most):
    thumbnails = [(float(time), np.zeros((*shape, 3), np.uint8)) for time in range(14)]
    shown = fitting(thumbnails)
    assert least <= len(shown) <= most and [shown[0][0], shown[-1][0]] == [0., 13.]
    assert fitting([]) == []


def test_two_drawn_people_act_one_beside_the_other():
    frames = draw_pair(size=48, seconds=0.4)
    assert frames.shape == (4 * 10, 48, 96, 3) and len(ACTED[0]) == len(ACTED[1]) == 4
    np.testing.assert_array_equal(frames, draw_pair(size=48, seconds=0.4))
    assert np.abs(frames[:, :, :48].astype(int) - frames[:, :, 48:]).mean() > 5
    for half in (frames[:, :, :48], frames[:, :, 48:]):
        assert np.abs(np.diff(half[[0, -1]].astype(int), axis=0)).mean() < 40      # each stays in their place


def test_the_guides_pictures_are_small_and_of_the_moment_asked_for(tmp_path, monkeypatch, capsys):
    class Brightness:
        name, notice, classes = 'brightness', 'of the tests', ['dark', 'bright']

        def keep(self, frame, face, place):
            return float(frame.mean()) / 255

        def score(self, windows):
            means = np.array([np.mean(window) for window in windows])
            return np.stack([1 - means, means], axis=1)

    class Both:
        def find(self, frame, thorough=False):
            return [Face(np.array([x, 20, x + 60, 80], float), 0.9,
                         np.array([(x + 20, 40), (x + 40, 40), (x + 30, 65)], float)) for x in (20, 116)]

        def is_face(self, frame, face):
            return True
    made = object.__new__(DFERInferencer)
    made.model, made.batch_size, made.checkpoints, made.classes = Brightness(), 4, [], ('dark', 'bright')
    made._stream = VideoStream(made.model, Settings(), Both())
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    write_pair(tmp_path / 'pair.mp4', size=96, seconds=0.4)
    pictures = guide.make_pictures(made, str(tmp_path / 'pair.mp4'), str(tmp_path / 'out'), 0.5, 0.25, at=0.8)
    assert [path.name for path in pictures] == ['lanes.png', 'frame.jpg']
    assert 'page.png: left out' in capsys.readouterr().out
    for path in pictures:
        assert path.stat().st_size <= guide.MOST_BYTES and Image.open(path).width <= guide.WIDTH
    with pytest.raises(ValueError, match='--at 9: the video lasts from 0 to 1.60 s'):
        guide.make_pictures(made, str(tmp_path / 'pair.mp4'), str(tmp_path / 'out'), at=9)


def test_a_picture_is_made_smaller_until_it_fits(tmp_path, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 300, 3), dtype=np.uint8))
    monkeypatch.setattr(guide, 'MOST_BYTES', 15_000)
    for name in ('a.png', 'a.jpg'):
        guide.write_small(noise, tmp_path / name)
        assert (tmp_path / name).stat().st_size <= 15_000
        width, height = Image.open(tmp_path / name).size
        assert width < 300 and width / height == pytest.approx(3, rel=0.05)
