"""Label maps and landmarks as pictures, in one fixed style."""
from __future__ import annotations

import cv2
import numpy as np

from .landmarks import CONTOURS
from .regions import PALETTE

STYLE_EDGE = 224
"""Edge of a map for which line width and point radius are given."""
LINE, RADIUS = 1, 1.5
POINT = (255, 255, 255)
_PLANES = np.pad(PALETTE, ((0, 256 - len(PALETTE)), (0, 0))).T       # (3, 256) tables for OpenCV
_SHIFT = 4          # fractional bits of OpenCV's coordinates


def render_parsing(labels: np.ndarray) -> np.ndarray:
    """Label maps (..., H, W) as pictures (..., H, W, 3), RGB."""
    return PALETTE[labels]


def parsing_planes(labels: np.ndarray) -> np.ndarray:
    """Label maps (T, H, W) as the three colour planes (3, T, H, W), for models."""
    flat = labels.reshape(len(labels), -1)
    return np.stack([cv2.LUT(flat, plane) for plane in _PLANES]).reshape(3, *labels.shape)


def render_landmarks(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Contours and points of one face on black.

    Args:
        points: (68, 2) in pixels of the picture; not a number for a frame without a face.
        size: height and width of the picture.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    picture = np.zeros((*size, 3), np.uint8)
    return draw_landmarks(picture, points)


def draw_landmarks(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Draw the landmarks (68, 2) into a picture (H, W, 3); it is returned."""
    if not np.isfinite(points).all():
        return picture
    scale = max(picture.shape[:2]) / STYLE_EDGE
    fixed = np.rint((points - 0.5) * (1 << _SHIFT)).astype(np.int32)
    for contour in CONTOURS:
        cv2.polylines(picture, [fixed[contour.points]], contour.closed, contour.colour, max(1, round(LINE * scale)),
                      cv2.LINE_AA, _SHIFT)
    radius = max(1 << _SHIFT - 1, round(RADIUS * scale * (1 << _SHIFT)))
    for point in fixed:
        cv2.circle(picture, point.tolist(), radius, POINT, -1, cv2.LINE_AA, _SHIFT)
    return picture


def overlay(frame: np.ndarray, labels: np.ndarray | None = None, points: np.ndarray | None = None,
            share: float = 0.5) -> np.ndarray:
    """A frame (H, W, 3) with its label map (H, W) laid over it and its landmarks (68, 2) drawn into it."""
    picture = frame.copy()
    if labels is not None:
        face = labels > 0
        picture[face] = (frame[face] * (1 - share) + PALETTE[labels[face]] * share).astype(np.uint8)
    return picture if points is None else draw_landmarks(picture, points)
