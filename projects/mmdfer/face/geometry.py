"""What a face's mesh measures: openings of mouth and eyes, height of the brows, pose of the head.

These are lengths and angles of a mesh that was fitted to a picture, and no action units: nobody coded them, and a
person's own shape is in them. Left and right are the picture's. The head has axes of its own,

    x from the outer corner of the left eye to that of the right,
    y from the top of the forehead to the chin, as far as it is square to x,
    z = x × y, into the head,

and lengths are measured along them, in units of the distance of the outer eye corners: they change neither with the
size of the face nor, as far as the mesh's depth is right, with its pose.
"""
from __future__ import annotations

import numpy as np

from .mesh import MESH_POINTS

NAMES = ('mouth_opening', 'mouth_width', 'left_eye_opening', 'right_eye_opening', 'left_brow_height',
         'right_brow_height', 'yaw', 'pitch', 'roll')
"""Columns in order. Openings of eyes are shares of the eye's own width; angles are degrees."""

FOREHEAD, CHIN = 10, 152
LIPS, MOUTH_CORNERS = (13, 14), (61, 291)
# Outer corner, two points of the upper lid, inner corner, and the points of the lower lid below those of the upper.
LEFT_EYE, RIGHT_EYE = (33, 160, 158, 133, 144, 153), (263, 387, 385, 362, 373, 380)
LEFT_BROW, RIGHT_BROW = (70, 63, 105, 66, 107), (300, 293, 334, 296, 336)


def head_axes(mesh: np.ndarray) -> np.ndarray:
    """The head's axes as the columns of a rotation (3, 3), in the picture's axes: x right, y down, z away.

    Args:
        mesh: (478, 3), z in the units of x and y.
    """
    x = _unit(mesh[RIGHT_EYE[0]] - mesh[LEFT_EYE[0]])
    down = mesh[CHIN] - mesh[FOREHEAD]
    y = _unit(down - (down @ x) * x)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def pose_of(axes: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of axes R = R_z(roll) R_y(-yaw) R_x(-pitch).

    Yaw is positive for a face that turns to the picture's right, pitch for one that looks up, roll for one that leans
    clockwise.
    """
    yaw = np.arcsin(np.clip(axes[2, 0], -1, 1))
    pitch = np.arctan2(-axes[2, 1], axes[2, 2])
    roll = np.arctan2(axes[1, 0], axes[0, 0])
    yaw, pitch, roll = np.degrees([yaw, pitch, roll]).tolist()
    return yaw, pitch, roll


def geometry_of(mesh: np.ndarray) -> np.ndarray:
    """The measures (9,) of a mesh, in the order of :data:`NAMES`.

    Args:
        mesh: MediaPipe's (478, 3), in pixels of the frame, z smaller where nearer.

    Raises:
        ValueError: for a mesh of another shape.
    """
    if mesh.shape != (MESH_POINTS, 3):
        raise ValueError(f'a mesh is ({MESH_POINTS}, 3), got {mesh.shape}')
    mesh = mesh.astype(np.float64)
    axes = head_axes(mesh)
    own = mesh @ axes / np.linalg.norm(mesh[RIGHT_EYE[0]] - mesh[LEFT_EYE[0]])      # in the head's axes and unit

    def distance(one: int, other: int) -> float:
        return float(np.linalg.norm(own[one] - own[other]))

    return np.array([
        distance(*LIPS), distance(*MOUTH_CORNERS), _eye_opening(own, LEFT_EYE), _eye_opening(own, RIGHT_EYE),
        _brow_height(own, LEFT_BROW, LEFT_EYE), _brow_height(own, RIGHT_BROW, RIGHT_EYE), *pose_of(axes)])


def _eye_opening(own: np.ndarray, eye: tuple[int, ...]) -> float:
    """The eye's aspect ratio: the mean distance of its lids by that of its corners (Soukupová and Čech 2016)."""
    outer, first, second, inner, below_first, below_second = (own[index] for index in eye)
    lids = np.linalg.norm(first - below_first) + np.linalg.norm(second - below_second)
    return float(lids / (2 * np.linalg.norm(outer - inner)))


def _brow_height(own: np.ndarray, brow: tuple[int, ...], eye: tuple[int, ...]) -> float:
    """How far the brow is, on the mean of its points, above the middle of the eye's corners."""
    return float((own[eye[0], 1] + own[eye[3], 1]) / 2 - own[list(brow), 1].mean())


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
