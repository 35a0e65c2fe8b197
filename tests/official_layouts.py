"""Copies of the official layouts in any size, the published one included: every list line, tiny frames.

A clip's first frame is its own (a comment in the JPEG makes its bytes unlike all others), the rest are hard links
to one, so that a full-size copy is written in seconds.
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmdfer.datasets import class_names

DFEW_TESTS = (2341, 2341, 2340, 2339, 2336)
DFEW_CLASSES = (2445, 1894, 2669, 2173, 1469, 145, 902)             # fold 1, train and test together
DFEW_FIRST_TEST = (489, 379, 534, 435, 294, 29, 181)
FERV39K_TRAIN = dict(Angry=5906, Disgust=1833, Fear=1680, Happy=5854, Neutral=7790, Sad=5523, Surprise=2502)
FERV39K_TEST = 7847
MAFW_TESTS = (1839, 1837, 1833, 1832, 1831)
MAFW_COMPOUND = 8996
AFEW_SIZES = dict(train=773, val=383)
AFEW_CLASSES = ('Angry', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise')
SCENES = ('Action', *(f'Scene{number:02d}' for number in range(2, 23)))


class FrameWriter:
    """Writes clips of ``frames`` tiny frames, each unlike the others."""

    def __init__(self, root: Path, frames: int = 2, suffix: str = '.jpg') -> None:
        root.mkdir(parents=True, exist_ok=True)
        image = cv2.resize(np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5, (16, 16))
        self.data = cv2.imencode('.jpg', image)[1].tobytes()
        self.shared = root / f'.shared{suffix}'
        self.shared.write_bytes(self.data)
        self.frames, self.suffix, self.written = frames, suffix, 0

    def write(self, folder: str | Path) -> None:
        try:
            os.mkdir(folder)
        except FileNotFoundError:
            os.makedirs(folder)
        self.written += 1
        comment = str(self.written).encode()
        file = os.open(f'{folder}/00001{self.suffix}', os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(file, b'\xff\xd8\xff\xfe' + (len(comment) + 2).to_bytes(2, 'big') + comment + self.data[2:])
        os.close(file)
        for frame in range(2, self.frames + 1):
            os.link(self.shared, f'{folder}/{frame:05d}{self.suffix}')


def write_list(path: Path, lines: Iterable[str], ending: str = '\n', encoding: str = 'utf-8') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((ending.join(lines) + ending).encode(encoding))


def spread(counts: Sequence[int]) -> np.ndarray:
    """Labels with these counts, each class as evenly along the list as can be, so that any part has its share."""
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    return np.repeat(np.arange(len(counts)), counts)[np.argsort(places, kind='stable')]


def rounds(total: int, classes: int) -> list[int]:
    """Counts of the classes that are as even as can be."""
    return [total // classes + (label < total % classes) for label in range(classes)]


def write_dfew_copy(root: Path, tests: Sequence[int] = DFEW_TESTS, classes: Sequence[int] | None = DFEW_CLASSES,
                    first_test: Sequence[int] | None = DFEW_FIRST_TEST, frames: int = 2) -> Path:
    """DFEW with these sizes of the test folds; the classes' counts of all and of fold 1's test set, or even ones."""
    classes = classes or rounds(sum(tests), 7)
    first_test = first_test or rounds(tests[0], 7)
    rest = [whole - first for whole, first in zip(classes, first_test)]
    labels = np.concatenate([spread(first_test), spread(rest)])
    writer = FrameWriter(root / 'Clip', frames)
    for number in range(1, len(labels) + 1):
        writer.write(f'{root}/Clip/clip_224x224/{number:05d}')
    folds = np.repeat(np.arange(1, 6), tests)
    for fold in range(1, 6):
        for split, is_in in (('train', folds != fold), ('test', folds == fold)):
            lines = ['video_name,label', *(f'{place + 1},{labels[place] + 1}' for place in np.flatnonzero(is_in))]
            write_list(root / 'EmoLabel_DataSplit' / f'{split}(single-labeled)' / f'set_{fold}.csv', lines,
                       '\r\n' if split == 'train' else '\n')
    return root


def write_ferv39k_copy(root: Path, train: dict[str, int] | None = None, test: int = FERV39K_TEST,
                       scenes: Sequence[str] = SCENES, frames: int = 2) -> Path:
    """FERV39k with these training clips a class and that many test clips, dealt out to the scenes."""
    train = train or FERV39K_TRAIN
    writer = FrameWriter(root / '2_ClipsforFaceCrop', frames)
    lists: dict[tuple[str, str], list[str]] = {(split, scene): [] for split in ('train', 'test') for scene in scenes}
    turn, numbers = 0, {}
    wanted = dict(train=train, test=dict(zip(train, rounds(test, len(train)))))
    for split, counts in wanted.items():
        for name, count in counts.items():
            for _ in range(count):
                scene = scenes[turn % len(scenes)]
                turn += 1
                number = numbers[scene, name] = numbers.get((scene, name), -1) + 1
                clip = f'{scene}/{name}/{number:04d}'
                writer.write(f'{root}/2_ClipsforFaceCrop/{clip}')
                lists[split, scene].append(f'{clip} {name}')
    for split in ('train', 'test'):
        write_list(root / '4_setups' / 'All_scenes' / f'{split}_All.csv',
                   [line for scene in scenes for line in lists[split, scene]])
        for scene in scenes:
            write_list(root / '4_setups' / '22_scenes' / f'{split}_{scene}.csv', lists[split, scene], '\r\n')
    return root


def write_mafw_copy(root: Path, tests: Sequence[int] = MAFW_TESTS, compound: int = MAFW_COMPOUND,
                    frames: int = 2) -> Path:
    """MAFW with these sizes of the single set's test folds, and that many clips in the compound set."""
    singles = sum(tests)
    total = max(singles + singles // 10, compound) if singles != sum(MAFW_TESTS) else 10045
    writer = FrameWriter(root / 'frames', frames, '.png')
    for number in range(1, total + 1):
        writer.write(f'{root}/frames/{number:05d}')
    _mafw_lists(root, 'single', class_names('mafw'), range(1, singles + 1), np.repeat(np.arange(1, 6), tests))
    _mafw_lists(root, 'compound', class_names('mafw_compound'), range(total - compound + 1, total + 1),
                np.repeat(np.arange(1, 6), rounds(compound, 5)))
    return root


def _mafw_lists(root: Path, setting: str, names: Sequence[str], numbers: range, folds: np.ndarray) -> None:
    labels = spread(rounds(len(numbers), len(names)))
    for fold in range(1, 6):
        for split, is_in in (('train', folds != fold), ('test', folds == fold)):
            rows = [(numbers[place], names[labels[place]]) for place in np.flatnonzero(is_in)]
            folder = root / 'Train & Test Set' / setting
            write_list(folder / 'no_caption' / f'set_{fold}' / f'{split}.txt',
                       [f'{number:05d}.mp4 {name}' for number, name in rows], '\r\n')
            write_list(folder / 'with_caption' / f'set_{fold}' / f'{split}.txt',
                       [f'{number:05d}.mp4\t{name}\t一个人，皱眉 {number}。\tA person, frowning, number {number}.'
                        for number, name in rows if name != 'neutral'], '\r\n', 'gbk')


def write_afew_copy(root: Path, sizes: dict[str, int] | None = None, frames: int = 2,
                    form: str = 'D:/AFEW/frames/{clip} 99 {label}') -> Path:
    """AFEW with that many clips a split, in lists whose lines have this form; their numbers of frames are wrong."""
    writer = FrameWriter(root / 'frames', frames)
    writer.shared = writer.shared.rename(root / '.shared')
    number = 0
    for split, size in (sizes or AFEW_SIZES).items():
        lines = []
        for label in spread(rounds(size, len(AFEW_CLASSES))):
            number += 1
            clip = f'{split}/{AFEW_CLASSES[label]}/{number:09d}'
            writer.write(root / 'frames' / clip)
            lines.append(form.format(clip=clip, label=label))
        write_list(root / f'AFEW_{split}.txt', lines, '\r\n' if split == 'train' else '\n')
    return root


def write_folder_copy(root: Path, clips: int = 3, splits: Sequence[str] = ('train', 'val'), frames: int = 2) -> Path:
    """AFEW's kind of folders, as many clips a class and split."""
    writer = FrameWriter(root, frames)
    writer.shared = writer.shared.rename(root / '.shared')
    for split in splits:
        for name in AFEW_CLASSES:
            for number in range(clips):
                writer.write(root / split / name / f'{number:09d}')
    return root
