"""Polygons of a face over the frames of a clip, and the strokes they are made of.

All T frames are outlined at once. A curve of n points is (T, n, 2), or (n, 2) if it does not move; parts that come in
pairs are (T, 2, n, 2), side 0 left in the picture (x < 0), side 1 right.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_ANGLE = np.linspace(0, 2 * np.pi, 16, endpoint=False)


@dataclass
class FaceParts:
    """Polygons of a clip in face units.

    Args:
        n_frames: number of frames T.
        shapes: part name to polygons (T, n, 2), painted in a flat colour.
        folds: polygons (T, n, 2) of fine skin folds with their strength (T,); strength > 0 darkens, < 0 lightens, by
            that share.
        relief: the same for soft forms of the skin: sockets, cheeks, sides of the nose.
    """
    n_frames: int
    shapes: dict[str, list[np.ndarray]] = field(default_factory=dict)
    folds: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    relief: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, name: str, polygons: np.ndarray) -> None:
        """Add a polygon or a pair of them to part ``name``."""
        self.shapes.setdefault(name, []).extend(self._single(polygons))

    def fold(self, curve: np.ndarray, width: float, strength: np.ndarray) -> None:
        """Add a fold along a curve; ``strength`` broadcasts to (T, 1) or, for pairs, (T, 2, 1)."""
        self._mark(self.folds, band(curve, width), strength)

    def blob(self, x: np.ndarray, y: np.ndarray, rx: float, ry: float, strength: np.ndarray) -> None:
        """Add a soft ellipse; x, y and ``strength`` broadcast to (T, 1) or (T, 2, 1)."""
        self._mark(self.relief, ellipse(x, y, rx, ry), strength)

    def _single(self, polygons: np.ndarray) -> list[np.ndarray]:
        shape = (self.n_frames, *polygons.shape[-2:])
        sides = [polygons[:, 0], polygons[:, 1]] if polygons.ndim == 4 else [polygons]
        return [np.broadcast_to(side, shape) for side in sides]

    def _mark(self, target: list, polygons: np.ndarray, strength: np.ndarray) -> None:
        singles = self._single(polygons)
        strength = np.asarray(strength, float)
        sides = ([strength[:, 0], strength[:, 1]] if strength.ndim == 3 else [strength] * len(singles))
        for polygon, value in zip(singles, sides):
            target.append((polygon, np.broadcast_to(value.reshape(-1), self.n_frames)))


def stack(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Points (..., n, 2) of coordinates that broadcast together."""
    return np.stack(np.broadcast_arrays(x, y), axis=-1)


def closed(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """The outline between two curves (..., n, 2) that run in the same direction."""
    return np.concatenate([upper, lower[..., ::-1, :]], axis=-2)


def band(curve: np.ndarray, width: np.ndarray) -> np.ndarray:
    """A stroke along ``curve`` (..., n, 2): ``width`` wide in the middle, pointed at its ends."""
    step = np.gradient(curve, axis=-2)
    normal = np.stack([-step[..., 1], step[..., 0]], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9
    place = np.linspace(-1, 1, curve.shape[-2])[:, None]
    half = normal * (0.5 * width * (1 - 0.8 * place**2))
    return closed(curve - half, curve + half)


def ellipse(x: np.ndarray, y: np.ndarray, rx: float, ry: float) -> np.ndarray:
    """Outline (..., 16, 2) of an ellipse around (x, y)."""
    return stack(x + rx * np.cos(_ANGLE), y + ry * np.sin(_ANGLE))


def smooth(points: np.ndarray) -> np.ndarray:
    """(..., 4n, 2) closed Catmull-Rom curve through ``points`` (..., n, 2)."""
    before, after, beyond = (np.roll(points, shift, -2) for shift in (1, -1, -2))
    slope = after - before
    square = 2 * before - 5 * points + 4 * after - beyond
    cube = 3 * (points - after) + beyond - before
    curve = np.stack([points + 0.5 * (t * slope + t**2 * square + t**3 * cube)
                      for t in (0, 0.25, 0.5, 0.75)], axis=-2)      # (..., n, 4, 2)
    return curve.reshape(*points.shape[:-2], -1, 2)
