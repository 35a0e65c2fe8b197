"""Face crops with the eyes and the mouth in one place, as the frames of DFER sets have them."""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from ..files import whole_folder
from .boxes import cut, square, to_crop
from .landmarks import EYES, MOUTH
from .store import ClipFaces

EDGE = 224
PLACES = np.array([(0.33, 0.40), (0.67, 0.40), (0.50, 0.75)])
"""Left eye, right eye and mouth, as shares of the crop's edge."""
JPEG_QUALITY = 95


def alignment(landmarks: np.ndarray, edge: int = EDGE) -> np.ndarray:
    """The similarity (2, 3) that brings a face's eyes and mouth nearest to :data:`PLACES`.

    Args:
        landmarks: (68, 2) in pixels of the frame.
        edge: of the crop.
    """
    return alignment_of_points(np.array([landmarks[part].mean(axis=0) for part in (*EYES, MOUTH)], float), edge)


def alignment_of_points(parts: np.ndarray, edge: int = EDGE) -> np.ndarray:
    """The same from the eyes and the mouth alone, (3, 2)."""
    # As complex numbers a turn and a scale are one factor: w = a·z + b, by least squares.
    z, w = (points @ (1, 1j) for points in (parts, PLACES * edge))
    (a, b), *_ = np.linalg.lstsq(np.stack([z, np.ones_like(z)], axis=1), w, rcond=None)
    return np.array([(a.real, -a.imag, b.real), (a.imag, a.real, b.imag)])


def aligned_crop(frame: np.ndarray, landmarks: np.ndarray, edge: int = EDGE) -> np.ndarray:
    """The upright face of a frame (H, W, 3) with landmarks (68, 2), as a picture (edge, edge, 3)."""
    parts = np.array([landmarks[part].mean(axis=0) for part in (*EYES, MOUTH)], float)
    return aligned_by_points(frame, parts, np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)]), edge)


def aligned_by_points(frame: np.ndarray, parts: np.ndarray, box: np.ndarray, edge: int = EDGE) -> np.ndarray:
    """The upright face of a frame (H, W, 3) with eyes and mouth at (3, 2) and a box (4,) around it, (edge, edge, 3)."""
    part, shown = cut(frame, square(box, 1.5), 2 * edge)            # reduced first: a warp alone would skip pixels
    matrix = alignment_of_points(to_crop(parts, shown, part.shape[1]), edge)
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5    # OpenCV's pixel centres are integers
    return cv2.warpAffine(part, matrix, (edge, edge), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def write_crops(frames: Iterable[np.ndarray], faces: ClipFaces, folder: Path) -> None:
    """Write the aligned faces of a clip as a folder of JPEG frames, whole or not at all.

    Frames keep their numbers, from 1; those without a face are left out, and a clip without any has no folder.
    """
    seen = np.isfinite(faces.landmarks).all(axis=(1, 2))
    if not seen.any():
        return
    with whole_folder(folder) as partial:
        for index, frame in enumerate(frames):
            if seen[index]:
                crop = aligned_crop(frame, faces.landmarks[index])
                picture = cv2.imencode('.jpg', crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
                (partial / f'{index + 1:05d}.jpg').write_bytes(picture)
