"""Captions of a synthetic set from what is known of its clips: which action units move, how far and when.

They say what a careful observer would, in several wordings, and name no emotion.
"""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..captions.caption_file import RAW_NAME, Caption, write_captions

VERSION = 1
"""To be raised with every change of the texts."""

SEEN, FAINT = 0.18, 0.1
"""Least peak intensity that is told, and that may be told as a faint movement."""

STREAM = 7
"""Keeps the texts' draws apart from those of the pictures."""

PHRASES: dict[int, tuple[str, ...]] = {
    1: ('the inner ends of the brows rise', 'the inner brows are raised', 'the brows slant upwards in the middle'),
    2: ('the outer ends of the brows rise', 'the outer brows are raised', 'the brows arch at the sides'),
    4: ('the brows lower and draw together', 'the brows are pulled down', 'the brows move closer above the nose'),
    5: ('the upper eyelids rise', 'the eyes open wide', 'the eyelids are lifted'),
    6: ('the cheeks rise', 'the cheeks push up under the eyes', 'the cheeks are lifted'),
    7: ('the eyelids tighten', 'the eyes narrow', 'the lower eyelids are tensed'),
    9: ('the nose wrinkles', 'the sides of the nose are drawn up', 'folds appear across the nose'),
    12: ('the corners of the mouth are pulled up', 'the mouth widens and its corners rise',
         'the lip corners move up and out'),
    15: ('the corners of the mouth sink', 'the lip corners are pulled down', 'the mouth curves downwards'),
    16: ('the lower lip is pulled down', 'the lower lip drops', 'the lower lip moves away from the upper'),
    20: ('the lips are stretched sideways', 'the mouth is drawn wide', 'the lips are pulled towards the ears'),
    23: ('the lips tighten', 'the lips grow thin', 'the lips are pressed narrow'),
    25: ('the lips part', 'the mouth comes open', 'the lips come apart'),
    26: ('the jaw drops', 'the chin moves down and the mouth opens', 'the jaw falls open'),
}
STRENGTHS = ((0.75, ('strongly', 'clearly', 'markedly')), (0.45, ('noticeably', 'visibly')),
             (SEEN, ('slightly', 'a little')), (0., ('faintly', 'just visibly')))
REST = ('the face stays at rest', 'the features keep still', 'nothing in the face moves much', 'the muscles stay slack')
STILL = ('the brows are level and the lips lie closed', 'the eyes look on evenly and the jaw is still',
         'the forehead is smooth and the mouth keeps its shape', 'the gaze is even and the lips hardly move')
PLACES = ('at the beginning', 'before the middle', 'about the middle', 'after the middle', 'towards the end')
RISES = dict(fast=('comes on at once', 'sets in within a few frames', 'builds up suddenly'),
             even=('builds up steadily', 'comes on evenly', 'grows frame by frame'),
             slow=('builds up slowly', 'grows over many frames', 'comes on bit by bit'))
FALLS = dict(fast=('is gone at once', 'ends abruptly', 'drops away within a few frames'),
             even=('fades steadily', 'goes back evenly', 'lets go frame by frame'),
             slow=('fades slowly', 'lets go bit by bit', 'dies away over many frames'))


def write_demo_captions(root: Path, seed: int = 0) -> int:
    """Write ``captions.jsonl`` of a set made by :func:`~mmdfer.synthetic.make_dataset`.

    Args:
        root: the set's folder, with ``clips.jsonl``.
        seed: chooses the wordings; the same seed gives the same bytes.

    Returns:
        Number of captions.
    """
    with open(root / 'clips.jsonl', encoding='utf-8') as file:
        notes = [note for note in map(json.loads, file) if note['stream'] == 'clip']
    write_captions([Caption(f'{note["id"]:05d}', describe(note, np.random.default_rng([seed, STREAM, note['id']])),
                            dict(source='synthetic', version=VERSION, seed=seed)) for note in notes], root / RAW_NAME)
    return len(notes)


def describe(note: dict, rng: np.random.Generator) -> str:
    """The caption of a clip.

    Args:
        note: its line of ``clips.jsonl``: ``peaks`` of the units, ``onset``, ``apex`` and ``offset`` of the movement
            (frames, or none in a clip that moves nothing), and ``n_frames``.
        rng: draws the wording.
    """
    if note['onset'] is None:
        # A face at rest: weak movements of a few units, without a common time course.
        order = (_pick(REST, rng), _pick(STILL, rng))
        return _sentences([', and '.join(order if rng.random() < 0.5 else order[::-1]), *_faint(note, rng)])
    told = sorted(((peak, int(name[2:])) for name, peak in note['peaks'].items() if peak >= SEEN), reverse=True)
    clauses = [f'{_pick(PHRASES[unit], rng)} {_strength(peak, rng)}' for peak, unit in told]
    sentences = [f'{_place(note)} {_join(clauses)}'] if clauses else [f'{_place(note)} the face moves faintly']
    return _sentences([*sentences, _time_course(note, rng), *_faint(note, rng)])


def _time_course(note: dict, rng: np.random.Generator) -> str:
    frames = note['n_frames']
    rise = _speed((note['apex'] - note['onset'] + 1) / frames)
    fall = _speed((note['offset'] - note['apex'] + 1) / frames)
    return f'the movement {_pick(RISES[rise], rng)} and {_pick(FALLS[fall], rng)}'


def _speed(share: float) -> str:
    """In words how fast a rise or fall is that takes this share of a clip."""
    return 'fast' if share < 0.2 else 'slow' if share > 0.4 else 'even'


def _place(note: dict) -> str:
    return PLACES[min(int(note['apex'] / note['n_frames'] * len(PLACES)), len(PLACES) - 1)]


def _faint(note: dict, rng: np.random.Generator) -> list[str]:
    """At times, one of the movements that are hardly seen."""
    faint = [int(name[2:]) for name, peak in note['peaks'].items() if FAINT <= peak < SEEN]
    if not faint or rng.random() < 0.5:
        return []
    return [f'{_pick(PHRASES[int(rng.choice(faint))], rng)} {_strength(FAINT, rng)}']


def _strength(peak: float, rng: np.random.Generator) -> str:
    return _pick(next(words for least, words in STRENGTHS if peak >= least), rng)


def _join(clauses: list[str]) -> str:
    return ', '.join(clauses[:-1]) + (' and ' if len(clauses) > 1 else '') + clauses[-1]


def _sentences(parts: list[str]) -> str:
    return ' '.join(f'{part[0].upper()}{part[1:]}.' for part in parts)


def _pick(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[rng.integers(len(words))]
