"""People renamed and merged: figures stay those that were found, and two people are not made one."""
from __future__ import annotations

import copy
import csv
import io

import numpy as np
import pytest

from mmdfer.video.editing import edited
from mmdfer.video.results import Result, judged, table


def window(track, start, *probabilities):
    return dict(track=track, start=start, end=start + 1., seen=1., **judged(np.array(probabilities), ['a', 'b']))


def track(number, times, *windows):
    frames = [[time, 0., 0., 10., 10.] for time in times]
    mean = np.mean([one['probabilities'] for one in windows], axis=0)
    return dict(id=number, label=f'person {number + 1}', start=times[0], end=times[-1], joined=[], frames=frames,
                windows=list(windows), clip=judged(mean, ['a', 'b']))


@pytest.fixture
def result():
    tracks = [track(0, [0., .5, 1.], window(0, 0., .9, .1)), track(1, [0., .5, 1., 5.], window(1, 0., .2, .8)),
              track(2, [3., 3.5, 4.], window(2, 3., .3, .7), window(2, 4., .1, .9))]
    return Result(classes=['a', 'b'], tracks=tracks, windows=[one for each in tracks for one in each['windows']])


def test_a_merged_person_has_the_frames_and_the_mean_of_all_their_windows(result):
    before = copy.deepcopy(result)
    changed = edited(result, {0: ' Ann  Lee '}, {2: 0})
    assert result == before
    ann, other = changed['tracks']
    assert ann['label'] == 'Ann Lee' and other['label'] == 'person 2'
    assert [frame[0] for frame in ann['frames']] == [0, .5, 1, 3, 3.5, 4] and (ann['start'], ann['end']) == (0, 4)
    assert ann['joined'] == [3] and {one['track'] for one in ann['windows']} == {0}
    np.testing.assert_allclose(ann['clip']['probabilities'], [1.3 / 3, 1.7 / 3], atol=1e-6)
    assert len(changed['windows']) == len(result['windows'])


def test_names_are_in_the_table_and_a_table_without_names_is_as_it_was(result):
    plain = list(csv.DictReader(io.StringIO(table(result))))
    assert list(plain[0]) == ['track', 'start', 'end', 'seen', 'label', 'a', 'b']
    named = list(csv.DictReader(io.StringIO(table(edited(result, {1: 'Bob'}, {})))))
    assert [row['person'] for row in named] == ['person 1', 'Bob', 'person 3', 'person 3']
    assert [{key: row[key] for key in plain[0]} for row in named] == plain


def test_a_chain_of_merges_ends_with_the_last(result):
    apart = copy.deepcopy(result)
    apart['tracks'][1]['frames'] = [[time, 0., 0., 1., 1.] for time in (7., 8.)]
    assert [one['id'] for one in edited(apart, {}, {2: 1, 1: 0})['tracks']] == [0]


@pytest.mark.parametrize('names, merges, message', [
    ({}, {1: 0}, 'person 1 and person 2 are seen at the same time'), ({7: 'x'}, {}, 'no person 7'),
    ({}, {0: 9}, 'no person 9'), ({0: '  '}, {}, 'a name has 1 to 40'), ({0: 'x' * 41}, {}, 'a name has'),
    ({0: 'person 2'}, {}, 'two people are called'),
    ({}, {0: 2, 2: 0}, 'cannot join themselves')])
def test_what_cannot_be_is_refused(result, names, merges, message):
    with pytest.raises(ValueError, match=message):
        edited(result, names, merges)
