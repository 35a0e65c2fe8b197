"""MediaPipe's face mesh read as anatomy: which of its 478 points are landmarks, and which bound a region."""
from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from .boxes import to_crop
from .regions import REGION_ID

MESH_POINTS = 478
SURFACE = 468
"""Points of the face itself; the last ten are the irises."""

LANDMARKS = np.array([
    127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356,      # jaw
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,                                          # brows
    168, 197, 5, 4, 98, 97, 2, 326, 327,                                                    # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,                              # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,                                    # lips, outside
    78, 81, 13, 311, 308, 402, 14, 178,                                                     # lips, inside
])
"""(68,) the mesh point of each landmark."""

_UPPER_OUT = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_UPPER_IN = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LOWER_IN = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_LOWER_OUT = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)

OUTLINES = {
    'skin': (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
             149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    'nose': (168, 193, 245, 188, 174, 217, 198, 209, 49, 48, 64, 98, 97, 2, 326, 327, 294, 278, 279, 429, 420, 437, 399,
             412, 465, 417),
    'left_brow': (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    'right_brow': (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
    'left_eye': (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    'right_eye': (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
    'inner_mouth': _UPPER_IN + _LOWER_IN[-2:0:-1],
    'upper_lip': _UPPER_OUT + _UPPER_IN[::-1],
    'lower_lip': _LOWER_IN + _LOWER_OUT[::-1],
}
"""Region to the mesh points around it, in the order of painting: lips that meet cover the mouth between them. The mesh
ends at the hairline and has no hair."""


def landmarks_of(mesh: np.ndarray) -> np.ndarray:
    """The 68 landmarks (..., 68, 2) of a mesh (..., 478, 2)."""
    return mesh[..., LANDMARKS, :2]


def parse_mesh(mesh: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """Paint the regions of one mesh.

    Args:
        mesh: (478, 2) in pixels of the frame.
        box: (4,) x1, y1, x2, y2, the part of the frame that the map shows.
        size: edge of the map.

    Returns:
        (size, size) uint8, region ids.
    """
    points = to_crop(mesh[:, :2], box, size)
    return paint_outlines([(name, points[list(indices)]) for name, indices in OUTLINES.items()], size)


def paint_outlines(outlines: Iterable[tuple[str, np.ndarray]], size: int) -> np.ndarray:
    """Label map (size, size) of named region outlines (n, 2) in its own pixels, painted in their order.

    A region's pixels are those whose centres its outline encloses, and those on its line.
    """
    labels = np.zeros((size, size), np.uint8)
    for name, points in outlines:
        fixed = np.rint((points - 0.5) * 16).astype(np.int32)      # OpenCV's pixel centres are integers
        cv2.fillPoly(labels, [fixed], REGION_ID[name], cv2.LINE_8, 4)
    return labels
