"""The 68 landmarks of the 300-W mark-up: their parts, and how they mirror.

Points 0-16 run along the jaw from the picture's left to its right, 17-26 the brows, 27-35 the nose,
36-47 the eyes, 48-67 the mouth.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .regions import PALETTE, REGION_ID

NUM_LANDMARKS = 68


@dataclass(frozen=True)
class Contour:
    """A line through landmarks ``first`` to ``last``, in the colour of a region."""
    first: int
    last: int
    region: str
    closed: bool = False

    @property
    def points(self) -> np.ndarray:
        return np.arange(self.first, self.last + 1)

    @property
    def colour(self) -> tuple[int, int, int]:
        return tuple(PALETTE[REGION_ID[self.region]].tolist())


CONTOURS = (
    Contour(0, 16, 'skin'), Contour(17, 21, 'left_brow'), Contour(22, 26, 'right_brow'), Contour(27, 30, 'nose'),
    Contour(31, 35, 'nose'), Contour(36, 41, 'left_eye', True), Contour(42, 47, 'right_eye', True),
    Contour(48, 59, 'upper_lip', True), Contour(60, 67, 'inner_mouth', True),
)

MIRRORED = np.array([
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])
"""(68,) ``points[MIRRORED]`` names the points of a mirrored face anew."""

EYES = (slice(36, 42), slice(42, 48))
MOUTH = slice(48, 60)


def mirror(points: np.ndarray, width: float) -> np.ndarray:
    """Landmarks (..., 68, 2) in a picture of this width, after the picture is flipped from left to right."""
    return points[..., MIRRORED, :] * (-1, 1) + (width, 0)
