"""Boxes (x1, y1, x2, y2) in pixels of a frame, where pixel i spans [i, i + 1)."""
from __future__ import annotations

import cv2
import numpy as np

MARGIN = 0.5
"""Share of a face's box that is added around it for its maps, half on each side."""


def box_of(points: np.ndarray) -> np.ndarray:
    """The box (4,) around points (n, 2)."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def iou(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,) and boxes (n, 4): (n,)."""
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    return shared / (np.prod(one[2:] - one[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - shared)


def square(box: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """The square around a box with its longer side, enlarged by a share of it."""
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max() * (1 + margin) / 2
    return np.concatenate([centre - half, centre + half])


def map_box(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The part of a frame that a face's maps show: its enlarged square, moved into the frame.

    On a frame that is itself a face crop this is the whole frame, so its maps match it pixel by pixel.

    Args:
        box: (4,) around the face.
        size: height and width of the frame.
    """
    around = square(box)
    side = min(np.floor(around[2] - around[0]), *size)
    low = np.clip(np.rint((around[:2] + around[2:] - side) / 2), 0, np.array(size[::-1]) - side)
    return np.concatenate([low, low + side])


def to_crop(points: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """Points (..., 2) of a frame in the pixels of a map of edge ``size`` that shows ``box``."""
    return (points - box[:2]) * (size / (box[2:] - box[:2]))


def from_crop(points: np.ndarray, box: np.ndarray, size: tuple[float, float]) -> np.ndarray:
    """Points (..., 2) of a crop of height and width ``size``, cut at ``box``, in the pixels of the frame."""
    return points * ((box[2:] - box[:2]) / np.array(size[::-1])) + box[:2]


def cut(image: np.ndarray, box: np.ndarray, longest: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Cut a box out of a picture (H, W, 3); beyond the picture its edge pixels go on.

    Args:
        image: the picture.
        box: (4,), rounded to whole pixels.
        longest: longer edge that the crop is reduced to, if it is larger.

    Returns:
        The crop, and the box that it shows.
    """
    x1, y1, x2, y2 = np.rint(box).astype(int)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    height, width = image.shape[:2]
    inside = image[max(y1, 0):max(y2, 0), max(x1, 0):max(x2, 0)]
    beyond = max(-y1, 0), max(y2 - height, 0), max(-x1, 0), max(x2 - width, 0)
    if any(beyond) and inside.size:
        crop = cv2.copyMakeBorder(inside, *map(int, beyond), cv2.BORDER_REPLICATE)
    elif any(beyond):                                               # all of it
        rows, columns = np.arange(y1, y2).clip(0, height - 1), np.arange(x1, x2).clip(0, width - 1)
        crop = image[rows[:, None], columns]
    else:
        crop = inside
    if longest is not None and max(crop.shape[:2]) > longest:
        scale = longest / max(crop.shape[:2])
        edges = [max(1, round(edge * scale)) for edge in crop.shape[1::-1]]
        crop = cv2.resize(crop, edges, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(crop), np.array([x1, y1, x2, y2], float)
