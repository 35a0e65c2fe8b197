"""Who is in a video: the faces of its frames joined to people, over short losses and cuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..face.boxes import iou
from ..face.finding import Face

LEAST_OVERLAP = 0.3  # intersection over union of a face and where it is expected
LEAST_DETECTIONS = 3  # that make a person, and not a passing mistake of the detector
LEAST_SCORE = 1.8  # their scores added up
LEAST_VERIFIED = 2  # of them in which a closer look saw a face, too
MOST_CHECKS = 6  # closer looks at what is to be a person; it is none if too few of them saw a face
LONGEST_LOSS = 1.0  # seconds for which a person may be lost and be found again where they would be
LONGEST_ABSENCE = 60.0  # seconds for which a person may be away and be known again by their looks
LEAST_LIKENESS = 0.80  # cosine of two looks that are taken for one person's
LEAST_LEAD = 0.08  # by which the likest must lead over the next
LEAST_LIKENESS_AT_CUT = 0.6  # of a face and the person who was in its place before a cut


@dataclass
class Person:
    """One person: when and where they were seen, in the order of the video.

    ``times`` (n,) in seconds, ``boxes`` (n, 4) in pixels; ``joined`` holds the times at which a person who had been
    away was taken for this one by their looks, which is a guess and is told.
    """

    number: int
    times: list[float] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    joined: list[float] = field(default_factory=list)
    detections: int = 0
    score: float = 0.0
    face: Face | None = None  # as last detected
    step: np.ndarray = field(default_factory=lambda: np.zeros(4))  # of the box, a second
    look: np.ndarray | None = None
    verified: int = 0
    checked: int = 0
    confirmed: bool = False
    merged: Person | None = None  # who this one turned out to be

    @property
    def last(self) -> float:
        return self.times[-1]

    def expected(self, time: float) -> np.ndarray:
        """Where the face would be now, going on as it did for a moment."""
        return self.face.box + self.step * min(time - self.last, 0.2)


class People:
    """Joins the faces of detected frames, given one after the other, to people.

    Faces are matched to where people would be, the greatest overlap first. A face that fits nobody begins a person, who
    counts once several detections and closer looks agree (``LEAST_DETECTIONS``, ``LEAST_VERIFIED``): what the
    detector mistakes for a face once is nobody. A new person who looks like one that is away, and like nobody else,
    is taken for them (``reidentify``).
    """

    def __init__(self, reidentify: bool = True) -> None:
        self.reidentify = reidentify
        self.everybody: list[Person] = []
        self._here: list[Person] = []
        self._away: list[Person] = []
        self._count = 0
        self.least = (LEAST_DETECTIONS, LEAST_SCORE, LEAST_VERIFIED)

    def of_one_picture(self) -> People:
        """For a single picture: one detection that a closer look agrees with makes a person."""
        self.least = (1, 0.5, 1)
        return self

    def update(
        self,
        time: float,
        faces: Sequence[Face],
        looks: Sequence[np.ndarray | None] | None = None,
        cut: bool = False,
        verify: Callable[[Face], bool] | None = None,
    ) -> list[Person]:
        """The faces of a frame at ``time`` seconds, and whose they are.

        Args:
            time: of the frame, later than those before.
            faces: what the detector found.
            looks: unit vectors, or ``None``, by which each may be known again.
            cut: whether the picture changed altogether since the frame before, so that a place alone says nothing.
            verify: a closer look at a face of somebody who is not confirmed yet.

        Returns:
            A person for each face, perhaps not confirmed yet.
        """
        self._let_go(time)
        looks = looks or [None] * len(faces)
        owners: dict[int, Person] = {}
        pairs = sorted(
            (
                (overlap, place, index)
                for place, person in enumerate(self._here)
                if len(faces)
                for index, overlap in enumerate(iou(person.expected(time), np.stack([face.box for face in faces])))
                if overlap >= LEAST_OVERLAP and not (cut and _unlike(person, looks[index]))
            ),
            reverse=True,
        )
        taken: set[int] = set()
        for _, place, index in pairs:
            if place not in taken and index not in owners:
                taken.add(place)
                owners[index] = self._here[place]
        for index, (face, look) in enumerate(zip(faces, looks, strict=True)):
            person = owners.get(index) or self._begin()
            _see(person, time, face, look)
            if not person.confirmed and person.checked < MOST_CHECKS:
                person.checked += 1
                person.verified += verify is None or verify(face)
            if not person.confirmed and all(
                value >= least
                for value, least in zip((person.detections, person.score, person.verified), self.least, strict=True)
            ):
                person = self._confirm(person, [other for other in owners.values() if other is not person])
            owners[index] = person
        return [owners[index] for index in range(len(faces))]

    def _begin(self) -> Person:
        person = Person(-1)
        self._here.append(person)
        return person

    def _confirm(self, person: Person, others: Sequence[Person]) -> Person:
        known = self._known(person) if self.reidentify else None
        if known is None:
            person.confirmed, person.number = True, self._count
            self._count += 1
            self.everybody.append(person)
            return person
        self._away.remove(known)
        self._here[self._here.index(person)] = known
        known.joined.append(person.times[0])
        known.times += person.times
        known.boxes += person.boxes
        known.face, known.step = person.face, person.step
        person.merged = known
        return known

    def _known(self, person: Person) -> Person | None:
        if person.look is None:
            return None
        likeness = sorted(
            (
                (float(other.look @ person.look), -other.number)
                for other in self._away
                if other.look is not None and person.times[0] - other.last <= LONGEST_ABSENCE
            ),
            reverse=True,
        )
        if not likeness or likeness[0][0] < LEAST_LIKENESS:
            return None
        if len(likeness) > 1 and likeness[0][0] - likeness[1][0] < LEAST_LEAD:
            return None
        return next(other for other in self._away if other.number == -likeness[0][1])

    def _let_go(self, time: float) -> None:
        lost = [person for person in self._here if time - person.last > LONGEST_LOSS]
        self._here = [person for person in self._here if person not in lost]
        self._away = [
            person
            for person in self._away + [one for one in lost if one.confirmed]
            if time - person.last <= LONGEST_ABSENCE
        ]


def _unlike(person: Person, look: np.ndarray | None) -> bool:
    return person.look is not None and look is not None and float(person.look @ look) < LEAST_LIKENESS_AT_CUT


def _see(person: Person, time: float, face: Face, look: np.ndarray | None) -> None:
    if person.face is not None and time > person.last:
        person.step = 0.5 * person.step + 0.5 * (face.box - person.face.box) / (time - person.last)
    person.times.append(time)
    person.boxes.append(face.box)
    person.face = face
    person.detections += 1
    person.score += face.score
    if look is not None:
        mean = look if person.look is None else 0.8 * person.look + 0.2 * look
        person.look = mean / np.linalg.norm(mean)
