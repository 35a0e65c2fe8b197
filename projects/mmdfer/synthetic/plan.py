"""Who plays what: the subjects, labels and folds of a set, before anything is drawn."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

import numpy as np

from ..datasets.rafdb import RAFDBDataset
from ..labels import find_emotion
from .action_units import CLASSES

N_FOLDS = 5
CLASS_SHARE = np.array([16, 14, 18, 15, 13, 11, 13])
"""Clips a class in percent, in label order: uneven like real sets, so that UAR and WAR differ."""

RAFDB_LABEL = {name: 1 + RAFDBDataset.METAINFO['classes'].index(find_emotion(name).noun) for name in CLASSES}
"""RAF-DB's 1-based label of each class."""

STATIC_TEST_DIVISOR = 10    # a tenth as many test as training pictures
PICTURES_A_SUBJECT = 20
PICTURES_A_SITTING = 10

# Streams of randomness; one each, so that the size of one part does not move another.
STREAM = {'plan': 0, 'clip': 1, 'static': 2, 'video': 3, 'subject': 4}


@dataclass(frozen=True)
class Options:
    """What decides every byte of a set.

    Args:
        seed: seed of all randomness.
        subjects: number of subjects in the clips, at least 5.
        clips: number of clips, at least 35 and no less than ``subjects``.
        static: number of training pictures of the static set (0: none); a tenth more for its test.
        size: edge of the square frames in pixels.
        sixteen: whether the folder of 16 frames a clip is written too.
    """
    seed: int = 0
    subjects: int = 90
    clips: int = 1800
    static: int = 10000
    size: int = 64
    sixteen: bool = False

    def __post_init__(self) -> None:
        least = {'seed': 0, 'subjects': N_FOLDS, 'static': 0, 'size': 16,
                 'clips': max(N_FOLDS * len(CLASSES), self.subjects)}
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ValueError(f'{name} must be at least {minimum}, not {getattr(self, name)}')
        if self.clips > 99999:
            raise ValueError(f'clips must be at most 99999 (ids of 5 digits), not {self.clips}')

    def as_dict(self) -> dict[str, object]:
        """The options as plain values, for ``meta.json``."""
        return asdict(self)


@dataclass(frozen=True)
class Item:
    """One clip or picture to draw.

    Args:
        stream: ``'clip'``, ``'static'`` or ``'video'``; with ``number`` it seeds the item.
        number: 1-based number within the stream.
        subject: number of the subject, unique in the whole set.
        name: class name.
        fold: 1-based fold whose test set holds the clip; 0 outside the folds.
        test: whether a static picture belongs to the test list.
    """
    stream: str
    number: int
    subject: int
    name: str
    fold: int = 0
    test: bool = False

    @property
    def label(self) -> int:
        """DFEW's label, 1..7."""
        return CLASSES.index(self.name) + 1


def stream_rng(seed: int, stream: str, number: int = 0) -> np.random.Generator:
    """The generator of one item, independent of all others and of the order of work."""
    return np.random.default_rng(np.random.SeedSequence([seed, STREAM[stream], number]))


def plan_clips(options: Options) -> list[Item]:
    """Clips in the order of their numbers; folds hold whole subjects, every class in each."""
    rng = stream_rng(options.seed, 'plan')
    folds = np.arange(options.subjects) % N_FOLDS
    subjects = rng.permutation(np.arange(options.clips) % options.subjects)
    names = np.empty(options.clips, object)
    for fold in range(N_FOLDS):
        places = np.flatnonzero(folds[subjects] == fold)
        names[places] = rng.permutation(_class_names(len(places)))
    return [Item('clip', index + 1, int(subject) + 1, str(name), int(folds[subject]) + 1)
            for index, (subject, name) in enumerate(zip(subjects, names))]


def _class_names(count: int) -> np.ndarray:
    """``count`` class names: one of each, the rest by :data:`CLASS_SHARE`."""
    counts = 1 + np.floor((count - len(CLASSES)) * CLASS_SHARE / CLASS_SHARE.sum()).astype(int)
    order = np.argsort(-CLASS_SHARE, kind='stable')
    for index in range(count - counts.sum()):
        counts[order[index % len(order)]] += 1
    return np.repeat(np.array(CLASSES, object), counts)


def plan_static(options: Options) -> list[Item]:
    """Pictures of subjects that are in no clip; training and test subjects differ too."""
    n_train = options.static
    n_test = -(-n_train // STATIC_TEST_DIVISOR)
    items, subject = [], options.subjects + 1
    for test, count in ((False, n_train), (True, n_test)):
        rng = np.random.default_rng([options.seed, STREAM['plan'], 1 + test])
        names = rng.permutation(np.resize(np.array(CLASSES, object), count))
        for index, name in enumerate(names):
            items.append(Item('static', len(items) + 1, subject + index // PICTURES_A_SUBJECT, str(name), test=test))
        subject += -(-count // PICTURES_A_SUBJECT)
    return items


def sittings(items: list[Item]) -> list[list[Item]]:
    """Groups of pictures that show one subject in one place."""
    groups = groupby(items, lambda item: (item.subject, (item.number - 1) // PICTURES_A_SITTING))
    return [list(group) for _, group in groups]


def plan_videos(options: Options) -> list[Item]:
    """One video a class, of subjects that are in no list."""
    return [Item('video', 90001 + index, 900001 + index, name) for index, name in enumerate(CLASSES)]


def fold_lists(clips: Sequence[Item], fold: int) -> tuple[list[Item], list[Item]]:
    """Training and test clips of a 1-based fold."""
    return ([clip for clip in clips if clip.fold != fold], [clip for clip in clips if clip.fold == fold])
