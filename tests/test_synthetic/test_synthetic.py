"""The synthetic set: determinism, layout, folds, and what the action units move."""
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdfer.synthetic import AU_INDEX, CLASSES, COLUMNS, Options, make_dataset, sample_performance
from mmdfer.synthetic.action_units import CLASS_UNITS
from mmdfer.synthetic.face_renderer import render_clip
from mmdfer.synthetic.identity import sample_identity
from mmdfer.synthetic.scene import sample_scene

SMALL = Options(seed=3, subjects=10, clips=70, static=40, size=32, sixteen=True)
TINY = Options(seed=3, subjects=5, clips=35, static=14, size=16)


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('synthetic') / 'set'
    assert make_dataset(out, SMALL)
    return out


@pytest.fixture(scope='module')
def tiny(tmp_path_factory) -> Path:
    """To be copied where it is changed."""
    out = tmp_path_factory.mktemp('tiny') / 'set'
    make_dataset(out, TINY)
    return out


def digests(root: Path) -> dict:
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob('*')) if path.is_file()}


def read_list(root: Path, part: str, fold: int) -> dict:
    """Clip number to label."""
    path = root / f'EmoLabel_DataSplit/{part}(single-labeled)/set_{fold}.csv'
    header, *lines = path.read_bytes().decode().splitlines()
    assert header == 'video_name,label'
    return {int(name): int(label) for name, label in (line.split(',') for line in lines)}


def notes_of(root: Path) -> dict:
    notes = [json.loads(line) for line in (root / 'clips.jsonl').read_text().splitlines()]
    return {note['id']: note for note in notes}


def test_a_seed_fixes_every_byte_for_any_number_of_workers(made, tmp_path):
    threads = cv2.getNumThreads()
    cv2.setNumThreads(4)
    cv2.GaussianBlur(np.zeros((1000, 1000, 3), np.uint8), (0, 0), 3)  # starts OpenCV's threads
    make_dataset(tmp_path / 'two', SMALL, workers=2)
    cv2.setNumThreads(threads)
    assert digests(tmp_path / 'two') == digests(made)


def test_another_seed_gives_other_pictures_and_lists(tiny, tmp_path):
    make_dataset(tmp_path / 'b', Options(**{**TINY.as_dict(), 'seed': 4}))
    first, second = digests(tiny), digests(tmp_path / 'b')
    jpegs = [name for name in first if name.endswith('.jpg') and name in second]
    assert jpegs and all(first[name] != second[name] for name in jpegs)
    name = 'EmoLabel_DataSplit/test(single-labeled)/set_1.csv'
    assert first[name] != second[name]


def test_test_sets_are_disjoint_and_cover_all_clips_and_classes(made):
    tests = [read_list(made, 'test', fold) for fold in range(1, 6)]
    assert sorted(number for test in tests for number in test) == list(range(1, SMALL.clips + 1))
    assert all(set(test.values()) == set(range(1, 8)) for test in tests)


def test_no_subject_is_in_both_parts_of_a_fold(made):
    notes = notes_of(made)
    for fold in range(1, 6):
        train, test = (read_list(made, part, fold) for part in ('train', 'test'))
        assert len(train) + len(test) == SMALL.clips
        assert not {notes[n]['subject'] for n in train} & {notes[n]['subject'] for n in test}
        assert all(notes[n]['label'] == label for n, label in {**train, **test}.items())


def test_lists_mix_line_ends(made):
    ends = {tuple(sorted(set(re.findall(rb'\r?\n', path.read_bytes()))))
            for path in made.glob('EmoLabel_DataSplit/*/*.csv')}
    assert ends == {(b'\n', ), (b'\r\n', ), (b'\n', b'\r\n')}


def test_frame_folders_hold_the_frames_that_the_annotation_tells(made):
    for number, note in notes_of(made).items():
        if note['stream'] != 'clip':
            continue
        frames = sorted(path.name for path in (made / f'Clip/clip_224x224/{number:05d}').iterdir())
        assert frames == [f'{index:05d}.jpg' for index in range(1, note['n_frames'] + 1)]
        assert len(list((made / f'Clip/clip_224x224_16f/{number:05d}').iterdir())) == 16
        assert 10 <= note['n_frames'] <= 40
        if note['name'] == 'neutral':
            assert note['apex'] is None
        else:
            assert 0 <= note['onset'] <= note['apex'] <= note['offset'] < note['n_frames']
    assert cv2.imread(str(made / 'Clip/clip_224x224/00001/00001.jpg')).shape == (32, 32, 3)


def test_static_set_has_rafdb_layout_and_labels(made):
    lines = (made / 'static/EmoLabel/list_patition_label.txt').read_text().splitlines()
    assert len(lines) == 44 and sum(line.startswith('test_') for line in lines) == 4
    labels = set()
    for line in lines:
        name, label = re.fullmatch(r'((?:train_\d{5}|test_\d{4}))\.jpg ([1-7])', line).groups()
        labels.add(int(label))
        assert (made / f'static/Image/aligned/{name}_aligned.jpg').exists()
    assert labels == set(range(1, 8))


def test_rafdb_labels_are_rafdbs():
    from mmdfer.synthetic.plan import RAFDB_LABEL
    assert RAFDB_LABEL == dict(surprise=1, fear=2, disgust=3, happy=4, sad=5, angry=6, neutral=7)


def test_static_and_video_subjects_are_in_no_clip():
    from mmdfer.synthetic.plan import plan_clips, plan_static, plan_videos
    options = Options(static=1000)
    static = plan_static(options)
    groups = [plan_clips(options), [item for item in static if not item.test],
              [item for item in static if item.test], plan_videos(options)]
    subjects = [{item.subject for item in group} for group in groups]
    assert sum(map(len, subjects)) == len(set.union(*subjects))


def test_every_expressive_clip_has_a_frame_near_its_apex():
    for seed in range(300):
        for name in ('happy', 'surprise', 'fear'):
            performance = sample_performance(name, 10, np.random.default_rng(seed))
            assert performance.envelope.max() >= 0.66


@pytest.mark.parametrize('n_frames', [10, 33])
def test_fear_is_surprise_played_backwards(n_frames):
    surprise = sample_performance('surprise', n_frames, np.random.default_rng(5))
    fear = sample_performance('fear', n_frames, np.random.default_rng(5))
    np.testing.assert_array_equal(fear.frames, surprise.frames[::-1])
    np.testing.assert_array_equal(fear.peaks, surprise.peaks)


def test_surprise_rises_faster_than_it_falls_and_its_peak_moves():
    places = []
    for seed in range(100):
        envelope = sample_performance('surprise', 32, np.random.default_rng(seed)).envelope
        active = np.flatnonzero(envelope > 0.1)
        apex = int(envelope.argmax())
        assert active[-1] - apex > 1.5 * (apex - active[0])
        assert max(envelope[0], envelope[-1]) < 0.35
        places.append(apex / 32)
    assert max(places) - min(places) > 0.25


@pytest.mark.parametrize('name', [name for name in CLASSES if name != 'fear'])
def test_a_class_moves_its_own_units(name):
    drawn = np.mean([sample_performance(name, 20, np.random.default_rng(seed)).peaks
                     for seed in range(60)], axis=0)
    for unit in CLASS_UNITS[name]:
        assert drawn[AU_INDEX[unit]] > 0.2


@pytest.mark.parametrize('unit, region', [(12, 'mouth'), (15, 'mouth'), (26, 'mouth'), (1, 'brows'),
                                          (2, 'brows'), (4, 'brows'), (45, 'eyes'), (9, 'nose')])
def test_an_action_unit_changes_its_region_of_the_picture(unit, region):
    rows = np.zeros((2, len(COLUMNS)))
    rows[:, [COLUMNS.index('scale'), COLUMNS.index('light')]] = 1
    rows[1, AU_INDEX[unit]] = 1
    bands = dict(brows=(0.2, 0.4), eyes=(0.4, 0.5), nose=(0.44, 0.62), mouth=(0.64, 0.9))
    changes = dict.fromkeys(bands, 0.0)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        scene = sample_scene(rng)
        rest, moved = (render_clip(sample_identity(np.random.default_rng(seed)), scene, row[None],
                                   96, np.random.default_rng(0))[0].astype(float) for row in rows)
        change = np.abs(moved - rest)[:, 24:72].sum((1, 2))
        for name, (top, bottom) in bands.items():
            changes[name] += change[int(96 * top):int(96 * bottom)].mean()
    assert max(changes, key=changes.get) == region


def test_the_same_set_is_not_made_twice(made):
    before = digests(made)
    assert make_dataset(made, SMALL) is False
    assert digests(made) == before


def test_other_options_need_overwrite(tiny, tmp_path):
    out = tmp_path / 'set'
    shutil.copytree(tiny, out)
    other = Options(**{**TINY.as_dict(), 'size': 20})
    with pytest.raises(FileExistsError, match=f'{re.escape(str(out))}.*--overwrite'):
        make_dataset(out, other)
    assert make_dataset(out, other, overwrite=True)
    assert json.loads((out / 'meta.json').read_text())['options']['size'] == 20
    assert [path.name for path in tmp_path.iterdir()] == ['set']


@pytest.mark.parametrize('overwrite', [False, True])
def test_a_foreign_folder_is_never_touched(tmp_path, overwrite):
    (tmp_path / 'thesis.tex').write_text('mine')
    with pytest.raises(FileExistsError, match=f'{re.escape(str(tmp_path))}.*--overwrite'):
        make_dataset(tmp_path, TINY, overwrite=overwrite)
    assert (tmp_path / 'thesis.tex').read_text() == 'mine'


def test_an_interrupted_run_leaves_no_set_and_is_started_anew(tmp_path):
    def interrupt(items, total):
        next(iter(items))
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        make_dataset(tmp_path / 'set', TINY, progress=interrupt)
    assert not list(tmp_path.iterdir())
    left = tmp_path / '.set.1f2e3d4c.partial'                   # what a kill leaves
    left.mkdir()
    (left / 'left_over.jpg').write_bytes(b'')
    os.utime(left, (0, 0))
    assert make_dataset(tmp_path / 'set', TINY)
    assert [path.name for path in tmp_path.iterdir()] == ['set'] and not (tmp_path / 'set/left_over.jpg').exists()


@pytest.mark.parametrize('wrong', [dict(subjects=4), dict(clips=34), dict(size=8), dict(seed=-1)])
def test_impossible_options_are_refused(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f'{name} must be at least .* not {value}'):
        Options(**wrong)


def test_videos_are_read_by_decord(made):
    decord = pytest.importorskip('decord')
    notes = [note for note in notes_of(made).values() if note['stream'] == 'video']
    assert sorted(note['name'] for note in notes) == sorted(CLASSES)
    for note in notes:
        video = decord.VideoReader(str(made / f'videos/{note["name"]}_{note["id"]}.mp4'))
        assert len(video) == note['n_frames']
        assert video.get_avg_fps() == pytest.approx(25)
        assert video[0].asnumpy().shape == (224, 224, 3)
