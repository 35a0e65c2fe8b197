"""A face as a detector tells it: where it is, how sure, where eyes and mouth are, and which way is up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Turns of a picture by quarters, counter-clockwise as ``numpy.rot90`` has them.
QUARTERS = (0, 1, 2, 3)


@dataclass
class Face:
    """One face of a frame.

    Args:
        box: (4,) x1, y1, x2, y2 in pixels of the frame.
        score: of the detector, in [0, 1].
        points: (3, 2) left eye, right eye (as seen in the upright picture) and mouth, in pixels of the frame.
        turn: quarters by which ``numpy.rot90`` makes the face stand upright.
    """

    box: np.ndarray
    score: float
    points: np.ndarray
    turn: int = 0


def between(one: Face, other: Face, share: float) -> Face:
    """The face that is ``share`` of the way from one to another."""

    def mix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return (1 - share) * first + share * second

    return Face(
        mix(one.box, other.box),
        min(one.score, other.score),
        mix(one.points, other.points),
        one.turn if share < 0.5 else other.turn,
    )


def turned_back(points: np.ndarray, turn: int, size: tuple[int, int]) -> np.ndarray:
    """Points (..., 2) of ``numpy.rot90(frame, turn)`` in the pixels of the frame of height and width ``size``."""
    height, width = size
    x, y = points[..., 0], points[..., 1]
    # rot90 counter-clockwise: a frame's (x, y) goes to (y, width - x).
    return np.stack({0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[turn % 4], axis=-1)


def box_turned_back(box: np.ndarray, turn: int, size: tuple[int, int]) -> np.ndarray:
    """A box (4,) of the turned frame in the pixels of the frame."""
    corners = turned_back(box.reshape(2, 2), turn, size)
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])
