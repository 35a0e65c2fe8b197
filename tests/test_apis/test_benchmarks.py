"""What is measured is what it is called: a repeated video has the pictures of its source, over and over."""
import json
import time

import numpy as np
import pytest

from mmdfer.apis.benchmarks.suite import FORMAT, compared, markdown, paired, read_old
from mmdfer.apis.benchmarks.videos import repeat
from mmdfer.datasets.video_reader import VideoReader
from mmdfer.visualization.ratios import plot_ratios

from ..commands import command


def test_a_repeated_video_is_its_source_over_and_over(faces, tmp_path):
    source = faces / 'single_face.mp4'
    one = VideoReader(source)
    repeat(source, tmp_path / 'long.mp4', 2.5 * one.duration)
    three = VideoReader(tmp_path / 'long.mp4')
    assert len(three) == 3 * len(one) and three.duration == pytest.approx(3 * one.duration, rel=0.02)
    assert np.all(np.diff(three.times()) > 0)
    for place in (0, 7, len(one) - 1):
        first, later = one.frame(place), three.frames([place, place + len(one), place + 2 * len(one)])
        assert all(np.array_equal(frame, first) for frame in later)


def test_what_cannot_be_repeated_is_named(tmp_path):
    (tmp_path / 'x.mp4').write_bytes(b'nothing')
    with pytest.raises(ValueError, match='x.mp4: cannot be repeated .*give an H.264 video'):
        repeat(tmp_path / 'x.mp4', tmp_path / 'long.mp4', 5)


def test_rows_are_ratios_of_the_same_round_to_the_yardstick():
    """A clock that every call moves on, slower each round: the ratio of a round stays."""
    now, turns = [0.], dict(one=0, three=0)

    def call(name, seconds):
        def run():
            turns[name] += 1
            now[0] += seconds * turns[name]
        return run

    row, = paired('op', dict(one=call('one', 1.), three=call('three', 3.)), 4, dict(three=2.), clock=lambda: now[0])
    assert (row.ratio, row.low, row.high, row.rounds, row.bound) == (3., 3., 3., 4, 2.)
    assert row.milliseconds == 1e3 * 3 * 3.5 and row.yardstick == 'one'         # rounds 2 to 5: the first warms up


def report(*rows, quick=True, cpu='A'):
    names = ('name', 'ratio', 'low', 'high', 'bound')
    return dict(format=FORMAT, quick=quick, seconds=9, skipped=dict(faces='not measured: mediapipe is not installed'),
                machine=dict(cpu=cpu, cores=2, threads=1, torch='2', load=0.1),
                rows=[dict(zip(names, row), group='op', yardstick='conv3d', rounds=5, milliseconds=1.) for row in rows])


def test_what_became_slower_by_more_than_its_spread_is_told():
    old = report(('a', 2., 1.9, 2.1, None), ('b', 2., 1.5, 2.5, None), ('c', 2., 1.9, 2.1, None),
                 ('gone', 1., 1., 1., None))
    new = report(('a', 2.3, 2.2, 2.4, None), ('b', 2.4, 2.3, 2.6, None), ('c', 1.5, 1.4, 1.6, None))
    told = compared(new, old, 'old.json').splitlines()
    assert [line[:14] for line in told] == ['slower: op, a ', 'faster: op, c ']
    assert '2.00 (1.90 to 2.10) -> 2.30' in told[0]
    assert compared(old, old, 'x') == 'nothing became slower by more than the spread of its rounds'
    assert 'measured on A, before on B' in compared(new, report(cpu='B'), 'x')
    assert 'not compared' in compared(new, report(quick=False), 'x')


def test_the_table_tells_bounds_that_are_missed_and_what_was_not_measured(tmp_path):
    told = report(('a', 2., 1.9, 2.1, 1.9), ('b', 2., 1.5, 2.5, 2.))
    lines = markdown(told).splitlines()
    assert '| 1.9 missed |' in lines[4] and '| 2 |' in lines[5] and 'mediapipe is not installed' in lines[6]
    rows = list(paired('op', dict(a=time.time, b=time.time), 1))
    axes, = plot_ratios(rows, tmp_path / 'x.png').axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ['op: b / a'] and (tmp_path / 'x.png').is_file()


def test_a_profile_of_a_step_names_its_operators_and_leaves_a_trace(tmp_path):
    words = ('--arch', 'tiny', '--frames', 2, '--size', 32, '--steps', 1, '--out', tmp_path / 'out')
    done = command('benchmark', 'profile-step', *words)
    assert done.returncode == 0, done.stderr
    assert 'Self CPU' in done.stdout and 'aten::' in done.stdout
    events = json.loads((tmp_path / 'out/trace.json').read_text())['traceEvents']
    assert any('AdamW' in event.get('name', '') for event in events)
    assert "did you mean 'FE-Adapter'" in command('benchmark', 'profile-step', '--row', 'FE-Adaptor').stderr


def test_what_is_no_report_or_part_is_refused(tmp_path):
    (tmp_path / 'x.json').write_text(json.dumps(dict(rows=[])))
    with pytest.raises(ValueError, match='x.json: is no report of this suite'):
        read_old(tmp_path / 'x.json')
    with pytest.raises(ValueError, match='cannot be read'):
        read_old(tmp_path / 'none.json')
    done = command('benchmark', 'all', '--only', 'opp')
    assert done.returncode == 2 and "did you mean 'op'" in done.stderr
