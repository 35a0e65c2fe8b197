"""Facial action units: which of them a class moves, how strongly, and along which time course.

The seven classes stand in DFEW's label order (1-based labels). Surprise and fear move the *same* units by the same
strengths; what tells them apart is time alone: surprise rises fast and falls slowly, fear is a surprise played
backwards. A model that averages frames cannot separate the two.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..datasets.dfew import CLASSES as CLASSES  # ``CLASSES[label - 1]`` names DFEW's label

ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 12, 15, 16, 20, 23, 25, 26, 45)
"""FACS numbers, in the order of every AU vector of this package."""

AU_INDEX = {unit: index for index, unit in enumerate(ACTION_UNITS)}

CLASS_UNITS: dict[str, dict[int, tuple[float, float]]] = {
    'happy': {6: (0.6, 1.0), 12: (0.7, 1.0)},
    'sad': {1: (0.75, 1.0), 4: (0.2, 0.45), 15: (0.8, 1.0)},
    'neutral': {},
    'angry': {4: (0.7, 1.0), 5: (0.2, 0.6), 7: (0.5, 1.0), 23: (0.6, 1.0)},
    'surprise': {1: (0.6, 1.0), 2: (0.6, 1.0), 5: (0.6, 1.0), 26: (0.5, 1.0)},
    'disgust': {9: (0.7, 1.0), 15: (0.3, 0.8), 16: (0.4, 1.0)},
}
"""Units of a class with the range of their share of the clip's strength. Fear has no row of its
own: it is drawn as a surprise and reversed."""

COMPANIONS: dict[str, dict[int, tuple[float, float, float]]] = {
    'happy': {25: (0.55, 0.2, 0.9)},
    'disgust': {4: (0.3, 0.1, 0.4), 25: (0.4, 0.1, 0.4)},
    'sad': {7: (0.2, 0.1, 0.3)},
    'surprise': {20: (0.35, 0.1, 0.5), 25: (0.5, 0.1, 0.5)},
}
"""Units that come along in some clips: (probability, lowest, highest share of the strength)."""

STRENGTH = (0.65, 1.0)
"""Range of a clip's strength, so that weak expressions occur."""


@dataclass(frozen=True)
class TimeCourse:
    """Rise, hold and fall of an expression, as shares of the clip's length.

    Args:
        start: where the rise begins.
        rise: length of the onset.
        hold: length of the apex.
        fall: length of the offset.
    """
    start: float
    rise: float
    hold: float
    fall: float

    def __call__(self, time: np.ndarray) -> np.ndarray:
        """Intensity in [0, 1] at ``time`` (positions in [0, 1], any shape)."""
        up = smoothstep((time - self.start) / self.rise)
        down = smoothstep((time - self.start - self.rise - self.hold) / self.fall)
        return np.minimum(up, 1 - down)


def smoothstep(x: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, with a smooth cubic between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def sample_time_course(name: str, rng: np.random.Generator) -> TimeCourse:
    """Draw the time course of a clip of class ``name``.

    A surprise rises in 9-18 % and falls in 42-64 % of the clip; the slack lies before and after, so the peak's place
    varies. All other courses have no preferred direction in time.
    """
    if name == 'surprise':
        rise, hold, fall = rng.uniform(0.09, 0.18), rng.uniform(0.02, 0.06), rng.uniform(0.42, 0.64)
    else:
        rise, hold, fall = rng.uniform(0.12, 0.3), rng.uniform(0.2, 0.4), rng.uniform(0.12, 0.3)
    return TimeCourse(rng.uniform(0, 1 - rise - hold - fall), rise, hold, fall)


def sample_peaks(name: str, rng: np.random.Generator) -> np.ndarray:
    """Draw the peak intensity of every unit for a clip of class ``name``.

    Beside the class's own units, a few others move along weakly (cross-talk).

    Returns:
        (len(ACTION_UNITS),) intensities in [0, 1].
    """
    low, high = STRENGTH
    strength = low + (high - low) * rng.beta(1.8, 1.2)
    cross_talk = rng.random(len(ACTION_UNITS)) < 0.2
    peaks = cross_talk * rng.uniform(0, 0.15, len(ACTION_UNITS))
    for unit, (least, most) in CLASS_UNITS[name].items():
        peaks[AU_INDEX[unit]] = strength * rng.uniform(least, most)
    for unit, (probability, least, most) in COMPANIONS.get(name, {}).items():
        if rng.random() < probability:
            peaks[AU_INDEX[unit]] = strength * rng.uniform(least, most)
    peaks[AU_INDEX[45]] = 0     # blinks are drawn apart, as events
    return peaks
