"""The page: a video in, results out, nothing kept, and nobody else answered."""
from __future__ import annotations

import csv
import io
import json
import re
import shutil
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from mmdfer.apis.inference import DFERInferencer
from mmdfer.apis.local_page import jobs as jobs_module
from mmdfer.apis.local_page.jobs import Jobs
from mmdfer.apis.local_page.serving import is_loopback
from mmdfer.face.finding import Face
from mmdfer.video.stream import Settings, VideoStream

werkzeug = pytest.importorskip('werkzeug')
from werkzeug.test import Client  # noqa: E402

from mmdfer.apis.local_page.server import LocalPage  # noqa: E402

av = pytest.importorskip('av')
OWN = {'X-Mmdfer': 'page'}


class Brightness:
    """A model whose scores are known: how bright a face is."""

    name, notice, classes = 'brightness', 'a model of the tests', ['dark', 'bright']

    def keep(self, frame, face, place):
        x1, y1, x2, y2 = face.box.astype(int)
        return float(frame[y1:y2, x1:x2].mean()) / 255

    def score(self, windows):
        means = np.array([np.mean(window) for window in windows])
        return np.stack([1 - means, means], axis=1)


class Halves:
    """Finds a face in the left half of the first second of a video, and another in the right half of the rest."""

    def find(self, frame, thorough=False):
        x = 10 if frame[:8, :8].mean() < 100 else 110
        points = np.array([(x + 12, 32), (x + 28, 32), (x + 20, 50)], float)
        return [Face(np.array([x, 20, x + 40, 60], float), 0.9, points)]

    def is_face(self, frame, face):
        return True


def inferencer() -> DFERInferencer:
    made = object.__new__(DFERInferencer)
    made.model, made.batch_size, made.checkpoints, made.classes = Brightness(), 4, [], ('dark', 'bright')
    made._stream = VideoStream(made.model, Settings(), Halves())
    return made


def write_video(path, frames=60):
    with av.open(str(path), 'w') as out:
        stream = out.add_stream('libx264', rate=20)
        stream.width, stream.height, stream.pix_fmt = 200, 80, 'yuv420p'
        rng = np.random.default_rng(0)
        for index in range(frames):
            frame = np.full((80, 200, 3), 30 if index < 20 else 180, np.uint8)
            for x, grey in ((10, 220), (110, 60)):
                frame[20:60, x:x + 40] = np.clip(grey + rng.normal(0, 10, (40, 40, 1)), 0, 255)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp('videos') / 'walk in.mp4').read_bytes()


@pytest.fixture
def page():
    jobs = Jobs(inferencer(), Settings(window=1., stride=.5, reidentify=False))
    yield SimpleNamespace(jobs=jobs, client=Client(LocalPage(jobs, 1_000_000)))
    jobs.close()
    assert not jobs.root.exists()


def upload(page, data, name='walk in.mp4', headers=OWN):
    return page.client.post('/jobs', query_string=dict(name=name), data=data, headers=headers)


def finished(page, number):
    for _ in range(600):
        told = page.client.get(f'/jobs/{number}').json
        if told['state'] in ('done', 'failed'):
            return told
        time.sleep(0.05)
    raise AssertionError(f'not done: {told}')


def test_a_video_becomes_results_that_can_be_renamed_merged_and_had(page, video):
    first = upload(page, video).json
    assert first['state'] in ('waiting', 'reading')
    told = finished(page, first['id'])
    assert told['message'] == '' and told['files'] == ['csv', 'html', 'json', 'mp4']
    assert [person['label'] for person in told['people']] == ['person 1', 'person 2']
    assert [person['expression'] for person in told['people']] == ['bright', 'dark']

    def have(kind, **headers):
        return page.client.get(f'/jobs/{first["id"]}/files/video.{kind}', headers=headers)
    assert json.loads(have('json').data)['video'] == 'walk in.mp4' and 'mmdfer-app-' not in have('json').text
    assert have('mp4').mimetype == 'video/mp4'
    part = have('mp4', Range='bytes=100-199')                   # a browser scrubs by these
    assert part.status_code == 206 and part.data == have('mp4').data[100:200]
    shown = page.client.get(f'/jobs/{first["id"]}/files/video.csv?download')
    assert 'walk in.csv' in shown.headers['Content-Disposition']
    assert 'src="video.mp4"' in have('html').text

    changed = page.client.post(f'/jobs/{first["id"]}/people', json=dict(names={0: 'Ann </script>'}, merges={1: 0}),
                               headers=OWN)
    assert changed.status_code == 200
    told = finished(page, first['id'])
    assert [person['label'] for person in told['people']] == ['Ann </script>']
    rows = list(csv.DictReader(io.StringIO(have('csv').text)))
    assert {row['person'] for row in rows} == {'Ann </script>'} and {row['track'] for row in rows} == {'0'}
    assert 'Ann <\\/script>' in have('html').text

    back = page.client.post(f'/jobs/{first["id"]}/people', json={}, headers=OWN)
    assert back.status_code == 200 and len(finished(page, first['id'])['people']) == 2
    wrong = page.client.post(f'/jobs/{first["id"]}/people', json=dict(names={0: ''}), headers=OWN)
    assert wrong.status_code == 400 and 'a name has' in wrong.json['error']

    folder = page.jobs.root / first['id']
    assert folder.is_dir()
    assert page.client.post(f'/jobs/{first["id"]}/leave').status_code == 200
    assert not folder.exists() and have('csv').status_code == 404


@pytest.mark.parametrize('name, data, status, message', [
    ('notes.txt', b'text', 415, 'neither a video'), ('../../etc/passwd', b'x', 415, 'passwd'),
    ('', b'x', 415, 'without a name'),
    ('a.mp4', b'', 411, 'is empty'), ('a.mp4', b'0' * 1_000_001, 413, '1.0 are taken')])
def test_a_file_of_another_type_or_size_is_refused_and_not_kept(page, name, data, status, message):
    answer = upload(page, data, name)
    assert answer.status_code == status and message in answer.json['error']
    assert not list(page.jobs.root.iterdir())


def test_a_file_that_is_no_video_is_told_without_the_programs_own_paths(page):
    told = finished(page, upload(page, b'no video' * 100, 'a.mp4').json['id'])
    assert told['state'] == 'failed' and told['message'] and str(page.jobs.root) not in told['message']


@pytest.mark.parametrize('host, status', [('localhost:7860', 200), ('127.0.0.1', 200), ('evil.example', 403),
                                          ('127.0.0.1.evil.example:80', 403)])
def test_only_its_own_name_is_answered(page, host, status):
    assert page.client.get('/', headers=dict(Host=host)).status_code == status


def test_a_foreign_page_can_neither_give_a_video_nor_guess_one(page, video):
    assert upload(page, video, headers={}).status_code == 403
    number = upload(page, video).json['id']
    assert len(number) > 20
    assert page.client.post(f'/jobs/{number}/people', json={}).status_code == 403
    assert page.client.get(f'/jobs/{number}/files/video.py').status_code == 404
    assert page.client.get('/jobs/../jobs.py').status_code == 404
    finished(page, number)


def test_a_page_that_is_closed_ends_the_work_and_one_that_is_silent_is_forgotten(page, video, monkeypatch):
    held, going = threading.Event(), threading.Event()
    keep = Brightness.keep

    def slow(self, frame, face, place):
        going.set()
        held.wait(20)
        return keep(self, frame, face, place)
    monkeypatch.setattr(Brightness, 'keep', slow)
    number = upload(page, video).json['id']
    job = page.jobs.find(number)
    assert going.wait(20)
    page.client.post(f'/jobs/{number}/leave')
    held.set()
    with page.jobs._turn:                                       # the work gives its turn back
        pass
    for _ in range(100):
        if not job.folder.exists():
            break
        time.sleep(0.02)
    assert not job.folder.exists() and job.state != 'done'

    monkeypatch.setattr(jobs_module, 'SILENT', -1.)
    other = page.jobs.add('b.mp4')
    page.jobs.forget_silent()
    assert not other.folder.exists() and page.jobs.find(other.id) is None


def test_the_page_names_its_model_and_asks_nobody_else(page):
    text = page.client.get('/').text
    assert 'brightness' in text and 'a model of the tests' in text and '.mp4' in text
    assert not re.findall(r'(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}', text)


@pytest.mark.parametrize('host, own', [('127.0.0.1', True), ('127.8.8.8', True), ('localhost', True), ('::1', True),
                                       ('0.0.0.0', False), ('192.168.1.2', False), ('name.example', False)])
def test_what_is_this_machine_alone(host, own):
    assert is_loopback(host) is own


@pytest.mark.slow
def test_a_browser_uploads_scrubs_renames_and_has_the_files(page, video, tmp_path):
    sync_api = pytest.importorskip('playwright.sync_api')
    chromium = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
    if chromium is None:
        pytest.skip('there is no Chromium here')
    from werkzeug.serving import make_server
    server = make_server('127.0.0.1', 0, LocalPage(page.jobs, 1_000_000), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        tab = browser.new_page()
        errors = []
        tab.on('pageerror', lambda error: errors.append(str(error)))
        tab.goto(f'http://127.0.0.1:{server.server_port}/')
        tab.set_input_files('#file', dict(name='notes.txt', mimeType='text/plain', buffer=b'text'))
        assert 'neither a video' in tab.inner_text('#wrong')
        tab.set_input_files('#file', dict(name='walk in.mp4', mimeType='video/mp4', buffer=video))
        tab.wait_for_selector('#result', state='visible', timeout=60_000)
        inside = tab.frame_locator('#view')
        lane = inside.locator('.plot').first
        lane.scroll_into_view_if_needed()
        tab.wait_for_timeout(500)
        box = lane.bounding_box()
        tab.mouse.click(box['x'] + box['width'] / 2, box['y'] + 20)
        tab.wait_for_timeout(300)
        assert inside.locator('#video').evaluate('one => one.currentTime') == pytest.approx(1.5, abs=0.1)
        inside.locator('#video').evaluate('one => { one.currentTime = 0.75; }')
        tab.wait_for_timeout(500)
        assert inside.locator('.cursor').first.evaluate('one => parseFloat(one.style.left)') == pytest.approx(25, abs=2)
        tab.fill('input[data-id="0"]', 'Ann')
        tab.select_option('select[data-id="1"]', '0')
        tab.click('#apply')
        tab.wait_for_selector('#wait', state='visible')
        tab.wait_for_selector('#result', state='visible', timeout=60_000)
        assert inside.locator('.lane h2').all_inner_texts()[0].startswith('Ann')
        with tab.expect_download() as had:
            tab.click('#get-csv')
        had.value.save_as(tmp_path / 'had.csv')
        assert {row['person'] for row in csv.DictReader(open(tmp_path / 'had.csv'))} == {'Ann'}
        tab.goto('about:blank')
        tab.wait_for_timeout(500)
        browser.close()
    server.shutdown()
    assert not errors and not list(page.jobs.root.iterdir())
