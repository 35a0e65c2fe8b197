"""Faces of frames become people: ids stay, mistakes are nobody, who comes back is told."""

from __future__ import annotations

import numpy as np
import pytest

from mmdfer.face.finding import Face, box_turned_back, turned_back
from mmdfer.video.people import People


def face(x, y, edge=60, score=0.9):
    box = np.array([x, y, x + edge, y + edge], float)
    points = np.array([(x + edge / 3, y + edge / 3), (x + 2 * edge / 3, y + edge / 3), (x + edge / 2, y + 0.8 * edge)])
    return Face(box, score, points)


def look(number):
    vector = np.random.default_rng(number).normal(size=64)
    return vector / np.linalg.norm(vector)


def test_two_people_who_walk_keep_their_numbers_in_whatever_order_they_are_found():
    people, rng = People(), np.random.default_rng(0)
    numbers = []
    for step in range(40):
        faces = [face(10 + 4 * step, 50), face(400 - 4 * step, 150)]
        order = rng.permutation(2)
        found = people.update(step / 8, [faces[place] for place in order])
        numbers.append([found[list(order).index(place)].number for place in range(2)])
    assert len(people.everybody) == 2
    assert all(pair == numbers[-1] for pair in numbers[3:]) and sorted(numbers[-1]) == [0, 1]


@pytest.mark.parametrize('scores, verify', [([0.9], True), ([0.55, 0.55, 0.55], True), ([0.9] * 6, False)])
def test_what_is_seen_once_weakly_or_does_not_stand_a_closer_look_is_nobody(scores, verify):
    people = People()
    for step, score in enumerate(scores):
        people.update(step / 8, [face(50, 50, score=score)], verify=lambda one: verify)
    assert people.everybody == []


def test_a_short_loss_is_bridged_where_the_person_would_be():
    people = People()
    for step in range(24):
        people.update(step / 8, [] if 10 <= step < 14 else [face(50 + step, 50)])
    assert len(people.everybody) == 1 and people.everybody[0].joined == []


def test_who_comes_back_elsewhere_is_known_by_their_looks_and_it_is_told():
    people = People()
    for step in range(8):
        people.update(step / 8, [face(50, 50)], [look(1)])
    for step in range(8):
        people.update(10 + step / 8, [face(300, 100), face(30, 200)], [look(1), look(2)])
    first, second = people.everybody
    assert first.joined == [10.0] and second.joined == [] and len(first.times) == 16
    again = People(reidentify=False)
    for step in range(8):
        again.update(step / 8, [face(50, 50)], [look(1)])
        again.update(20 + step / 8, [face(300, 100)], [look(1)]) if step == 7 else None
    for step in range(1, 8):
        again.update(20 + 1 + step / 8, [face(300, 100)], [look(1)])
    assert len(again.everybody) == 2


def test_another_face_in_the_same_place_behind_a_cut_is_another_person():
    people = People()
    for step in range(8):
        people.update(step / 8, [face(50, 50)], [look(1)])
    for step in range(8, 16):
        people.update(step / 8, [face(52, 48)], [look(2)], cut=step == 8)
    assert len(people.everybody) == 2
    same = People()
    for step in range(16):
        same.update(step / 8, [face(50, 50)], [look(1)], cut=step == 8)
    assert len(same.everybody) == 1


@pytest.mark.parametrize('turn', range(4))
def test_points_and_boxes_of_a_turned_frame_come_back_to_their_place(turn):
    frame = np.zeros((40, 70))
    frame[8:12, 50:60] = 1
    rows, columns = np.nonzero(np.rot90(frame, turn))
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
    np.testing.assert_allclose(box_turned_back(box, turn, frame.shape), (50, 8, 60, 12))
    np.testing.assert_allclose(turned_back(box.reshape(2, 2).mean(axis=0), turn, frame.shape), (55, 10))
